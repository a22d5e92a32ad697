package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/internal/bson"
	"github.com/halibut-go/halibut/wire"
)

// formatResult writes a value as JSON, in the forms that parseArgument reads.
func formatResult(raw wire.Raw, indent string) string {
	text := appendJSON(nil, raw, false)
	if indent == "" {
		return string(text)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", indent); err != nil {
		return string(text) // the reader sees at least what there is
	}
	return b.String()
}

// appendJSON writes a value. Redacted, values are replaced by their kinds.
func appendJSON(dst []byte, raw wire.Raw, redacted bool) []byte {
	switch raw.Type {
	case bson.Document:
		return appendJSONDocument(dst, raw, redacted)
	case bson.Array:
		dst = append(dst, '[')
		first := true
		for it := raw.Elements(); it.Next(); first = false {
			if !first {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, it.Value(), redacted)
		}
		return append(dst, ']')
	case bson.Null, 0:
		return append(dst, "null"...)
	}
	if redacted {
		return fmt.Appendf(dst, `"(%s)"`, raw.Type)
	}
	return appendJSONScalar(dst, raw)
}

func appendJSONScalar(dst []byte, raw wire.Raw) []byte {
	switch raw.Type {
	case bson.Double:
		return append(dst, formatDouble(raw.Double())...)
	case bson.String:
		return appendJSONText(dst, string(raw.Text()))
	case bson.Bool:
		return strconv.AppendBool(dst, raw.Bool())
	case bson.DateTime:
		return fmt.Appendf(dst, `{"$date":%q}`, time.UnixMilli(raw.Int64()).UTC().Format("2006-01-02T15:04:05.999Z07:00"))
	case bson.Binary:
		subtype, data := raw.Binary()
		if id, ok := guid(subtype, data); ok {
			return fmt.Appendf(dst, `{"$guid":%q}`, id)
		}
		return fmt.Appendf(dst, `{"$bytes":%q}`, base64.StdEncoding.EncodeToString(data))
	default:
		n, _ := raw.Integer()
		return strconv.AppendInt(dst, n, 10)
	}
}

// guid reads a .NET Guid, whose first three groups are little-endian.
func guid(subtype byte, data []byte) (uuid.UUID, bool) {
	if subtype != bson.SubtypeGUID || len(data) != 16 {
		return uuid.UUID{}, false
	}
	id := uuid.UUID(data)
	id[0], id[1], id[2], id[3] = data[3], data[2], data[1], data[0]
	id[4], id[5], id[6], id[7] = data[5], data[4], data[7], data[6]
	return id, true
}

func appendJSONText(dst []byte, text string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a string can always be encoded
	for _, c := range string(bytes.TrimSpace(b.Bytes())) {
		if unicode.IsControl(c) { // JSON allows some that terminals obey
			dst = fmt.Appendf(dst, `\u%04x`, c)
		} else {
			dst = utf8.AppendRune(dst, c)
		}
	}
	return dst
}

// appendJSONDocument writes a document with its members in their order. A
// collection of .NET's own is shown by its items alone, and a data stream by
// its length.
func appendJSONDocument(dst []byte, raw wire.Raw, redacted bool) []byte {
	if values, ok := frameworkCollection(raw); ok {
		return appendJSON(dst, values, redacted)
	}
	if length, ok := streamLength(raw); ok {
		return fmt.Appendf(dst, `{"$stream":%d}`, length)
	}
	dst = append(dst, '{')
	first := true
	for it := raw.Elements(); it.Next(); first = false {
		if !first {
			dst = append(dst, ',')
		}
		name := string(it.Name())
		dst = append(appendJSONText(dst, name), ':')
		dst = appendJSON(dst, it.Value(), redacted && name != "$type")
	}
	return append(dst, '}')
}

// frameworkCollection is what stands in {"$type": …, "$values": […]} and
// {"$type": …, "$value": …} whose type is .NET's own.
func frameworkCollection(raw wire.Raw) (wire.Raw, bool) {
	name, err := wire.ParseTypeName(typeOf(raw))
	if err != nil || !name.Framework() {
		return wire.Raw{}, false
	}
	if values := raw.Lookup("$values"); values.Type == bson.Array {
		return values, true
	}
	value := raw.Lookup("$value")
	return value, value.Type != 0
}

func typeOf(raw wire.Raw) string {
	if t := raw.Lookup("$type"); t.Type == bson.String {
		return string(t.Text())
	}
	return ""
}

func streamLength(raw wire.Raw) (int64, bool) {
	name, err := wire.ParseTypeName(typeOf(raw))
	if err != nil || name.Name != "Halibut.DataStream" {
		return 0, false
	}
	return raw.Lookup("length").Integer()
}
