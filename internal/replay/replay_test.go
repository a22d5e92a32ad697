package replay

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/halibut-go/halibut/internal/bson"
	"github.com/halibut-go/halibut/internal/memnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const recordings = "../../wire/testdata/flows/*.json"

func flow(t *testing.T, name string) *Flow {
	t.Helper()
	flows, err := Load("../../wire/testdata/flows/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return flows[0]
}

// TestEveryByteIsAccountedFor: the items of a side are all that it wrote.
func TestEveryByteIsAccountedFor(t *testing.T) {
	flows, err := Load(recordings)
	if err != nil {
		t.Fatal(err)
	}
	count := make(map[Kind]int)
	for _, f := range flows {
		requests := 0
		for _, c := range f.Connections {
			for _, dialler := range []bool{true, false} {
				var side []byte
				for _, item := range c.Items {
					if item.Dialler == dialler {
						side = append(side, item.Bytes...)
						count[item.Kind]++
					}
					if item.Dialler == dialler && item.IsRequest() {
						requests++
					}
				}
				again := NewSplitter(stepReader{bytes.NewReader(side), 1 + len(side)/1000}, dialler)
				var joined []byte
				for {
					item, err := again.Next()
					if errors.Is(err, io.EOF) {
						break
					}
					if err != nil {
						t.Fatalf("%s: %v", f.File, err)
					}
					joined = append(joined, item.Bytes...)
				}
				if !bytes.Equal(side, joined) {
					t.Errorf("%s/%d: the items are %d bytes, the side wrote %d", f.File, c.Number, len(joined), len(side))
				}
			}
		}
		if requests == 0 || requests > len(f.Calls) {
			t.Errorf("%s: %d requests for %d calls", f.File, requests, len(f.Calls))
		}
	}
	if count[Message] < 1000 || count[Line] < 1000 || count[Preamble] != count[Identity]/2 || count[LateFrame] != 2 || count[Rest] != 1 {
		t.Errorf("the recordings hold %v", count)
	}
}

// stepReader yields a few bytes at a time.
type stepReader struct {
	r    io.Reader
	step int
}

func (s stepReader) Read(p []byte) (int, error) { return s.r.Read(p[:min(len(p), s.step)]) }

// items of a recorded connection, by kind.
func messageItem(t *testing.T, f *Flow, which func(Item) bool) Item {
	t.Helper()
	for _, item := range f.Connections[0].Items {
		if which(item) {
			return item
		}
	}
	t.Fatal("no such item was recorded")
	return Item{}
}

// with is a message with another value of a member.
func with(t *testing.T, item Item, member string, change func(v bson.Value) bson.Value) Item {
	t.Helper()
	doc, outer := bson.Begin(nil)
	doc, inner := bson.Begin(bson.AppendHeader(doc, bson.Document, "Message"))
	for it := item.message().Elements(); it.Next(); {
		v := it.Value()
		if string(it.Name()) == member {
			v = change(v)
		}
		doc = bson.AppendValue(doc, string(it.Name()), v)
	}
	document, err := ParseDocument(bson.End(bson.End(doc, inner), outer))
	if err != nil {
		t.Fatal(err)
	}
	item.Document = document
	return item
}

func text(s string) bson.Value {
	doc, start := bson.Begin(nil)
	doc = bson.End(bson.AppendString(doc, "v", s), start)
	return bson.Value{Type: bson.Document, Data: doc}.Lookup("v")
}

// TestCompare: what is the sender's own business makes no difference, and all
// else does.
func TestCompare(t *testing.T) {
	f := flow(t, "8.1.2000-listening-errors")
	request := messageItem(t, f, Item.IsRequest)
	refused := messageItem(t, f, func(i Item) bool { return i.IsResponse() && !i.Member("error").IsNull() })
	answered := messageItem(t, f, func(i Item) bool { return i.IsResponse() && i.Member("error").IsNull() })
	streams := messageItem(t, flow(t, "8.1.2000-listening-streams"), func(i Item) bool { return len(i.Frames) > 0 })
	same := func(v bson.Value) bson.Value { return v }
	cut := streams
	cut.Frames = []Frame{{ID: streams.Frames[0].ID, Content: append([]byte{255}, streams.Frames[0].Content[1:]...)}}
	lost := streams
	lost.Frames = nil
	for _, test := range []struct {
		name      string
		want, got Item
		differs   string // "" if it does not
	}{
		{"the same", request, with(t, request, "", same), ""},
		{"id", request, with(t, request, "id", func(bson.Value) bson.Value { return text("other") }), ""},
		{"endpoint", request, with(t, request, "endpoint", func(bson.Value) bson.Value { return bson.Value{} }), ""},
		{"method", request, with(t, request, "method", func(bson.Value) bson.Value { return text("fail") }), "method"},
		{"argument", request, with(t, request, "params", func(bson.Value) bson.Value { return answered.Member("error") }), "params"},
		{"result", answered, with(t, answered, "result", func(bson.Value) bson.Value { return text("y...") }), "result"},
		{"an error for a result", answered, with(t, answered, "error", func(bson.Value) bson.Value { return refused.Member("error") }), "error"},
		{"no error", refused, with(t, refused, "error", func(bson.Value) bson.Value { return bson.Value{} }), "error"},
		{"another stack trace", refused, with(t, refused, "error", func(v bson.Value) bson.Value {
			return replaced(v, "details", v.Lookup("details"), " at somewhere else")
		}), ""},
		{"details without their mark", refused, with(t, refused, "error", func(v bson.Value) bson.Value {
			return replaced(v, "details", text(""), "nothing of use")
		}), "error"},
		{"a request for a response", request, answered, "$type"},
		{"a line for a message", request, Item{Kind: Line, Text: "NEXT"}, "recorded is"},
		{"another line", Item{Kind: Line, Text: "NEXT"}, Item{Kind: Line, Text: "END"}, "NEXT"},
		{"capability words", Item{Kind: Identity, Text: "MX-CLIENT 1.0"}, Item{Kind: Identity, Text: "MX-CLIENT 1.0 go/1"}, ""},
		{"words to a peer that said none", Item{Kind: Identity, Text: "MX-SERVER 1.0"}, Item{Kind: Identity, Text: "MX-SERVER 1.0 go/1"}, "identity"},
		{"another identity", Item{Kind: Identity, Text: "MX-CLIENT 1.0"}, Item{Kind: Identity, Text: "MX-CLIENT 1.01"}, "identity"},
		{"another stream", streams, cut, "stream 0 differs"},
		{"a stream that did not come", streams, lost, "did not come"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := Compare(test.want, test.got, f.Release, nil)
			if (err == nil) != (test.differs == "") || err != nil && !strings.Contains(err.Error(), test.differs) {
				t.Errorf("found is %v, want %q", err, test.differs)
			}
		})
	}
}

// replaced is a document with a text at the end of another in one member.
func replaced(v bson.Value, member string, start bson.Value, end string) bson.Value {
	doc, at := bson.Begin(nil)
	for it := v.Elements(); it.Next(); {
		if name := string(it.Name()); name == member {
			doc = bson.AppendString(doc, name, string(start.Text())+end)
		} else {
			doc = bson.AppendValue(doc, name, it.Value())
		}
	}
	return bson.Value{Type: bson.Document, Data: bson.End(doc, at)}
}

// TestClassOf are the rules by which .NET callers know an error.
func TestClassOf(t *testing.T) {
	for _, test := range []struct{ name, message, details, want string }{
		{"Halibut.Exceptions.MethodNotFoundHalibutClientException", "Service not found: X", "", "MethodNotFound"},
		{"", "Service not found: X", "", "ServiceNotFound"},
		{"", "Service X::Y not found", "", "MethodNotFound"},
		{"", "x", "System.Reflection.AmbiguousMatchException: x", "AmbiguousMethodMatch"},
		{"", "x", "System.Reflection.TargetInvocationException: Exception has been thrown by the target of an invocation.\n", "ServiceInvocation"},
		{"Halibut.HalibutClientException", "x", "y", "HalibutClientException"},
	} {
		if got := classOf(test.name, test.message, test.details); got != test.want {
			t.Errorf("%+v is a %s", test, got)
		}
	}
}

// TestPlayerNoticesDeviations plays to a side that does not do as recorded.
func TestPlayerNoticesDeviations(t *testing.T) {
	f := flow(t, "8.1.2000-listening-one-call")
	const hello = "MX\r\n\r\nMX-CLIENT 1.0\r\n\r\n"
	request := messageItem(t, f, Item.IsRequest)
	for _, test := range []struct{ name, says, want string }{
		{"as recorded", hello + string(request.Bytes) + "END\r\n", ""},
		{"closes early", hello, "the side closes before"},
		{"another line", hello + string(request.Bytes) + "NEXT\r\n", `recorded is "END"`},
		{"goes on after END", hello + string(request.Bytes) + "END\r\nNEXT\r\n", "now dialler's line NEXT comes"},
		{"a line for the request", hello + "NEXT\r\n", "recorded is"},
		{"no preamble", "GET / HTTP/1.1\r\n\r\n", "no preamble"},
		{"no identity", "MX\r\n\r\nMX-CLIENT 1.0\r\nMX-CLIENT 1.0\r\n", "after the identity"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ours, theirs := memnet.Pipe("ours", "theirs")
			player := NewPlayer(f, f.Connections[0].Items, false)
			played := make(chan error, 1)
			go func() { played <- player.Run(theirs) }()
			go func() { _, _ = io.Copy(io.Discard, ours) }()
			_, _ = ours.Write([]byte(test.says)) // it may be closed before it has read all
			_ = ours.CloseWrite()
			err := <-played
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("the player found %v, want %q", err, test.want)
			}
			player.AwaitEnd()
			if player.Await(len(f.Connections[0].Items) + 1) {
				t.Error("the player is beyond its end")
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	if _, err := Load("../../wire/testdata/nothing/*.json"); err == nil {
		t.Error("no recordings are taken for recordings")
	}
	if _, err := Load("../../go.mod"); err == nil {
		t.Error("go.mod is taken for a recording")
	}
	if _, err := connections([]record{{From: "nobody", Hex: "00"}}); err == nil {
		t.Error("a side that is neither dialler nor acceptor is taken")
	}
	if _, err := connections([]record{{From: "dialler", Hex: "xy"}}); err == nil {
		t.Error("hex that is none is taken")
	}
}
