// Package shared has a contract that .NET peers accept as a whole.
package shared

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/wire"
)

// IShop has a name that is one in .NET already.
//
//halibut:dotnet
type IShop interface {
	Scalars(ctx context.Context, a bool, b int64, c int, d float64, e string, f time.Time, g *time.Time, h uuid.UUID, i []byte, j *int64, k Name) (int32, error)
	Results(ctx context.Context) (float32, error)
	Char(ctx context.Context) (wire.Char, error)
	Classes(ctx context.Context, a *Item, b Item, c Shape, d *halibut.DataStream, e *wire.Tuple2[string, int64]) (*Item, error)
	Lists(ctx context.Context, a []int32, b []*Item, c halibut.List[Shape], d halibut.Set[string], e map[Level]Item, f [][]byte, g []time.Time, h []*halibut.DataStream, i []wire.KeyValuePair[string, int64], j map[string][]Item) ([]Level, error)
	Text(ctx context.Context, t Text, more []Text) error
}

// Name is text with a name.
type Name string

// Level is an enum: fine inside of others.
type Level int32

// Low is a level.
const Low Level = 1

// Item is a class.
type Item struct {
	Level Level
	Span  halibut.TimeSpan
}

// DotNetType names the .NET type.
func (Item) DotNetType() string { return "Shop.Item, Shop" }

// Shape is polymorphic.
type Shape interface{ isShape() }

// Text travels as what it marshals to.
type Text struct{}

// MarshalText is a fixed text.
func (Text) MarshalText() ([]byte, error) { return []byte("text"), nil }

// UnmarshalText takes any text.
func (*Text) UnmarshalText([]byte) error { return nil }
