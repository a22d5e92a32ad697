package bson

import (
	"bytes"
	"encoding/binary"
)

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
	name  []byte
	value Value
}

// NewIter starts before the first element of doc, which includes its length
// prefix and its terminator.
func NewIter(doc []byte) Iter { return Iter{doc: doc, off: 4} }

// Next steps to the next element and says whether there is one.
func (it *Iter) Next() bool {
	rest := it.doc
	if it.off >= len(rest) {
		return false
	}
	rest = rest[it.off:]
	kind := Type(rest[0])
	if kind == 0 {
		return false
	}
	nul := bytes.IndexByte(rest, 0)
	if nul < 0 {
		return false
	}
	data := rest[nul+1:]
	size := valueSize(kind, data)
	if size < 0 {
		return false
	}
	it.name = rest[1:nul]
	it.value = Value{Type: kind, Data: data[:size:size]}
	it.off += nul + 1 + size
	return true
}

// Name is the current element's name. It aliases the document.
func (it *Iter) Name() []byte { return it.name }

// Value is the current element's value. It aliases the document.
func (it *Iter) Value() Value { return it.value }

// Count is how many elements are left.
func (it Iter) Count() int {
	n := 0
	for it.Next() {
		n++
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
