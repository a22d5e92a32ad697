package wire

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// keyPlan is how a type travels as the key of a dictionary: as text, whatever
// it is as a value. Enums go by name there.
type keyPlan struct {
	text  func(v reflect.Value) (string, error)
	parse func(text []byte, v reflect.Value) error
}

// checkKey refuses names that Json.NET would take for its own: the first of
// them would let data name types at the reader.
func checkKey(key string) error {
	switch key {
	case "$type", "$id", "$ref", "$value", "$values":
		return fmt.Errorf("the key %q means something else to .NET and is refused", key)
	}
	if strings.IndexByte(key, 0) >= 0 {
		return fmt.Errorf("the key %.40q holds a NUL, which ends a name on the wire", key)
	}
	if !utf8.ValidString(key) {
		return fmt.Errorf("the key %.40q is not UTF-8", key)
	}
	return nil
}

// keyPlanOf is nil for types that have no text.
func keyPlanOf(t reflect.Type) *keyPlan {
	pointer := reflect.PointerTo(t)
	switch {
	case t == timeType:
		return &keyPlan{timeKey, parseTimeKey}
	case t == durationType:
		return &keyPlan{durationKey, parseDurationKey}
	case t == charType:
		return &keyPlan{stringerKey, parseCharKey}
	case holdsInterface(t):
		return nil // comparing such keys may panic
	case pointer.Implements(marshalerType):
		return &keyPlan{marshalText, parseTextKey}
	}
	switch t.Kind() {
	case reflect.String:
		return &keyPlan{stringKey, parseStringKey}
	case reflect.Bool:
		return &keyPlan{boolKey, parseBoolKey}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if t.Implements(reflect.TypeFor[fmt.Stringer]()) {
			return &keyPlan{stringerKey, parseIntKey}
		}
		return &keyPlan{intKey, parseIntKey}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if t.Implements(reflect.TypeFor[fmt.Stringer]()) {
			return &keyPlan{stringerKey, parseUintKey}
		}
		return &keyPlan{uintKey, parseUintKey}
	case reflect.Float32, reflect.Float64:
		return &keyPlan{floatKey, parseFloatKey}
	}
	return nil
}

func stringKey(v reflect.Value) (string, error)   { return v.String(), nil }
func stringerKey(v reflect.Value) (string, error) { return v.Interface().(fmt.Stringer).String(), nil }
func intKey(v reflect.Value) (string, error)      { return strconv.FormatInt(v.Int(), 10), nil }
func uintKey(v reflect.Value) (string, error)     { return strconv.FormatUint(v.Uint(), 10), nil }

func durationKey(v reflect.Value) (string, error) {
	return TimeSpanOf(time.Duration(v.Int())).String(), nil
}

func boolKey(v reflect.Value) (string, error) {
	if v.Bool() {
		return "True", nil
	}
	return "False", nil
}

// timeKey prints a date as .NET prints a UTC one: ISO 8601 with as many of
// seven digits of a second as there are.
func timeKey(v reflect.Value) (string, error) {
	return v.Interface().(time.Time).UTC().Truncate(100).Format("2006-01-02T15:04:05.9999999Z"), nil
}

// floatKey prints a number as .NET does: the shortest text that reads back the
// same, with an exponent from 1E+15 on and below 0.0001.
func floatKey(v reflect.Value) (string, error) {
	f := v.Float()
	switch {
	case math.IsNaN(f):
		return "", errors.New("NaN is no key")
	case math.IsInf(f, 1):
		return "Infinity", nil
	case math.IsInf(f, -1):
		return "-Infinity", nil
	}
	bits := v.Type().Bits()
	if size := math.Abs(f); size != 0 && (size >= 1e15 || size < 1e-4) {
		return strconv.FormatFloat(f, 'E', -1, bits), nil
	}
	return strconv.FormatFloat(f, 'f', -1, bits), nil
}

func parseStringKey(text []byte, v reflect.Value) error {
	v.SetString(string(text))
	return nil
}

func parseTextKey(text []byte, v reflect.Value) error {
	u, ok := v.Addr().Interface().(encoding.TextUnmarshaler)
	if !ok {
		return fmt.Errorf("a key of the Go type %v cannot be read: give it an UnmarshalText method", v.Type())
	}
	return u.UnmarshalText(text)
}

func parseCharKey(text []byte, v reflect.Value) error {
	c, err := parseChar(text)
	v.SetInt(int64(c))
	return err
}

func parseBoolKey(text []byte, v reflect.Value) error {
	b, err := strconv.ParseBool(string(text))
	v.SetBool(b)
	return err
}

// parseIntKey reads a number. The name of an enum needs UnmarshalText: a
// String method cannot be turned round.
func parseIntKey(text []byte, v reflect.Value) error {
	n, err := strconv.ParseInt(string(text), 10, v.Type().Bits())
	if err != nil {
		return keyError(text, v.Type())
	}
	v.SetInt(n)
	return nil
}

func parseUintKey(text []byte, v reflect.Value) error {
	n, err := strconv.ParseUint(string(text), 10, v.Type().Bits())
	if err != nil {
		return keyError(text, v.Type())
	}
	v.SetUint(n)
	return nil
}

func parseFloatKey(text []byte, v reflect.Value) error {
	f, err := strconv.ParseFloat(string(text), v.Type().Bits())
	if err != nil {
		return keyError(text, v.Type())
	}
	v.SetFloat(f)
	return nil
}

func keyError(text []byte, t reflect.Type) error {
	if t.Name() != "" && t.PkgPath() != "" {
		return fmt.Errorf("%.40q is not a key of the Go type %v: if it is the name of an enum's value, give the type an UnmarshalText method", text, t)
	}
	return fmt.Errorf("%.40q is not a key of the Go type %v", text, t)
}

func parseDurationKey(text []byte, v reflect.Value) error {
	d, err := parseDuration(text)
	v.SetInt(int64(d))
	return err
}

func parseTimeKey(text []byte, v reflect.Value) error {
	t, err := parseTime(text)
	v.Set(reflect.ValueOf(t))
	return err
}

// parseTime reads ISO 8601 as .NET prints dates; without an offset it is UTC.
func parseTime(text []byte) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil {
		if t, err = time.Parse("2006-01-02T15:04:05.999999999", string(text)); err != nil {
			return time.Time{}, fmt.Errorf("%.40q is not a date in ISO 8601", text)
		}
	}
	return t.UTC(), nil
}

func parseDuration(text []byte) (time.Duration, error) {
	span, err := ParseTimeSpan(string(text))
	if err != nil {
		return 0, err
	}
	d, ok := span.Duration()
	if !ok {
		return 0, fmt.Errorf("the TimeSpan %v is longer than a time.Duration can be: use TimeSpan", span)
	}
	return d, nil
}

func parseUUID(text []byte) (uuid.UUID, error) {
	id, err := uuid.ParseBytes(text)
	if err != nil {
		return uuid.UUID{}, fmt.Errorf("%.40q is not a Guid", text)
	}
	return id, nil
}
