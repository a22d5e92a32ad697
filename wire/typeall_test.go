package wire

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/internal/bson"
)

// sum is the class of the recording of 2013.
type sum struct {
	Value int32
	Names List[string]
	Id    uuid.UUID
	When  time.Time
}

func (sum) DotNetType() string { return "Sum, Halibut" }

// What the protocol of 2013 carries is encoded and decoded with TypeAll.
func TestRecordedValuesOf2013(t *testing.T) {
	text, err := os.ReadFile("testdata/2013-rpc.json")
	if err != nil {
		t.Fatal(err)
	}
	var flow struct {
		Calls []struct {
			Method  string
			Records []struct{ From, Hex string }
		}
	}
	if err := json.Unmarshal(text, &flow); err != nil {
		t.Fatal(err)
	}
	when := time.Date(2013, 3, 1, 0, 0, 0, 0, time.UTC)
	c := &Codec{TypeAll: true}
	args := map[string][]any{
		"Divide": {1.0, 4.0}, "Join": {[]string{"a", "b"}}, "Nothing": {}, "Fail": {"boom"}, "Total": {sum{Value: 1, Names: List[string]{"x"}, When: when}},
	}
	results := map[string]any{"Divide": 0.25, "Join": "a-b", "Nothing": nil, "Total": &sum{Value: 2, Names: List[string]{"x"}, When: when}}
	compared := 0
	for _, call := range flow.Calls {
		var sides = map[string][]byte{}
		for _, r := range call.Records {
			data, err := hex.DecodeString(r.Hex)
			if err != nil {
				t.Fatal(err)
			}
			sides[r.From] = append(sides[r.From], data...)
		}
		if err := bson.Validate(sides["client"], 0); err != nil {
			t.Fatal(err)
		}
		if err := bson.Validate(sides["server"], 0); err != nil {
			t.Fatal(err)
		}
		if values, ok := args[call.Method]; ok {
			compared++
			recorded := Raw{Type: KindDocument, Data: sides["client"]}.Lookup("params")
			sameValue(t, encodeOne(t, c, values), recorded)
			var got []any
			if err := (&Codec{Types: registered("Sum, Halibut", sum{})}).Decode(recorded, nil, &got); err != nil || len(got) != len(values) {
				t.Errorf("%s: %v, %v", call.Method, got, err)
			}
		}
		if value, ok := results[call.Method]; ok {
			compared++
			sameValue(t, encodeOne(t, c, value), Raw{Type: KindDocument, Data: sides["server"]}.Lookup("result"))
		}
	}
	if compared != 9 {
		t.Errorf("%d values compared", compared)
	}
}
