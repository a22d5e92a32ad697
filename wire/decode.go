package wire

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/internal/bson"
)

// maxMapHint caps the room that is made for a map before its keys are seen,
// since they may all be the same.
const maxMapHint = 1024

// decoder stores values of a validated document. It recurses no deeper than
// validation allowed the document to nest, and allocates for bytes that are there.
type decoder struct {
	codec    *Codec
	streams  *Streams
	document *[]byte // whose bytes may be handed out; nil, or to nil: none
	texts    texts
}

var decoders = sync.Pool{New: func() any { return new(decoder) }}

func (d *decoder) release() {
	*d = decoder{}
	decoders.Put(d)
}

func decodeRefused(_ *decoder, p *plan, _ Raw, _ reflect.Value) error { return &ValueError{Err: p.err} }

// errKind is a value of the wrong kind for its Go type.
func errKind(p *plan, raw Raw, want string) error {
	if raw.IsNull() {
		return fmt.Errorf("null does not fit the Go type %v: use a pointer", p.typ)
	}
	return fmt.Errorf("found %s where the Go type %v needs %s", withArticle(raw.Type), p.typ, want)
}

func decodeBool(_ *decoder, p *plan, raw Raw, v reflect.Value) error {
	if raw.Type != KindBool {
		return errKind(p, raw, "a bool")
	}
	v.SetBool(raw.Bool())
	return nil
}

// integer reads an integer of either width, or a double that is whole.
func integer(p *plan, raw Raw) (int64, error) {
	if n, ok := raw.Integer(); ok {
		return n, nil
	}
	if raw.Type != KindDouble {
		return 0, errKind(p, raw, "an integer")
	}
	f := raw.Double()
	if f != math.Trunc(f) || f < -1<<63 || f >= 1<<63 {
		return 0, fmt.Errorf("the double %v is no integer of the Go type %v", f, p.typ)
	}
	return int64(f), nil
}

func decodeInt(_ *decoder, p *plan, raw Raw, v reflect.Value) error {
	n, err := integer(p, raw)
	if err != nil {
		return err
	}
	if v.OverflowInt(n) {
		return fmt.Errorf("%d is out of the range of the Go type %v", n, p.typ)
	}
	v.SetInt(n)
	return nil
}

func decodeUint(_ *decoder, p *plan, raw Raw, v reflect.Value) error {
	n, err := integer(p, raw)
	if err != nil {
		return err
	}
	if n < 0 || v.OverflowUint(uint64(n)) {
		return fmt.Errorf("%d is out of the range of the Go type %v", n, p.typ)
	}
	v.SetUint(uint64(n))
	return nil
}

func decodeFloat(_ *decoder, p *plan, raw Raw, v reflect.Value) error {
	var f float64
	if n, ok := raw.Integer(); ok {
		f = float64(n)
	} else if raw.Type == KindDouble {
		f = raw.Double()
	} else {
		return errKind(p, raw, "a double")
	}
	if v.OverflowFloat(f) {
		return fmt.Errorf("%v is out of the range of the Go type %v", f, p.typ)
	}
	v.SetFloat(f)
	return nil
}

func decodeString(d *decoder, p *plan, raw Raw, v reflect.Value) error {
	if raw.Type != KindString {
		return errKind(p, raw, "a string")
	}
	v.SetString(d.texts.text(raw.Text()))
	return nil
}

func decodeText(_ *decoder, p *plan, raw Raw, v reflect.Value) error {
	if raw.Type != KindString {
		return errKind(p, raw, "a string")
	}
	return v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText(raw.Text())
}

func decodeTime(_ *decoder, p *plan, raw Raw, v reflect.Value) error {
	switch raw.Type {
	case KindDate:
		ms := raw.Int64()
		if ms < minDate || ms > maxDate {
			return fmt.Errorf("the date %d ms is outside of .NET's years 1 to 9999", ms)
		}
		*v.Addr().Interface().(*time.Time) = time.UnixMilli(ms).UTC()
	case KindString:
		t, err := parseTime(raw.Text())
		if err != nil {
			return err
		}
		*v.Addr().Interface().(*time.Time) = t
	default:
		return errKind(p, raw, "a date")
	}
	return nil
}

func decodeDuration(_ *decoder, p *plan, raw Raw, v reflect.Value) error {
	if raw.Type != KindString {
		return errKind(p, raw, "the text of a TimeSpan")
	}
	d, err := parseDuration(raw.Text())
	v.SetInt(int64(d))
	return err
}

func decodeSpan(_ *decoder, p *plan, raw Raw, v reflect.Value) error {
	if raw.Type != KindString {
		return errKind(p, raw, "the text of a TimeSpan")
	}
	t, err := ParseTimeSpan(string(raw.Text()))
	v.SetInt(int64(t))
	return err
}

func decodeChar(_ *decoder, p *plan, raw Raw, v reflect.Value) error {
	if raw.Type != KindString {
		return errKind(p, raw, "a string of one character")
	}
	c, err := parseChar(raw.Text())
	v.SetInt(int64(c))
	return err
}

func decodeUUID(_ *decoder, p *plan, raw Raw, v reflect.Value) error {
	id, ok := guidOf(raw)
	if !ok && raw.Type == KindString {
		var err error
		if id, err = parseUUID(raw.Text()); err != nil {
			return err
		}
		ok = true
	}
	if !ok {
		return errKind(p, raw, "a Guid (binary of 16 bytes, subtype 4)")
	}
	*v.Addr().Interface().(*uuid.UUID) = id
	return nil
}

func decodeURL(_ *decoder, p *plan, raw Raw, v reflect.Value) error {
	if raw.Type != KindString {
		return errKind(p, raw, "the text of a Uri")
	}
	u, err := url.Parse(string(raw.Text()))
	if err != nil {
		return err
	}
	*v.Addr().Interface().(*url.URL) = *u
	return nil
}

func decodeRaw(_ *decoder, _ *plan, raw Raw, v reflect.Value) error {
	*v.Addr().Interface().(*Raw) = Raw{Type: raw.Type, Data: append([]byte(nil), raw.Data...)}
	return nil
}

func decodeStream(d *decoder, p *plan, raw Raw, v reflect.Value) error {
	if raw.IsNull() {
		v.SetZero()
		return nil
	}
	husk, err := streamHusk(p, raw)
	if err != nil {
		return err
	}
	if d.streams == nil {
		return errors.New("found a data stream, but no streams came with this message")
	}
	ds, err := d.streams.Bind(husk.ID, husk.Length)
	if err != nil {
		return err
	}
	v.Set(reflect.ValueOf(ds))
	return nil
}

// streamHusk reads a husk where the Go type says that there is one: more
// liberally than one that is found by its looks.
func streamHusk(p *plan, raw Raw) (h Husk, err error) {
	if raw.Type != KindDocument {
		return h, errKind(p, raw, "a data stream")
	}
	hasID, hasLength := false, false
	for it := raw.Elements(); it.Next(); {
		switch {
		case foldEqual(it.Name(), "id"):
			h.ID, hasID = guidOf(it.Value())
		case foldEqual(it.Name(), "length"):
			h.Length, hasLength = it.Value().Integer()
		}
	}
	if !hasID || !hasLength || h.Length < 0 {
		return h, errors.New("found a document that is no data stream: it needs an id of 16 bytes and a length")
	}
	return h, nil
}

func decodeBytes(d *decoder, p *plan, raw Raw, v reflect.Value) error {
	raw = unwrap(raw, "$value")
	if raw.IsNull() {
		v.SetZero()
		return nil
	}
	if raw.Type != KindBinary {
		return errKind(p, raw, "binary")
	}
	_, data := raw.Binary()
	if d.handsOut(data) {
		v.SetBytes(data[:len(data):len(data)])
		return nil
	}
	v.SetBytes(append(make([]byte, 0, len(data)), data...))
	return nil
}

// handOutFrom is how long bytes are at least that are handed out where they lie.
const handOutFrom = 4 << 10

// handsOut reports whether bytes are handed out where they lie. They keep their
// document from being collected, so it must not be much longer than they are.
func (d *decoder) handsOut(data []byte) bool {
	if d.document == nil || *d.document == nil || len(data) < handOutFrom {
		return false
	}
	if whole := cap(*d.document); len(data) < whole-whole/4 {
		return false
	}
	*d.document = nil
	return true
}

func decodeByteArray(_ *decoder, p *plan, raw Raw, v reflect.Value) error {
	raw = unwrap(raw, "$value")
	if raw.Type != KindBinary {
		return errKind(p, raw, "binary")
	}
	_, data := raw.Binary()
	if len(data) != v.Len() {
		return fmt.Errorf("found %d bytes where the Go type %v has %d", len(data), p.typ, v.Len())
	}
	reflect.Copy(v, reflect.ValueOf(data))
	return nil
}

// unwrap is the value inside of {"$type": …, member: value}, or raw itself.
func unwrap(raw Raw, member string) Raw {
	if raw.Type != KindDocument {
		return raw
	}
	if inner := raw.Lookup(member); inner.Type != 0 {
		return inner
	}
	return raw
}

func decodePointer(d *decoder, p *plan, raw Raw, v reflect.Value) error {
	if raw.IsNull() {
		v.SetZero()
		return nil
	}
	target := reflect.New(p.typ.Elem())
	if err := p.elem.dec(d, p.elem, raw, target.Elem()); err != nil {
		return err
	}
	v.Set(target)
	return nil
}

func decodeSlice(d *decoder, p *plan, raw Raw, v reflect.Value) error {
	raw = unwrap(raw, "$values")
	if raw.IsNull() {
		v.SetZero()
		return nil
	}
	if raw.Type != KindArray {
		return errKind(p, raw, "an array")
	}
	it := raw.Elements()
	n := it.Count()
	if n == 0 {
		v.Set(reflect.MakeSlice(p.typ, 0, 0)) // empty, which nil is not
		return nil
	}
	var earlier reflect.Value // which stays where an item cannot be read
	if !v.IsNil() {
		earlier = reflect.New(p.typ).Elem()
		earlier.Set(v)
		v.SetZero() // its elements are not the new one's
	}
	v.Grow(n)
	v.SetLen(n)
	shares := d.texts.share(len(raw.Data), n)
	err := d.decodeItems(p, &it, v)
	if shares {
		d.texts.end()
	}
	switch {
	case err == nil:
	case earlier.IsValid():
		v.Set(earlier)
	default:
		v.SetZero()
	}
	return err
}

// decodeItems reads the items of a list into a slice that has as many.
func (d *decoder) decodeItems(p *plan, it *bson.Iter, v reflect.Value) error {
	i := 0
	if p.elem.direct != directNot {
		i = d.decodeItemsDirectly(p, it, v)
	}
	for ; it.Next(); i++ {
		if err := p.elem.dec(d, p.elem, it.Value(), v.Index(i)); err != nil {
			return atIndex(err, i)
		}
	}
	return nil
}

func decodeArray(d *decoder, p *plan, raw Raw, v reflect.Value) error {
	raw = unwrap(raw, "$values")
	if raw.Type != KindArray {
		return errKind(p, raw, "an array")
	}
	it := raw.Elements()
	if n := it.Count(); n != v.Len() {
		return fmt.Errorf("found %d items where the Go type %v has %d", n, p.typ, v.Len())
	}
	for i := 0; it.Next(); i++ {
		if err := p.elem.dec(d, p.elem, it.Value(), v.Index(i)); err != nil {
			return atIndex(err, i)
		}
	}
	return nil
}

func decodeSet(d *decoder, p *plan, raw Raw, v reflect.Value) error {
	raw = unwrap(raw, "$values")
	if raw.IsNull() {
		v.SetZero()
		return nil
	}
	if raw.Type != KindArray {
		return errKind(p, raw, "an array")
	}
	it := raw.Elements()
	set := reflect.MakeMapWithSize(p.typ, min(it.Count(), maxMapHint))
	element := reflect.New(p.typ.Key()).Elem()
	present := reflect.Zero(p.typ.Elem())
	for i := 0; it.Next(); i++ {
		element.SetZero()
		if err := p.elem.dec(d, p.elem, it.Value(), element); err != nil {
			return atIndex(err, i)
		}
		set.SetMapIndex(element, present)
	}
	v.Set(set)
	return nil
}

func decodeMap(d *decoder, p *plan, raw Raw, v reflect.Value) error {
	if raw.IsNull() {
		v.SetZero()
		return nil
	}
	if raw.Type != KindDocument {
		return errKind(p, raw, "a document")
	}
	it := raw.Elements()
	m := reflect.MakeMapWithSize(p.typ, min(it.Count(), maxMapHint))
	key, value := reflect.New(p.typ.Key()).Elem(), reflect.New(p.typ.Elem()).Elem()
	for it.Next() {
		if isTypeMember(&it) {
			continue
		}
		key.SetZero()
		value.SetZero()
		if err := p.key.parse(it.Name(), key); err != nil {
			return atKey(err, string(it.Name()))
		}
		if err := p.elem.dec(d, p.elem, it.Value(), value); err != nil {
			return atKey(err, string(it.Name()))
		}
		m.SetMapIndex(key, value)
	}
	v.Set(m)
	return nil
}

func decodeStruct(d *decoder, p *plan, raw Raw, v reflect.Value) error {
	if raw.Type != KindDocument {
		return errKind(p, raw, "a document")
	}
	return d.decodeDirectly(p, raw.Data, v)
}

// member steps to the name of the next member, and finds its field, or -1. Members
// mostly come in the order of the fields, so the field after the last one is tried first.
func (p *plan) member(it *bson.Iter, next int) (i int, more bool) {
	named := false
	if next < len(p.fields) {
		more, named = it.NextNamed(p.fields[next].name)
	} else {
		more = it.NextName()
	}
	if named || !more {
		return next, more
	}
	return p.find(it.Name()), true
}

// find is the field for a member's name, without case where no field has it
// exactly, or -1.
func (p *plan) find(name []byte) int {
	if i, ok := p.exact[string(name)]; ok {
		return i
	}
	var buf [64]byte
	lower := append(buf[:0], name...)
	for i, c := range lower {
		if c >= utf8.RuneSelf {
			lower = []byte(strings.ToLower(string(name)))
			break
		}
		if c >= 'A' && c <= 'Z' {
			lower[i] = c + 'a' - 'A'
		}
	}
	if i, ok := p.folded[string(lower)]; ok {
		return i
	}
	return -1
}

// isTypeMember says whether the current member is the $type of its document.
func isTypeMember(it interface {
	Name() []byte
	Value() Raw
}) bool {
	return string(it.Name()) == "$type" && it.Value().Type == KindString
}
