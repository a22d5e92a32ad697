package wire

import (
	"encoding/binary"
	"math"
	"reflect"
	"unsafe"

	"github.com/halibut-go/halibut/internal/bson"
)

// direct is how a value of a plain type is read and written where it lies in
// memory, without a reflect.Value: most members of most records are such. It is
// for the one kind that the type is written as; others go the usual way, which
// takes them or says why not.
type direct uint8

const (
	directNot direct = iota
	directBool
	directInt32
	directInt64
	directDouble
	directString
)

// directOf is for types that have nothing special.
func directOf(kind reflect.Kind) direct {
	switch kind {
	case reflect.Bool:
		return directBool
	case reflect.Int32:
		return directInt32
	case reflect.Int64:
		return directInt64
	case reflect.Float64:
		return directDouble
	case reflect.String:
		return directString
	}
	return directNot
}

// kind is what a value is written as.
func (d direct) kind() Kind {
	return [...]Kind{directBool: KindBool, directInt32: KindInt32, directInt64: KindInt64, directDouble: KindDouble, directString: KindString}[d]
}

// load stores the value at the beginning of data at the address at, and returns
// how long it is: 0 when it is none of this kind.
func (d direct) load(t *texts, data []byte, at unsafe.Pointer) int {
	switch d {
	case directBool:
		if len(data) >= 1 {
			*(*bool)(at) = data[0] != 0
			return 1
		}
	case directInt32:
		if len(data) >= 4 {
			*(*int32)(at) = int32(binary.LittleEndian.Uint32(data))
			return 4
		}
	case directInt64:
		if len(data) >= 8 {
			*(*int64)(at) = int64(binary.LittleEndian.Uint64(data))
			return 8
		}
	case directDouble:
		if len(data) >= 8 {
			*(*float64)(at) = math.Float64frombits(binary.LittleEndian.Uint64(data))
			return 8
		}
	case directString:
		if len(data) < 5 {
			return 0
		}
		if n := int(int32(binary.LittleEndian.Uint32(data))); n >= 1 && n <= len(data)-4 {
			*(*string)(at) = t.text(data[4 : 4+n-1])
			return 4 + n
		}
	}
	return 0
}

// append appends the value at the address at. It fails for text that is not
// UTF-8.
func (d direct) append(dst []byte, at unsafe.Pointer) (_ []byte, ok bool) {
	switch d {
	case directBool:
		dst = bson.AppendBoolData(dst, *(*bool)(at))
	case directInt32:
		dst = bson.AppendInt32Data(dst, *(*int32)(at))
	case directInt64:
		dst = bson.AppendInt64Data(dst, *(*int64)(at))
	case directDouble:
		f := *(*float64)(at)
		if math.IsNaN(f) {
			f = netNaN
		}
		dst = bson.AppendDoubleData(dst, f)
	case directString:
		text := *(*string)(at)
		if !bson.ValidText(unsafe.Slice(unsafe.StringData(text), len(text))) {
			return dst, false
		}
		dst = bson.AppendStringData(dst, text)
	}
	return dst, true
}

// addressOf is where an addressable value lies.
func addressOf(v reflect.Value) unsafe.Pointer { return unsafe.Pointer(v.UnsafeAddr()) }

// encodeDirectly writes the fields of a struct in their order. It is encodeStruct
// for one that lies at an address.
func (e *encoder) encodeDirectly(p *plan, v reflect.Value) error {
	base, buf := addressOf(v), e.buf
	for i := range p.fields {
		f := &p.fields[i]
		at := len(buf)
		buf = append(buf, f.header...)
		if f.direct != directNot {
			var ok bool
			if buf, ok = f.direct.append(buf, unsafe.Add(base, f.offset)); ok {
				continue
			}
			buf = buf[:at+len(f.header)] // the usual way says what is wrong
		}
		e.buf = buf
		var kind Kind
		var err error
		if f.plain {
			kind, err = f.plan.enc(e, f.plan, f.of(v))
		} else {
			kind, err = e.member(f, f.of(v))
		}
		if err != nil {
			return atPath(err, f.name)
		}
		buf = e.buf
		buf[at] = byte(kind)
	}
	e.buf = buf
	return nil
}

// encodeItemsDirectly writes the items of a slice that are of a plain type, up to
// the first that cannot be written so, and returns how many it has written.
func (e *encoder) encodeItemsDirectly(p *plan, v reflect.Value) int {
	d, size := p.elem.direct, p.elem.typ.Size()
	base, kind, buf := v.UnsafePointer(), d.kind(), e.buf
	for i := range v.Len() {
		at := len(buf)
		if estimatesAt(i) {
			buf = withRoom(buf, at-len(e.buf), i, v.Len())
		}
		var ok bool
		if buf, ok = d.append(bson.AppendIndexHeader(buf, kind, i), unsafe.Add(base, uintptr(i)*size)); !ok {
			e.buf = buf[:at]
			return i
		}
	}
	e.buf = buf
	return v.Len()
}

// decodeDirectly stores the members of a document in a struct.
func (d *decoder) decodeDirectly(p *plan, doc []byte, v reflect.Value) error {
	base := addressOf(v)
	next, it := 0, bson.NewIter(doc)
	for {
		i, more := p.member(&it, next)
		if !more {
			return nil
		}
		if i < 0 {
			if !it.Skip() {
				return nil
			}
			continue
		}
		next = i + 1
		f := &p.fields[i]
		kind, data := it.Data()
		if f.direct != directNot && kind == f.direct.kind() {
			if n := f.direct.load(&d.texts, data, unsafe.Add(base, f.offset)); n > 0 {
				it.Advance(n)
				continue
			}
		}
		if !it.Skip() {
			return nil
		}
		member := f.of(v)
		if f.nullZero && it.Value().IsNull() {
			member.SetZero()
			continue
		}
		if err := f.plan.dec(d, f.plan, it.Value(), member); err != nil {
			return atPath(err, f.name)
		}
	}
}

// decodeItemsDirectly stores the items of an array in a slice of a plain type that
// has as many, up to the first of another kind, and returns how many it has stored.
func (d *decoder) decodeItemsDirectly(p *plan, it *bson.Iter, v reflect.Value) int {
	to, size := p.elem.direct, p.elem.typ.Size()
	base, wanted := v.UnsafePointer(), to.kind()
	for i := range v.Len() {
		here := *it
		if !it.NextName() {
			return i
		}
		kind, data := it.Data()
		n := 0
		if kind == wanted {
			n = to.load(&d.texts, data, unsafe.Add(base, uintptr(i)*size))
		}
		if n == 0 {
			*it = here
			return i
		}
		it.Advance(n)
	}
	return v.Len()
}
