package replay

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/halibut-go/halibut/internal/bson"
)

// Document is a message's document.
type Document struct {
	Inflated []byte
}

// ParseDocument checks that the bytes are a message's document.
func ParseDocument(inflated []byte) (Document, error) {
	d := Document{inflated}
	if err := bson.Validate(inflated, 0); err != nil {
		return d, err
	}
	if it := bson.NewIter(inflated); !it.Next() || string(it.Name()) != "Message" {
		return d, fmt.Errorf("the document %x… is no message", inflated[:min(20, len(inflated))])
	}
	return d, nil
}

func (d Document) message() bson.Value {
	return bson.Value{Type: bson.Document, Data: d.Inflated}.Lookup("Message")
}

// Member is a member of the message, such as result.
func (d Document) Member(name string) bson.Value { return d.message().Lookup(name) }

func (d Document) text(name string) string {
	if v := d.Member(name); v.Type == bson.String {
		return string(v.Text())
	}
	return ""
}

// IsNull reports whether it is the null request.
func (d Document) IsNull() bool { return d.message().IsNull() }

// ID is the id of the request or response.
func (d Document) ID() string { return d.text("id") }

// Service is what a request calls.
func (d Document) Service() string { return d.text("service") }

// Method is what a request calls.
func (d Document) Method() string { return d.text("method") }

// Params are the arguments of a request.
func (d Document) Params() []bson.Value {
	var params []bson.Value
	for it := d.Member("params").Elements(); it.Next(); {
		params = append(params, it.Value())
	}
	return params
}

// Husk is a sub-document that is a data stream, or looks like one.
type Husk struct {
	ID     [16]byte
	Length int64
}

// Husks are all husks, in the order of the document.
func (d Document) Husks() []Husk { return husksIn(d.message(), nil) }

// HusksIn are those in a part of a document.
func HusksIn(v bson.Value) []Husk { return husksIn(v, nil) }

func husksIn(v bson.Value, found []Husk) []Husk {
	if husk, ok := huskOf(v); ok {
		return append(found, husk)
	}
	for it := v.Elements(); it.Next(); {
		found = husksIn(it.Value(), found)
	}
	return found
}

func huskOf(v bson.Value) (h Husk, ok bool) {
	id, length := v.Lookup("id"), v.Lookup("length")
	if v.Type != bson.Document || id.Type != bson.Binary || length.Type != bson.Int64 {
		return h, false
	}
	members := 0
	for it := v.Elements(); it.Next(); {
		if string(it.Name()) != "$type" {
			members++
		}
	}
	subtype, data := id.Binary()
	if subtype != bson.SubtypeGUID || len(data) != 16 || members != 2 {
		return h, false
	}
	return Husk{ID: [16]byte(data), Length: length.Int64()}, true
}

// WithID is the same message on the wire with another id.
func (d Document) WithID(id string) []byte {
	doc, outer := bson.Begin(nil)
	doc, inner := bson.Begin(bson.AppendHeader(doc, bson.Document, "Message"))
	for it := d.message().Elements(); it.Next(); {
		if name := string(it.Name()); name == "id" {
			doc = bson.AppendString(doc, name, id)
		} else {
			doc = bson.AppendValue(doc, name, it.Value())
		}
	}
	return deflated(bson.End(bson.End(doc, inner), outer))
}

// deflated is compressed where that is worth its price: a compressor is large.
func deflated(doc []byte) []byte {
	const stored = 8 << 10 // fits into one stored block
	if n := uint16(len(doc)); len(doc) < stored {
		head := binary.LittleEndian.AppendUint16([]byte{1}, n)
		return append(binary.LittleEndian.AppendUint16(head, ^n), doc...)
	}
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.DefaultCompression)
	if err == nil {
		_, err = w.Write(doc)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // the level is right, and a buffer takes everything
	}
	return out.Bytes()
}

// Comparable is the document as text, a line a value: without id, activityId,
// endpoint and ids of streams, with the assemblies of framework types as one,
// and with only that of an error by which callers know it.
func (d Document) Comparable(release string) string {
	var b strings.Builder
	message := d.message()
	if message.IsNull() {
		return "null request\n"
	}
	for it := message.Elements(); it.Next(); {
		switch name := string(it.Name()); name {
		case "id", "activityId", "endpoint":
		case "error":
			b.WriteString("error: " + d.ErrorClass(release) + "\n")
		default:
			appendText(&b, name, it.Value())
		}
	}
	return b.String()
}

// Comparable is a value as text, as [Document.Comparable] has it.
func Comparable(v bson.Value) string {
	var b strings.Builder
	appendText(&b, "", v)
	return b.String()
}

var frameworkAssembly = regexp.MustCompile(`, (System\.Private\.CoreLib|mscorlib|System\.Core|System)\b`)

func appendText(b *strings.Builder, path string, v bson.Value) {
	if husk, ok := huskOf(v); ok {
		fmt.Fprintf(b, "%s: stream of %d bytes %s\n", path, husk.Length, v.Lookup("$type").Data)
		return
	}
	if v.Type == bson.Document || v.Type == bson.Array {
		fmt.Fprintf(b, "%s: %s\n", path, v.Type)
		for _, member := range membersOf(path, v) {
			appendText(b, path+"."+member.name, member.value)
		}
		return
	}
	text := hex.EncodeToString(v.Data)
	if v.Type == bson.String {
		text = strconv.Quote(string(v.Text()))
		if strings.HasSuffix(path, "$type") {
			text = frameworkAssembly.ReplaceAllString(text, ", framework")
		}
	}
	fmt.Fprintf(b, "%s: %s %s\n", path, v.Type, text)
}

type member struct {
	name  string
	value bson.Value
}

// membersOf are the members of a document in their order, which means nothing
// in a dictionary.
func membersOf(path string, v bson.Value) (members []member) {
	for it := v.Elements(); it.Next(); {
		members = append(members, member{string(it.Name()), it.Value()})
	}
	if isDictionary(path, v) {
		slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	}
	return members
}

// dictionaries are the members of recorded classes that are dictionaries.
var dictionaries = []string{"Scores", "ById", "ByNumber", "Named", "Scripts"}

func isDictionary(path string, v bson.Value) bool {
	if v.Type != bson.Document {
		return false
	}
	name := path[strings.LastIndexByte(path, '.')+1:]
	return slices.Contains(dictionaries, name) || strings.Contains(string(v.Lookup("$type").Data), "Dictionary`2")
}

// ErrorClass is what a .NET caller takes the error for, "none" without one. 8.1
// tells it by a type name; for other releases that is not part of the class.
func (d Document) ErrorClass(release string) string {
	failure := d.Member("error")
	if failure.IsNull() {
		return "none"
	}
	text := func(name string) string {
		if v := failure.Lookup(name); v.Type == bson.String {
			return string(v.Text())
		}
		return ""
	}
	name := text("HalibutErrorType")
	class := classOf(name, text("message"), text("details"))
	if strings.HasPrefix(release, "8.") {
		class += " by type " + strconv.Quote(name)
	}
	return class
}

func classOf(name, message, details string) string {
	const exceptions, exception = "Halibut.Exceptions.", "HalibutClientException"
	if known, ok := strings.CutPrefix(name, exceptions); ok {
		return strings.TrimSuffix(known, exception)
	}
	switch {
	case strings.HasPrefix(message, "Service not found: "):
		return "ServiceNotFound"
	case strings.HasPrefix(message, "Service ") && strings.HasSuffix(message, " not found"):
		return "MethodNotFound"
	case strings.HasPrefix(details, "System.Reflection.AmbiguousMatchException: "):
		return "AmbiguousMethodMatch"
	case strings.HasPrefix(details, "System.Reflection.TargetInvocationException: Exception has been thrown by the target of an invocation."):
		return "ServiceInvocation"
	}
	return "HalibutClientException"
}
