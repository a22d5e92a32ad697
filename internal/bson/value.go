package bson

import (
	"encoding/binary"
	"math"
)

// Value is one value, not parsed: its type and its bytes as they stand in the
// document, length prefixes and terminators included. It aliases the document
// it came from. The zero Value counts as null.
//
// The accessors below expect the type they are named after and bytes that
// [Validate] or [Value.Validate] has accepted.
type Value struct {
	Type Type
	Data []byte
}

// IsNull says whether the value is null or the zero Value.
func (v Value) IsNull() bool { return v.Type == Null || v.Type == 0 }

// Double is the value of a double.
func (v Value) Double() float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(v.Data))
}

// Text is the text of a string, without its terminator. It aliases the document.
func (v Value) Text() []byte { return v.Data[4 : len(v.Data)-1] }

// Bool is the value of a bool.
func (v Value) Bool() bool { return v.Data[0] != 0 }

// Int32 is the value of an int32.
func (v Value) Int32() int32 { return int32(binary.LittleEndian.Uint32(v.Data)) }

// Int64 is the value of an int64, or of a date in milliseconds since 1970 UTC.
func (v Value) Int64() int64 { return int64(binary.LittleEndian.Uint64(v.Data)) }

// Integer is the value of an int32 or int64; ok is false for other types.
func (v Value) Integer() (n int64, ok bool) {
	switch v.Type {
	case Int32:
		return int64(v.Int32()), true
	case Int64:
		return v.Int64(), true
	}
	return 0, false
}

// Binary is the subtype and the bytes of a binary value. The bytes alias the
// document.
func (v Value) Binary() (subtype byte, data []byte) { return v.Data[4], v.Data[5:] }

// Elements iterates over the members of a document or the items of an array.
// For any other type it yields nothing.
func (v Value) Elements() Iter {
	if v.Type != Document && v.Type != Array {
		return Iter{}
	}
	return NewIter(v.Data)
}

// Lookup is the first member of a document with exactly this name; the zero
// Value when there is none.
func (v Value) Lookup(name string) Value {
	for it := v.Elements(); it.Next(); {
		if string(it.Name()) == name {
			return it.Value()
		}
	}
	return Value{}
}

// Validate checks a value that did not come out of a validated document, as
// the function of the same name checks a document; depth counts the value as 1.
func (v Value) Validate(maxDepth int) error {
	if v.Type == 0 && len(v.Data) == 0 {
		return nil
	}
	w := walker{doc: v.Data, maxDepth: limit(maxDepth)}
	end, err := w.value(v.Type, 0, len(v.Data), 0)
	if err != nil {
		return err
	}
	if end != len(v.Data) {
		return w.errorf(end, "%d bytes follow the %s", len(v.Data)-end, v.Type)
	}
	return nil
}
