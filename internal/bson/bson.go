// Package bson reads and writes the dialect of BSON that Json.NET speaks:
// ten element types, no policy. It turns bytes into values and values into
// bytes; what they mean is the wire package's business.
//
// A document comes from a peer and is hostile until [Validate] has walked it
// once. After that walk an [Iter] over it finds every element, and a [Value]
// holds exactly the bytes that its type asks for, so that the accessors need
// no errors of their own. Nothing here copies: values alias the document.
//
// Text is UTF-8. Validate refuses a name or a string that is not, since no
// .NET writer can produce one and repairing it would change what the peer
// said; writers are expected to check before they append.
package bson

import "strconv"

// Type is the type byte of an element.
type Type byte

// The element types that .NET Halibut writes. Any other type byte is an error.
const (
	Double   Type = 0x01
	String   Type = 0x02
	Document Type = 0x03
	Array    Type = 0x04
	Binary   Type = 0x05
	Bool     Type = 0x08
	DateTime Type = 0x09
	Null     Type = 0x0A
	Int32    Type = 0x10
	Int64    Type = 0x12
)

// The subtypes of a binary value that .NET Halibut writes.
const (
	SubtypeBytes = 0x00
	SubtypeGUID  = 0x04
)

// DefaultMaxDepth is how deep documents may nest where nobody says otherwise.
// The outermost document is depth 1.
const DefaultMaxDepth = 100

// String names the type as error messages print it.
func (t Type) String() string {
	switch t {
	case Double:
		return "double"
	case String:
		return "string"
	case Document:
		return "document"
	case Array:
		return "array"
	case Binary:
		return "binary"
	case Bool:
		return "bool"
	case DateTime:
		return "date"
	case Null:
		return "null"
	case Int32:
		return "int32"
	case Int64:
		return "int64"
	}
	return "type 0x" + strconv.FormatUint(uint64(t), 16)
}
