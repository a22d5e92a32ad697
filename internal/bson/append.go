package bson

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
)

// Building a document: Begin reserves its length, elements are appended, End
// writes the terminator and the length. A nested document is a header, then
// the same again. Names must not contain NUL, texts must be UTF-8; the
// caller sees to it.

// MaxSize is the longest document that the format can hold. End does not
// check it: a caller that may get there checks the outermost document.
const MaxSize = math.MaxInt32

// Begin reserves a document's length and returns where it stands.
func Begin(dst []byte) ([]byte, int) {
	return append(dst, 0, 0, 0, 0), len(dst)
}

// End finishes the document that Begin started at start.
func End(dst []byte, start int) []byte { return EndApart(dst, start, 0) }

// EndApart is End for a document of which n bytes are left out: they come in
// between when it is written.
func EndApart(dst []byte, start, n int) []byte {
	dst = append(dst, 0)
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start+n))
	return dst
}

// AppendHeader appends an element's type and name; its data comes next.
func AppendHeader(dst []byte, kind Type, name string) []byte {
	dst = append(dst, byte(kind))
	dst = append(dst, name...)
	return append(dst, 0)
}

// AppendIndexHeader is AppendHeader for item i of an array.
func AppendIndexHeader(dst []byte, kind Type, i int) []byte {
	dst = append(dst, byte(kind))
	dst = strconv.AppendInt(dst, int64(i), 10)
	return append(dst, 0)
}

// AppendValue appends a whole element. The zero Value is written as null.
func AppendValue(dst []byte, name string, v Value) []byte {
	kind := v.Type
	if kind == 0 {
		kind = Null
	}
	return append(AppendHeader(dst, kind, name), v.Data...)
}

// AppendString appends a string element.
func AppendString(dst []byte, name, text string) []byte {
	return AppendStringData(AppendHeader(dst, String, name), text)
}

// AppendInt32 appends an int32 element.
func AppendInt32(dst []byte, name string, n int32) []byte {
	return AppendInt32Data(AppendHeader(dst, Int32, name), n)
}

// AppendInt64 appends an int64 element.
func AppendInt64(dst []byte, name string, n int64) []byte {
	return AppendInt64Data(AppendHeader(dst, Int64, name), n)
}

// AppendBool appends a bool element.
func AppendBool(dst []byte, name string, b bool) []byte {
	return AppendBoolData(AppendHeader(dst, Bool, name), b)
}

// AppendNull appends a null element.
func AppendNull(dst []byte, name string) []byte { return AppendHeader(dst, Null, name) }

// AppendBinary appends a binary element.
func AppendBinary(dst []byte, name string, subtype byte, data []byte) []byte {
	return AppendBinaryData(AppendHeader(dst, Binary, name), subtype, data)
}

// AppendStringData appends a string's data: length, text, terminator.
func AppendStringData(dst []byte, text string) []byte {
	start, length := len(dst), 4+len(text)+1
	dst = slices.Grow(dst, length)[:start+length]
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(text)+1))
	copy(dst[start+4:], text)
	dst[start+length-1] = 0
	return dst
}

// AppendInt32Data appends an int32's data.
func AppendInt32Data(dst []byte, n int32) []byte {
	return binary.LittleEndian.AppendUint32(dst, uint32(n))
}

// AppendInt64Data appends an int64's data, or a date's in milliseconds since
// 1970 UTC.
func AppendInt64Data(dst []byte, n int64) []byte {
	return binary.LittleEndian.AppendUint64(dst, uint64(n))
}

// AppendDoubleData appends a double's data. The bits are written as they are.
func AppendDoubleData(dst []byte, f float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
}

// AppendBoolData appends a bool's data.
func AppendBoolData(dst []byte, b bool) []byte {
	if b {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// AppendBinaryData appends a binary value's data: length, subtype, bytes.
func AppendBinaryData(dst []byte, subtype byte, data []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(data)))
	dst = append(dst, subtype)
	return append(dst, data...)
}
