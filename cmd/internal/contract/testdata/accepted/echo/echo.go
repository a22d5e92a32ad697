// Package echo has contracts with every kind of method that Go peers can call.
package echo

import (
	"context"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut"
)

// EchoService is called over Halibut.
//
//halibut:service IEchoService
type EchoService interface {
	SayHello(ctx context.Context, name string) (string, error)
	Add(ctx context.Context, a, b int64) (int64, error)

	// Count reads the stream to its end.
	//
	//halibut:idempotent
	Count(ctx context.Context, stream *halibut.DataStream) (int64, error)
	Get(context.Context, int32) (*halibut.DataStream, error)
	Sleep(ctx context.Context, d time.Duration) error
	Nothing(context.Context) error

	//halibut:method Take
	TakeText(ctx context.Context, _ string, client, halibut, type_ string) (string, error)
	//halibut:method Take
	TakePerson(ctx context.Context, p *Person) (string, error)
	//halibut:idempotent
	//halibut:method Take
	TakeBoth(ctx context.Context, p Person, context string) (map[uuid.UUID][]*Person, error)

	Any(ctx context.Context, values []any) (any, error)
}

type (
	// Clock has the wire name that its directive says.
	//
	//halibut:service TimeService
	Clock interface {
		Embedded
		interface {
			Zone(ctx context.Context) (string, error)
		}
		Now(ctx context.Context) (time.Time, error)
	}

	// Embedded is part of Clock and no contract itself.
	Embedded interface {
		//halibut:idempotent
		//halibut:method Forward
		Advance(ctx context.Context, by halibut.TimeSpan) (Level, error)
	}
)

// Level is an enum.
type Level int

// The levels.
const (
	Low Level = iota
	High
)

// Shape is polymorphic.
type Shape interface{ isShape() }

// Person refers to itself and to most types that travel.
type Person struct {
	Name    string
	Boss    *Person
	Friends map[string]*Person
	Levels  map[Level]bool
	Shapes  halibut.List[Shape]
	Tags    halibut.Set[string]
	Home    url.URL
	Born    time.Time
	Key     [16]byte
	Text    Text
	Hidden  chan int `halibut:"-"`
	private func()
}

// Text travels as what it marshals to.
type Text struct{ inner chan int }

// MarshalText is a fixed text.
func (Text) MarshalText() ([]byte, error) { return []byte("text"), nil }

// UnmarshalText takes any text.
func (*Text) UnmarshalText([]byte) error { return nil }

var _ = Person{private: nil, Text: Text{inner: nil}}
