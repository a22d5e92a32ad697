package halibut

import (
	"bytes"
	"crypto/fips140"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/halibut-go/halibut/internal/bson"
	"github.com/halibut-go/halibut/wire"
)

// agreeStream compares a stream with the recorded description of it.
func agreeStream(outcome string, content []byte) error {
	var legacy [sha1.Size]byte
	sum := func() { legacy = sha1.Sum(content) } // some recordings have it
	if fips140.Enforced() {
		fips140.WithoutEnforcement(sum)
	} else {
		sum()
	}
	sums := fmt.Sprintf("sha256 %x, sha1 %x", sha256.Sum256(content), legacy)
	words := strings.FieldsFunc(outcome, func(r rune) bool { return strings.ContainsRune(`", `, r) })
	if len(words) == 0 || !strings.Contains(sums, words[len(words)-1]) || !strings.Contains(outcome, fmt.Sprintf(" %d bytes", len(content))) {
		return fmt.Errorf("the stream has %d bytes, %s; recorded is %s", len(content), sums, outcome)
	}
	return nil
}

// agreeJSON compares a value on the wire with what the recorded caller printed
// of the value that it made of it.
func agreeJSON(outcome string, got wire.Raw) error {
	if length, ok := strings.CutPrefix(outcome, "string of length "); ok {
		if n, err := strconv.Atoi(length); err != nil || got.Type != bson.String || len(got.Text()) != n {
			return fmt.Errorf("the result is a %v of %d bytes, recorded is a %s", got.Type, len(got.Data), outcome)
		}
		return nil
	}
	decoder := json.NewDecoder(strings.NewReader(outcome))
	decoder.UseNumber()
	var want any
	if err := decoder.Decode(&want); err != nil {
		return fmt.Errorf("the recorded outcome %.100q: %w", outcome, err)
	}
	return agree("result", want, got)
}

func agree(path string, want any, got bson.Value) error {
	got = unwrapped(got)
	ok := false
	switch want := want.(type) {
	case nil:
		ok = got.IsNull()
	case bool:
		ok = got.Type == bson.Bool && got.Bool() == want
	case json.Number:
		ok = agreeNumber(want, got)
	case string:
		ok = agreeText(want, got)
	case []any:
		return agreeList(path, want, got)
	case map[string]any:
		return agreeMembers(path, want, got)
	}
	if !ok {
		return fmt.Errorf("%s is the %v %x, recorded is %v", path, got.Type, got.Data, want)
	}
	return nil
}

// unwrapped is the list or the bytes inside of a document that says their type.
func unwrapped(v bson.Value) bson.Value {
	for _, name := range []string{"$values", "$value"} {
		if inner := v.Lookup(name); v.Type == bson.Document && inner.Type != 0 {
			return inner
		}
	}
	return v
}

func agreeNumber(want json.Number, got bson.Value) bool {
	if n, integer := got.Integer(); integer {
		w, err := want.Int64()
		return err == nil && w == n
	}
	w, err := want.Float64()
	return got.Type == bson.Double && err == nil && (w == got.Double() || float32(w) == float32(got.Double()))
}

func agreeText(want string, got bson.Value) bool {
	switch got.Type {
	case bson.String:
		return want == string(got.Text())
	case bson.Double:
		number := got.Double()
		return want == "NaN" && math.IsNaN(number) || want == "-Infinity" && math.IsInf(number, -1) || want == "Infinity" && math.IsInf(number, 1)
	case bson.Binary:
		subtype, data := got.Binary()
		if subtype == bson.SubtypeGUID {
			return want == wire.GUID([16]byte(data)).String()
		}
		decoded, err := base64.StdEncoding.DecodeString(want)
		return err == nil && bytes.Equal(decoded, data)
	case bson.DateTime:
		return agreeDate(want, time.UnixMilli(got.Int64()).UTC())
	}
	return false
}

// agreeDate takes a date that .NET printed for the same moment, or for the same
// time of day: at the ends of its range it cannot convert to local time.
func agreeDate(want string, got time.Time) bool {
	printed, err := time.Parse(time.RFC3339Nano, want)
	if err != nil {
		return false
	}
	const layout = "2006-01-02T15:04:05.999"
	return printed.Equal(got) || printed.Format(layout) == got.Format(layout)
}

func agreeList(path string, want []any, got bson.Value) error {
	items := got.Elements()
	if got.Type != bson.Array || items.Count() != len(want) {
		return fmt.Errorf("%s is a %v of %d, recorded is a list of %d", path, got.Type, items.Count(), len(want))
	}
	for i := 0; items.Next(); i++ {
		if err := agree(fmt.Sprintf("%s[%d]", path, i), want[i], items.Value()); err != nil {
			return err
		}
	}
	return nil
}

func agreeMembers(path string, want map[string]any, got bson.Value) error {
	if got.Type != bson.Document {
		return fmt.Errorf("%s is a %v, recorded are members", path, got.Type)
	}
	count := 0
	for it := got.Elements(); it.Next(); {
		name := string(it.Name())
		if name == "$type" {
			continue
		}
		count++
		member, recorded := want[name]
		if !recorded {
			return fmt.Errorf("%s has the member %s, which is not recorded", path, name)
		}
		if err := agree(path+"."+name, member, it.Value()); err != nil {
			return err
		}
	}
	if count != len(want) {
		return fmt.Errorf("%s has %d members, recorded are %d", path, count, len(want))
	}
	return nil
}
