package refused

import (
	"context"
	"net/url"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/wire"
)

type (
	Level   int64
	Nameless struct{ X int }
	Words    = []string
)

const Low Level = 1

//halibut:dotnet
type Contract interface {
	A(ctx context.Context, a int8, b int16, c int32, d uint8, e uint16, f uint32, g uint64, h uint) error
	B(ctx context.Context, a float32) error
	C(ctx context.Context, a time.Duration, b halibut.TimeSpan) (halibut.TimeSpan, error)
	D(ctx context.Context, a wire.URI, b *url.URL) (wire.URI, error)
	E(ctx context.Context, a wire.Version) (*wire.Version, error)
	F(ctx context.Context, a Level, b *Level) (Level, error)
	G(ctx context.Context, a *int32) (*int32, error)
	H(ctx context.Context, a wire.KeyValuePair[string, int]) (wire.KeyValuePair[string, int], error)
	I(ctx context.Context, a wire.Char) (wire.Char, error)
	J(ctx context.Context, a any, b []any, c map[string]any) (any, error)
	K(ctx context.Context, a Nameless, b *Nameless, c []Nameless, d map[string][]*Nameless) (Nameless, error)
	L(ctx context.Context, a struct{ X int }) error
	SayAsync(ctx context.Context, words Words) error
}
