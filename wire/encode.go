package wire

import (
	"bytes"
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"math"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/internal/bson"
)

// encoder appends values to a buffer. An element is begun with room for its
// type, which is known when its value has been written.
type encoder struct {
	buf      []byte
	codec    *Codec
	streams  **Streams
	depth    int // documents open around the value
	maxDepth int
	typeName string // $type of the next document that begins
}

var encoders = sync.Pool{New: func() any { return new(encoder) }}

func newEncoder(c *Codec, dst []byte, streams **Streams, depth int) *encoder {
	e := encoders.Get().(*encoder)
	*e = encoder{buf: dst, codec: c.orNone(), streams: streams, depth: depth, maxDepth: bson.DefaultMaxDepth}
	if e.codec.MaxDepth > 0 {
		e.maxDepth = e.codec.MaxDepth
	}
	return e
}

func (e *encoder) release() {
	*e = encoder{}
	encoders.Put(e)
}

// index begins item i of an array and returns where its type belongs.
func (e *encoder) index(i int) int {
	at := len(e.buf)
	e.buf = bson.AppendIndexHeader(e.buf, 0, i)
	return at
}

// begin begins a document or array, with $type when one is pending.
func (e *encoder) begin() (start int, err error) {
	if e.depth++; e.depth > e.maxDepth {
		return 0, e.tooDeep()
	}
	e.buf, start = bson.Begin(e.buf)
	if e.typeName != "" {
		e.buf = bson.AppendString(e.buf, "$type", e.typeName)
		e.typeName = ""
	}
	return start, nil
}

func (e *encoder) tooDeep() error {
	return fmt.Errorf("values nest deeper than %d documents, or hold themselves", e.maxDepth)
}

func (e *encoder) end(start int) {
	e.buf = bson.End(e.buf, start)
	e.depth--
}

// object writes a value into a slot that .NET declares as object, with $type
// where its kind carries one.
func (e *encoder) object(v reflect.Value) (Kind, error) {
	if !v.IsValid() {
		return KindNull, nil
	}
	p := planOf(v.Type())
	for hops := 0; p.form == formPointer || p.form == formDynamic; hops++ {
		if v.IsNil() {
			return KindNull, nil
		}
		if hops > e.maxDepth {
			return 0, errPointers
		}
		v = v.Elem()
		p = planOf(v.Type())
	}
	name := ""
	if p.form != formBare {
		name = e.codec.objectName(p.typ)
	}
	switch p.form {
	case formMembers, formStream:
		if isNil(v) {
			return KindNull, nil
		}
		e.typeName = name
	case formList:
		if name != "" && !isNil(v) {
			return e.wrapped(p, v, name, "$values")
		}
	case formBytes:
		if name != "" && !isNil(v) {
			return e.wrapped(p, v, name, "$value")
		}
	}
	return p.enc(e, p, v)
}

// errPointers ends a circle of an interface that points to itself, which has
// no document to count.
var errPointers = errors.New("the value is an interface that points to itself")

// wrapped writes {"$type": name, member: value}.
func (e *encoder) wrapped(p *plan, v reflect.Value, name, member string) (Kind, error) {
	e.typeName = name
	start, err := e.begin()
	if err != nil {
		return 0, err
	}
	at := len(e.buf)
	e.buf = bson.AppendHeader(e.buf, 0, member)
	kind, err := p.enc(e, p, v)
	if err != nil {
		return 0, err
	}
	e.buf[at] = byte(kind)
	e.end(start)
	return KindDocument, nil
}

func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return v.IsNil()
	}
	return false
}

func encodeRefused(_ *encoder, p *plan, _ reflect.Value) (Kind, error) { return 0, p.err }

func encodeBool(e *encoder, _ *plan, v reflect.Value) (Kind, error) {
	e.buf = bson.AppendBoolData(e.buf, v.Bool())
	return KindBool, nil
}

func encodeInt32(e *encoder, _ *plan, v reflect.Value) (Kind, error) {
	e.buf = bson.AppendInt32Data(e.buf, int32(v.Int()))
	return KindInt32, nil
}

func encodeInt64(e *encoder, _ *plan, v reflect.Value) (Kind, error) {
	e.buf = bson.AppendInt64Data(e.buf, v.Int())
	return KindInt64, nil
}

// encodeUint32 writes what .NET cannot, a uint above 2^31-1, as int64: every
// reader takes an int64 for an integer.
func encodeUint32(e *encoder, _ *plan, v reflect.Value) (Kind, error) {
	n := v.Uint()
	if n > math.MaxInt32 {
		e.buf = bson.AppendInt64Data(e.buf, int64(n))
		return KindInt64, nil
	}
	e.buf = bson.AppendInt32Data(e.buf, int32(n))
	return KindInt32, nil
}

func encodeUint64(e *encoder, _ *plan, v reflect.Value) (Kind, error) {
	n := v.Uint()
	if n > math.MaxInt64 {
		return 0, fmt.Errorf("%d does not fit into the 64 signed bits that the wire has", n)
	}
	e.buf = bson.AppendInt64Data(e.buf, int64(n))
	return KindInt64, nil
}

// netNaN is the NaN that .NET writes; Go's has other bits.
var netNaN = math.Float64frombits(0xFFF8000000000000)

func encodeFloat(e *encoder, _ *plan, v reflect.Value) (Kind, error) {
	f := v.Float()
	if math.IsNaN(f) {
		f = netNaN
	}
	e.buf = bson.AppendDoubleData(e.buf, f)
	return KindDouble, nil
}

func encodeString(e *encoder, _ *plan, v reflect.Value) (Kind, error) {
	return e.text(v.String())
}

func (e *encoder) text(s string) (Kind, error) {
	if !utf8.ValidString(s) {
		return 0, fmt.Errorf("the text %.40q is not UTF-8: send bytes as []byte", s)
	}
	e.buf = bson.AppendStringData(e.buf, s)
	return KindString, nil
}

func encodeText(e *encoder, _ *plan, v reflect.Value) (Kind, error) {
	text, err := marshalText(v)
	if err != nil {
		return 0, err
	}
	return e.text(text)
}

func marshalText(v reflect.Value) (string, error) {
	m, ok := v.Interface().(encoding.TextMarshaler)
	if !ok {
		// The method has a pointer receiver; the value may not be addressable.
		p := reflect.New(v.Type())
		p.Elem().Set(v)
		m = p.Interface().(encoding.TextMarshaler)
	}
	text, err := m.MarshalText()
	return string(text), err
}

func encodeTime(e *encoder, _ *plan, v reflect.Value) (Kind, error) {
	var t time.Time
	if v.CanAddr() {
		t = *v.Addr().Interface().(*time.Time) // allocates nothing
	} else {
		t = v.Interface().(time.Time)
	}
	ms, err := dateOf(t)
	if err != nil {
		return 0, err
	}
	e.buf = bson.AppendInt64Data(e.buf, ms)
	return KindDate, nil
}

// The ends of .NET's DateTime, in milliseconds since 1970 UTC.
const (
	minDate = -62135596800000 // 0001-01-01T00:00:00
	maxDate = 253402300799999 // 9999-12-31T23:59:59.999
)

// dateOf drops what is below a millisecond as .NET does, towards 1970.
func dateOf(t time.Time) (int64, error) {
	ms := t.UnixMilli()
	if ms < 0 && t.Nanosecond()%int(time.Millisecond) != 0 {
		ms++
	}
	if ms < minDate || ms > maxDate {
		return 0, fmt.Errorf("the date %v is outside of .NET's years 1 to 9999", t)
	}
	return ms, nil
}

func encodeDuration(e *encoder, _ *plan, v reflect.Value) (Kind, error) {
	return e.span(TimeSpanOf(time.Duration(v.Int())))
}

func encodeSpan(e *encoder, _ *plan, v reflect.Value) (Kind, error) {
	return e.span(TimeSpan(v.Int()))
}

func (e *encoder) span(t TimeSpan) (Kind, error) {
	dst, start := bson.Begin(e.buf)
	e.buf = endString(t.appendText(dst), start)
	return KindString, nil
}

func encodeChar(e *encoder, _ *plan, v reflect.Value) (Kind, error) {
	c := Char(v.Int())
	if err := c.check(); err != nil {
		return 0, err
	}
	return e.text(string(rune(c)))
}

func encodeUUID(e *encoder, _ *plan, v reflect.Value) (Kind, error) {
	var id uuid.UUID
	for i := range id { // Interface would allocate
		id[i] = byte(v.Index(i).Uint())
	}
	net := netGUID(id)
	e.buf = bson.AppendBinaryData(e.buf, subtypeGUID, net[:])
	return KindBinary, nil
}

func encodeURL(e *encoder, _ *plan, v reflect.Value) (Kind, error) {
	u := v.Interface().(url.URL)
	return e.text(u.String())
}

func encodeRaw(e *encoder, _ *plan, v reflect.Value) (Kind, error) {
	raw := v.Interface().(Raw)
	if raw.IsNull() {
		return KindNull, nil
	}
	if nests := raw.Type == KindDocument || raw.Type == KindArray; nests && e.depth >= e.maxDepth {
		return 0, e.tooDeep()
	}
	if err := raw.Validate(max(1, e.maxDepth-e.depth)); err != nil {
		return 0, fmt.Errorf("the raw value is malformed: %w", err)
	}
	e.buf = append(e.buf, raw.Data...)
	return raw.Type, nil
}

func encodeStream(e *encoder, _ *plan, v reflect.Value) (Kind, error) {
	if v.IsNil() {
		return KindNull, nil
	}
	if e.streams == nil {
		return 0, errors.New("a data stream cannot be sent from here")
	}
	if *e.streams == nil {
		*e.streams = new(Streams)
	}
	ds := v.Interface().(*DataStream)
	id, err := (*e.streams).Add(ds)
	if err != nil {
		return 0, err
	}
	start, err := e.begin()
	if err != nil {
		return 0, err
	}
	net := netGUID(id)
	e.buf = bson.AppendBinary(e.buf, "id", subtypeGUID, net[:])
	e.buf = bson.AppendInt64(e.buf, "length", ds.Size())
	e.end(start)
	return KindDocument, nil
}

func encodeBytes(e *encoder, _ *plan, v reflect.Value) (Kind, error) {
	if v.IsNil() {
		return KindNull, nil
	}
	data := v.Bytes()
	e.buf = withRoomFor(e.buf, len(data))
	e.buf = bson.AppendBinaryData(e.buf, bson.SubtypeBytes, data)
	return KindBinary, nil
}

func encodeByteArray(e *encoder, _ *plan, v reflect.Value) (Kind, error) {
	data := make([]byte, v.Len())
	reflect.Copy(reflect.ValueOf(data), v)
	e.buf = bson.AppendBinaryData(e.buf, bson.SubtypeBytes, data)
	return KindBinary, nil
}

func encodePointer(e *encoder, p *plan, v reflect.Value) (Kind, error) {
	if v.IsNil() {
		return KindNull, nil
	}
	return p.elem.enc(e, p.elem, v.Elem())
}

// encodeInterface writes what an interface holds. What implements an interface
// with methods must say which .NET type it is, or no reader could make it.
func encodeInterface(e *encoder, p *plan, v reflect.Value) (Kind, error) {
	if v.IsNil() {
		return KindNull, nil
	}
	if p.typ.NumMethod() > 0 {
		t := v.Elem().Type()
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if planOf(t).form == formMembers && e.codec.objectName(t) == "" {
			return 0, fmt.Errorf("the Go type %v has no .NET name: give it a DotNetType method or put it into the table of types", t)
		}
	}
	return e.object(v.Elem())
}

func encodeStruct(e *encoder, p *plan, v reflect.Value) (Kind, error) {
	start, err := e.begin()
	if err != nil {
		return 0, err
	}
	if v.CanAddr() && !e.codec.TypeAll {
		err = e.encodeDirectly(p, v)
	} else {
		err = e.encodeFields(p, v)
	}
	if err != nil {
		return 0, err
	}
	e.end(start)
	return KindDocument, nil
}

func (e *encoder) encodeFields(p *plan, v reflect.Value) error {
	for i := range p.fields {
		f := &p.fields[i]
		at := len(e.buf)
		e.buf = append(e.buf, f.header...)
		kind, err := e.member(f, f.of(v))
		if err != nil {
			return atPath(err, f.name)
		}
		e.buf[at] = byte(kind)
	}
	return nil
}

func (e *encoder) member(f *field, v reflect.Value) (Kind, error) {
	switch {
	case f.nullZero && v.IsZero():
		return KindNull, nil
	case f.object:
		return e.object(v)
	}
	return e.item(f.plan, v)
}

// item writes a value into a slot that is declared with the value's type.
func (e *encoder) item(p *plan, v reflect.Value) (Kind, error) {
	if e.codec.TypeAll {
		return e.object(v)
	}
	return p.enc(e, p, v)
}

func encodeSlice(e *encoder, p *plan, v reflect.Value) (Kind, error) {
	if isNil(v) {
		return KindNull, nil
	}
	start, err := e.begin()
	if err != nil {
		return 0, err
	}
	i, n := 0, v.Len()
	if p.elem.direct != directNot && v.Kind() == reflect.Slice && !e.codec.TypeAll {
		i = e.encodeItemsDirectly(p, v)
	}
	for ; i < n; i++ {
		if estimatesAt(i) {
			e.buf = withRoom(e.buf, len(e.buf)-start, i, n)
		}
		at := e.index(i)
		kind, err := e.item(p.elem, v.Index(i))
		if err != nil {
			return 0, atIndex(err, i)
		}
		e.buf[at] = byte(kind)
	}
	e.end(start)
	return KindArray, nil
}

// The items of a list tell how long the others will be: the first estimateAfter,
// and then twice as many time and again. No more room is made at once than twice
// what they have taken, or estimatedLeast: the others may all be short.
const (
	estimateAfter  = 8
	estimatedLeast = 64 << 10
)

func estimatesAt(i int) bool { return i >= estimateAfter && i&(i-1) == 0 }

// withRoom makes room for a list of n items of which the first few took length
// bytes, so that it is not moved time and again. What there is room for already
// is seen to later, if it is half of that.
func withRoom(buf []byte, length, few, n int) []byte {
	rest := length / few * (n - few)
	room := min(rest+rest/8, max(estimatedLeast, 2*length))
	if room/2 < cap(buf)-len(buf) {
		return buf
	}
	return withRoomFor(buf, room)
}

// encodedAround is what is usually around a long value: lengths, names, ends.
const encodedAround = 128

// withRoomFor makes room for about n bytes more, in storage that was used before
// where there is some: see [RecycleEncoded].
func withRoomFor(buf []byte, n int) []byte {
	if n += encodedAround; n <= cap(buf)-len(buf) || n < 1<<(minPooledBits-1) {
		return buf
	}
	n = max(n, len(buf)/4) // or many short values would each move a long document
	return append(documentBuffers.get(len(buf)+n), buf...)
}

// encodeSet writes a set in the order of its elements' bytes or text, so that
// the same set is always the same document.
func encodeSet(e *encoder, p *plan, v reflect.Value) (Kind, error) {
	if v.IsNil() {
		return KindNull, nil
	}
	start, err := e.begin()
	if err != nil {
		return 0, err
	}
	elements := v.MapKeys()
	slices.SortFunc(elements, func(a, b reflect.Value) int {
		switch {
		case a.Kind() == reflect.String:
			return strings.Compare(a.String(), b.String())
		case a.CanInt():
			return cmp.Compare(a.Int(), b.Int())
		case a.CanUint():
			return cmp.Compare(a.Uint(), b.Uint())
		case a.CanFloat():
			return cmp.Compare(a.Float(), b.Float())
		}
		return bytes.Compare(fmt.Append(nil, a), fmt.Append(nil, b))
	})
	for i, element := range elements {
		at := e.index(i)
		kind, err := e.item(p.elem, element)
		if err != nil {
			return 0, atIndex(err, i)
		}
		e.buf[at] = byte(kind)
	}
	e.end(start)
	return KindArray, nil
}

// entry is one entry of a map on its way to the wire.
type entry struct {
	key   string
	value reflect.Value
}

func encodeMap(e *encoder, p *plan, v reflect.Value) (Kind, error) {
	if v.IsNil() {
		return KindNull, nil
	}
	start, err := e.begin()
	if err != nil {
		return 0, err
	}
	entries := make([]entry, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		key, err := p.key.text(it.Key())
		if err == nil {
			err = checkKey(key)
		}
		if err != nil {
			return 0, atKey(err, fmt.Sprint(it.Key()))
		}
		entries = append(entries, entry{key, it.Value()})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	for i := range entries {
		key := entries[i].key
		if i > 0 && key == entries[i-1].key {
			return 0, atKey(errors.New("two keys have this text"), key)
		}
		at := len(e.buf)
		e.buf = bson.AppendHeader(e.buf, 0, key)
		kind, err := e.item(p.elem, entries[i].value)
		if err != nil {
			return 0, atKey(err, key)
		}
		e.buf[at] = byte(kind)
	}
	e.end(start)
	return KindDocument, nil
}
