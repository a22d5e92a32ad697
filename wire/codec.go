package wire

import (
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/halibut-go/halibut/internal/bson"
)

// Codec turns Go values into values on the wire and back (wire protocol,
// section 4). A nil *Codec is valid and knows no registered types. A Codec is
// safe for concurrent use once its fields are set; they must not change then,
// and it must not be copied.
//
// How a Go type travels is worked out once for each type and kept. The table
// is in the documentation of [Codec.EncodeParams]; what is particular to
// struct fields is in their tag, `halibut:"Name,option"`:
//
//   - a name other than the field's own, and "-" for a field that stays home;
//     unexported fields always do;
//   - object: the .NET member is declared as object or as an interface, so
//     the value carries $type;
//   - nullzero: null reads as the zero value, and the zero value is written as
//     null. Without it null is an error for a Go value that cannot be nil.
//
// An embedded struct without a name in its tag is a base class: its members
// come after the struct's own, as .NET writes them, and those that the
// struct has too are left out. Members are matched without case on reading,
// unknown ones are ignored.
type Codec struct {
	// Types are the types that may stand in a polymorphic slot (a field, an
	// item or a parameter that is an interface in Go), by their .NET name as it
	// stands in $type: "Namespace.Name, Assembly". Nothing else is ever
	// instantiated on a peer's word. A type may have several names; the one it
	// is written with is its DotNetType, or the first of them in order of text.
	// An interface type here gives the .NET name of the interface, which
	// collections of it need.
	Types map[string]reflect.Type
	// TypeAll writes $type on every document, array and list, also where the
	// slot says their type: the protocol of 2013 does (wire protocol, section 5).
	TypeAll bool
	// MaxDepth caps how deep the document around an encoded value may nest,
	// the outermost being 1; 0 means 100.
	MaxDepth int

	once     sync.Once
	byText   map[string]reflect.Type // by the text in Types, and by its normal form
	byType   map[reflect.Type]TypeName
	typesErr error
	names    sync.Map // reflect.Type -> string, the $type of an object slot
}

var noCodec Codec // what a nil *Codec stands for

func (c *Codec) orNone() *Codec {
	if c == nil {
		return &noCodec
	}
	return c
}

// Check says what is wrong with Types: a name that is none, or a Go type that
// cannot travel. Call it once, before the codec is used.
func (c *Codec) Check() error {
	c = c.orNone()
	c.once.Do(c.index)
	return c.typesErr
}

// EncodeParams encodes the arguments of a call as the array that
// [Request.Params] wants. It appends to dst and returns the array as a Raw whose
// Data begins at len(dst): keep Raw.Data[:0] of a call with an empty dst to
// use its storage again. Data streams among the arguments are added to
// *streams, which is made on the first one; streams may be nil when there are none.
//
// Every argument stands in a slot that .NET declares as object:
//
//   - bool is bool; int8, int16, int32, uint8, uint16 and uint32 up to 2^31-1
//     are int32, int, int64, larger uint32, uint and uint64 are int64 (a uint64
//     above 2^63-1 is an error), float32 and float64 are double (.NET's decimal
//     is a double on the wire too, and loses digits);
//   - string is text, and must be UTF-8; so are [TimeSpan], time.Duration,
//     [Char], [URI], [Version], url.URL, and every struct, string, slice, array
//     or map type that is both an encoding.TextMarshaler and TextUnmarshaler;
//   - time.Time is a date in UTC milliseconds: offset and what is below a
//     millisecond are lost, as .NET loses them (towards 1970);
//   - uuid.UUID is a Guid; []byte is byte[];
//   - a struct is a document with $type when it has a .NET name, without when
//     it has none, which only a Go peer can read;
//   - a slice or array is T[], [List] is List, [Set] and map[T]struct{} are
//     HashSet, other maps are Dictionary, with sorted keys; they carry $type
//     when their elements have .NET names;
//   - a pointer is what it points to, or null: Nullable for values, the class
//     itself for classes; nil slices and maps are null;
//   - *[DataStream] is a data stream; every occurrence is sent;
//   - [Raw] is written as it is;
//   - nil is null.
//
// An error names the path to the value, such as params[1].Home.City. It is a
// [*ValueError] and nothing was sent; calling again gives the same error.
func (c *Codec) EncodeParams(dst []byte, streams **Streams, args []any) (Raw, error) {
	e := newEncoder(c, dst, streams, 3)
	defer e.release()
	start := len(dst)
	e.buf, _ = bson.Begin(e.buf)
	for i, arg := range args {
		at := e.index(i)
		kind, err := e.object(reflect.ValueOf(arg))
		if err != nil {
			return Raw{}, atPath(err, fmt.Sprintf("params[%d]", i))
		}
		e.buf[at] = byte(kind)
	}
	e.buf = bson.End(e.buf, start)
	if len(e.buf)-start > bson.MaxSize {
		return Raw{}, errTooLong
	}
	return Raw{Type: KindArray, Data: e.buf[start:]}, nil
}

// EncodeResult encodes a method's result as [Response.Result] wants it, by the
// rules of EncodeParams. A method without a result has nil.
func (c *Codec) EncodeResult(dst []byte, streams **Streams, result any) (Raw, error) {
	return c.EncodeResultValue(dst, streams, reflect.ValueOf(result))
}

// EncodeResultValue is EncodeResult for a reflect.Value; the zero Value is null.
func (c *Codec) EncodeResultValue(dst []byte, streams **Streams, result reflect.Value) (Raw, error) {
	e := newEncoder(c, dst, streams, 2)
	defer e.release()
	start := len(dst)
	kind, err := e.object(result)
	if err != nil {
		return Raw{}, atPath(err, "result")
	}
	if len(e.buf)-start > bson.MaxSize {
		return Raw{}, errTooLong
	}
	return Raw{Type: kind, Data: e.buf[start:]}, nil
}

// RecycleEncoded takes back what EncodeParams or EncodeResult have made, so that its
// storage serves other values. Nobody may use it any more. It need not be called.
func RecycleEncoded(raw Raw) { documentBuffers.put(raw.Data) }

var errTooLong = errors.New("the value is longer than the 2 GiB that BSON can hold: send a data stream")

// Decode stores a value in what dst, a non-nil pointer, points to. raw must
// come from [ParseMessage]; streams are those of its message and may be nil
// when it has none. Nothing stored aliases raw. What dst points to is replaced
// whole, structs member by member; after an error it is half filled.
//
// What EncodeParams writes is read back, and more is taken: any integer type
// reads int32, int64 and whole doubles, range-checked, any float type reads
// integers, uuid.UUID reads its text, a list is taken with and without the
// $type around it. Null is nil for pointers, slices, maps and interfaces and an
// error that names the path for all others. $type is not compared for Go types
// that are not interfaces: see [Codec.Fit] for that.
//
// An any receives bool, int64, float64, string, time.Time, uuid.UUID, []byte,
// []any, map[string]any, *DataStream (only with $type), nil, or a registered
// type where $type names one; another interface receives registered types
// only. A $type that is not registered is a [*TypeError].
//
// A *Raw receives a copy of the bytes.
func (c *Codec) Decode(raw Raw, streams *Streams, dst any) error {
	v := reflect.ValueOf(dst)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return fmt.Errorf("decode into %T: want a pointer that is not nil", dst)
	}
	return c.DecodeValue(raw, streams, v.Elem())
}

// DecodeValue is Decode for a reflect.Value, which must be settable.
func (c *Codec) DecodeValue(raw Raw, streams *Streams, dst reflect.Value) error {
	return c.DecodeOwned(raw, nil, streams, dst)
}

// DecodeOwned is DecodeValue for a raw value whose document nobody needs any
// more, unless it is nil: a []byte that is most of the document may alias it then,
// and not be copied. *document is set to nil when one does, since the bytes belong
// to whoever has the value.
func (c *Codec) DecodeOwned(raw Raw, document *[]byte, streams *Streams, dst reflect.Value) error {
	d := decoders.Get().(*decoder)
	d.codec, d.streams, d.document = c.orNone(), streams, document
	defer d.release()
	p := planOf(dst.Type())
	return p.dec(d, p, raw, dst)
}

// CheckType says why a Go type cannot travel: the path to a channel, say,
// inside of a struct. Types that can are worked out for later use.
func CheckType(t reflect.Type) error {
	return planOf(t).check(make(map[*plan]bool))
}

// ValueError is a value that does not travel: which and why.
type ValueError struct {
	// Path leads to the value, in .NET's member names: params[1].Home.City.
	// It is empty for the value itself.
	Path string
	Err  error
}

func (e *ValueError) Error() string {
	if e.Path == "" {
		return e.Err.Error()
	}
	return e.Path + ": " + e.Err.Error()
}

func (e *ValueError) Unwrap() error { return e.Err }

// atPath puts a step before the path of an error.
func atPath(err error, step string) error {
	inner, ok := err.(*ValueError)
	if !ok {
		return &ValueError{Path: step, Err: err}
	}
	if inner.Path == "" || inner.Path[0] == '[' {
		inner.Path = step + inner.Path
	} else {
		inner.Path = step + "." + inner.Path
	}
	return inner
}

func atIndex(err error, i int) error { return atPath(err, fmt.Sprintf("[%d]", i)) }

func atKey(err error, key string) error { return atPath(err, fmt.Sprintf("[%.40q]", key)) }
