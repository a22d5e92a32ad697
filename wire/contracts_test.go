package wire

import (
	"fmt"
	"reflect"
	"time"

	"github.com/google/uuid"
)

// The types of testdata/contracts.cs as a Go program would have them. .NET's
// strings may be null, hence the pointers.

type colour int32

const (
	red   colour = 0
	green colour = 5
	blue  colour = -3
)

func (colour) DotNetType() string { return "Samples.Contracts.Colour, Samples.Contracts" }

func (c colour) MarshalText() ([]byte, error) {
	switch c {
	case red:
		return []byte("Red"), nil
	case green:
		return []byte("Green"), nil
	case blue:
		return []byte("Blue"), nil
	}
	return nil, fmt.Errorf("no colour %d", int32(c))
}

func (c *colour) UnmarshalText(text []byte) error {
	for _, known := range []colour{red, green, blue} {
		if name, _ := known.MarshalText(); string(name) == string(text) {
			*c = known
			return nil
		}
	}
	return fmt.Errorf("no colour %q", text)
}

type rights int64

func (rights) DotNetType() string { return "Samples.Contracts.Rights, Samples.Contracts" }

type address struct{ Street, City *string }

type person struct {
	Name      *string
	Age       int32
	Born      *time.Time
	Home      *address
	Tags      List[string]
	Scores    map[string]int32
	Id        uuid.UUID
	Photo     []byte
	Shift     TimeSpan
	Favourite colour
	Salary    float64
	Boss      *person
}

func (person) DotNetType() string { return "Samples.Contracts.Person, Samples.Contracts" }

type point struct{ X, Y float64 }

func (point) DotNetType() string { return "Samples.Contracts.Point, Samples.Contracts" }
func (point) DotNetValueType()   {}

type shape interface{ area() float64 }

type shapeBase struct{ Label *string }

func (shapeBase) DotNetType() string { return "Samples.Contracts.Shape, Samples.Contracts" }

type circle struct {
	shapeBase
	Radius float64
}

func (circle) DotNetType() string { return "Samples.Contracts.Circle, Samples.Contracts" }
func (c circle) area() float64    { return 3 * c.Radius * c.Radius }

type square struct {
	shapeBase
	Corner point
	Side   float64
}

func (*square) DotNetType() string { return "Samples.Contracts.Square, Samples.Contracts" }
func (s *square) area() float64    { return s.Side * s.Side }

type drawing struct {
	Main   shape
	Shapes List[shape]
	Named  map[string]shape
}

func (drawing) DotNetType() string { return "Samples.Contracts.Drawing, Samples.Contracts" }

type fixed struct {
	Name  string
	Count int32
}

func (fixed) DotNetType() string { return "Samples.Contracts.Fixed, Samples.Contracts" }

type upload struct {
	Name    string
	Content *DataStream
}

func (upload) DotNetType() string { return "Samples.Contracts.Upload, Samples.Contracts" }

type both struct{ First, Second *DataStream }

func (both) DotNetType() string { return "Samples.Contracts.Both, Samples.Contracts" }

type kinds struct {
	Field      string
	Bool       bool
	SByte      int8
	Byte       uint8
	Short      int16
	UShort     uint16
	Int        int32
	UInt       uint32
	Long       int64
	ULong      uint64
	Float      float32
	Double     float64
	Decimal    float64
	Char       Char
	Text       string
	Date       time.Time
	DateOffset time.Time
	Span       time.Duration
	Id         uuid.UUID
	Link       URI
	Release    Version
	Bytes      []byte
	MaybeInt   *int32
	MaybeDate  *time.Time
	Colour     colour
	Rights     rights
	Ints       []int32
	Texts      []string
	TextSet    Set[string]
	Scores     map[string]int32
	ById       map[uuid.UUID]*person
	Shape      shape
	Point      point
	Pair       KeyValuePair[string, int32]
}

func (kinds) DotNetType() string { return "Samples.Contracts.Kinds, Samples.Contracts" }

// contractsCodec knows the types that stand in polymorphic slots.
func contractsCodec() *Codec {
	return &Codec{Types: map[string]reflect.Type{
		"Samples.Contracts.Shape, Samples.Contracts":  reflect.TypeFor[shape](),
		"Samples.Contracts.Circle, Samples.Contracts": reflect.TypeFor[circle](),
		"Samples.Contracts.Square, Samples.Contracts": reflect.TypeFor[*square](),
	}}
}

func ptr[T any](v T) *T { return &v }
