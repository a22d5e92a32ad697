package bson

import "encoding/binary"

// Iter walks the elements of one document or array without allocating:
//
//	for it := bson.NewIter(doc); it.Next(); {
//		use(it.Name(), it.Value())
//	}
//
// It is meant for bytes that [Validate] has accepted. On others it does not
// panic, but may end early.
type Iter struct {
	doc   []byte
	off   int
	kind  Type
	name  []byte
	value Value
}

// NewIter starts before the first element of doc, which includes its length
// prefix and its terminator.
func NewIter(doc []byte) Iter { return Iter{doc: doc, off: 4} }

// Next steps to the next element and says whether there is one.
func (it *Iter) Next() bool { return it.NextName() && it.Skip() }

// NextName steps to the name of the next element and says whether there is one.
// Data then is where its value begins, and Skip or Advance has to go behind it.
func (it *Iter) NextName() bool {
	if it.off >= len(it.doc) {
		return false
	}
	rest := it.doc[it.off:]
	if rest[0] == 0 {
		return false
	}
	for i := 1; i < len(rest); i++ { // names are short
		if rest[i] == 0 {
			it.kind, it.name = Type(rest[0]), rest[1:i]
			it.off += i + 1
			return true
		}
	}
	return false
}

// NextNamed is NextName, and tells whether the name is this one. It takes less
// time where it is.
func (it *Iter) NextNamed(name string) (more, named bool) {
	if it.off >= len(it.doc) {
		return false, false
	}
	rest := it.doc[it.off:]
	if end := 1 + len(name); rest[0] != 0 && end < len(rest) && rest[end] == 0 && string(rest[1:end]) == name {
		it.kind, it.name = Type(rest[0]), rest[1:end]
		it.off += end + 1
		return true, true
	}
	return it.NextName(), false
}

// Data is the type of the element that NextName has stepped to, and the bytes that
// its value begins.
func (it *Iter) Data() (Type, []byte) { return it.kind, it.doc[it.off:] }

// Advance goes behind a value that is n bytes long.
func (it *Iter) Advance(n int) { it.off += n }

// Skip takes the value of the element that NextName has stepped to. It fails where
// the bytes are none.
func (it *Iter) Skip() bool {
	rest := it.doc[it.off:]
	size := valueSize(it.kind, rest)
	if size < 0 {
		return false
	}
	it.value = Value{Type: it.kind, Data: rest[:size:size]}
	it.off += size
	return true
}

// Name is the current element's name. It aliases the document.
func (it *Iter) Name() []byte { return it.name }

// Value is the current element's value. It aliases the document.
func (it *Iter) Value() Value { return it.value }

// Count is how many elements are left.
func (it Iter) Count() int {
	n := 0
	for rest := it.doc[min(it.off, len(it.doc)):]; len(rest) > 0 && rest[0] != 0; n++ {
		data := 1
		for data < len(rest) && rest[data] != 0 {
			data++
		}
		data++
		if data > len(rest) {
			break
		}
		size := valueSize(Type(rest[0]), rest[data:])
		if size < 0 {
			break
		}
		rest = rest[data+size:]
	}
	return n
}

// valueSize is how many of the bytes of data belong to a value of this type,
// or -1 when they cannot hold one.
func valueSize(kind Type, data []byte) int {
	size := -1
	switch kind {
	case Double, DateTime, Int64:
		size = 8
	case Int32:
		size = 4
	case Bool:
		size = 1
	case Null:
		size = 0
	case String, Document, Array, Binary:
		if len(data) < 5 {
			return -1
		}
		size = int(int32(binary.LittleEndian.Uint32(data)))
		switch kind {
		case String:
			if size < 1 {
				return -1
			}
			size += 4
		case Binary:
			if size < 0 {
				return -1
			}
			size += 5
		default:
			if size < 5 {
				return -1
			}
		}
	}
	if size > len(data) {
		return -1
	}
	return size
}
