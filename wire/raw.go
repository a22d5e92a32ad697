package wire

import "github.com/halibut-go/halibut/internal/bson"

// Kind is the type of a value on the wire: a BSON element type.
type Kind = bson.Type

// The kinds that .NET Halibut writes.
const (
	KindDouble   = bson.Double
	KindString   = bson.String
	KindDocument = bson.Document
	KindArray    = bson.Array
	KindBinary   = bson.Binary
	KindBool     = bson.Bool
	KindDate     = bson.DateTime
	KindNull     = bson.Null
	KindInt32    = bson.Int32
	KindInt64    = bson.Int64
)

// Raw is one value, not parsed. The zero Raw counts as null. A Raw that came
// out of [ParseMessage] aliases the document: it is valid as long as the
// document's bytes are left alone.
type Raw = bson.Value
