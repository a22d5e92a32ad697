package main

import (
	"bytes"
	"context"
	"fmt"
	"go/types"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut"
	contracts "github.com/halibut-go/halibut/cmd/internal/contract"
	"github.com/halibut-go/halibut/cmd/internal/convert/testdata/accepted/samples"
	"github.com/halibut-go/halibut/contracts/tentacle"
	"github.com/halibut-go/halibut/halibuttest"
	"github.com/halibut-go/halibut/wire"
)

// sampleContracts are in C#, and in the Go that halibutgen makes of it: both must
// come to the same.
var sampleContracts = []string{
	"../../wire/testdata/contracts.cs",
	"../internal/convert/testdata/accepted/samples/contracts_halibut.go",
}

func readSamples(t *testing.T, name string) *contractFile {
	t.Helper()
	f, err := readContract(name, "Samples.Contracts")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestTypedArguments holds what JSON becomes by a contract against what the
// generated types become, byte by byte, and what it is printed as.
func TestTypedArguments(t *testing.T) {
	id := uuid.MustParse("00112233-4455-6677-8899-aabbccddeeff")
	born := time.Date(1815, 12, 10, 0, 0, 0, 0, time.UTC)
	three := int32(3)
	ada := &samples.Person{Name: "Ada", Age: 36, Born: &born, Home: &samples.Address{Street: "Main", City: "London"}, Tags: halibut.List[string]{"a"},
		Scores: map[string]int32{"x": 1}, Id: id, Photo: []byte{1, 2}, Shift: 8 * wire.TimeHour, Favourite: samples.ColourBlue, Salary: 1.5,
		Boss: &samples.Person{Name: "Charles"}}
	const adaJSON = `{"name": "Ada", "Age": 36, "Born": "1815-12-10", "Home": {"Street": "Main", "City": "London"}, "Tags": ["a"], "Scores": {"x": 1},
		"Id": "00112233-4455-6677-8899-aabbccddeeff", "Photo": "AQI=", "Shift": "08:00:00", "Favourite": "Blue", "Salary": 1.5,
		"Boss": {"Name": "Charles", "Age": 0, "Born": null, "Home": null, "Tags": null, "Scores": null, "Id": "00000000-0000-0000-0000-000000000000",
			"Photo": null, "Shift": "0s", "Favourite": 0, "Salary": 0, "Boss": null}}`
	for _, tt := range []struct {
		method, text string
		want         any
		printed      string
	}{
		{"Bool", `true`, true, `true`},
		{"SByte", `-128`, int8(-128), `-128`},
		{"Byte", `255`, uint8(255), `255`},
		{"UInt", `4294967295`, uint32(4294967295), `4294967295`},
		{"Long", `1e3`, int64(1000), `1000`},
		{"ULong", `9223372036854775807`, uint64(9223372036854775807), `9223372036854775807`},
		{"Float", `0.1`, float32(0.1), `0.10000000149011612`},
		{"Double", `1`, float64(1), `1.0`},
		{"Double", `"NaN"`, []float64{0}, ``},
		{"Decimal", `{"$double": 2.5}`, 2.5, `2.5`},
		{"Char", `"ü"`, wire.Char('ü'), `"ü"`},
		{"Text", `"@text"`, "@text", `"@text"`},
		{"Date", `"1815-12-10T00:00:00Z"`, born, `"1815-12-10T00:00:00Z"`},
		{"Date", `{"$date": "1815-12-10"}`, born, `"1815-12-10T00:00:00Z"`},
		{"Span", `"1.02:03:04.5"`, 26*wire.TimeHour + 3*wire.TimeMinute + 4*wire.TimeSecond + wire.TimeSecond/2, `"1.02:03:04.5000000"`},
		{"Span", `"90s"`, 90 * wire.TimeSecond, `"00:01:30"`},
		{"Id", `"00112233-4455-6677-8899-AABBCCDDEEFF"`, id, `"00112233-4455-6677-8899-aabbccddeeff"`},
		{"Id", `{"$guid": "00112233-4455-6677-8899-aabbccddeeff"}`, id, `"00112233-4455-6677-8899-aabbccddeeff"`},
		{"Link", `"https://example.com/a b"`, wire.URI("https://example.com/a b"), `"https://example.com/a b"`},
		{"Release", `"1.2.3"`, wire.Version("1.2.3"), `"1.2.3"`},
		{"Bytes", `"AQI="`, []byte{1, 2}, `"AQI="`},
		{"Bytes", `{"$bytes": "AQI="}`, []byte{1, 2}, `"AQI="`},
		{"MaybeInt", `null`, (*int32)(nil), `null`},
		{"MaybeInt", `3`, &three, `3`},
		{"Colour", `"Blue"`, samples.ColourBlue, `"Blue"`},
		{"Colour", `77`, samples.Colour(77), `77`},
		{"Rights", `"read, Write"`, samples.RightsRead | samples.RightsWrite, `"Read, Write"`},
		{"Person", adaJSON, ada, ""},
		{"Person", `null`, (*samples.Person)(nil), `null`},
		{"Point", `{"X": 1, "Y": 2.5}`, samples.Point{X: 1, Y: 2.5}, `{"X":1.0,"Y":2.5}`},
		{"Ints", `[1, 2]`, []int32{1, 2}, `[1,2]`},
		{"Texts", `["a", "b"]`, []string{"a", "b"}, `["a","b"]`},
		{"TextList", `["a"]`, halibut.List[string]{"a"}, `["a"]`},
		{"TextSet", `["a", "b"]`, halibut.Set[string]{"a": {}, "b": {}}, `["a","b"]`},
		{"People", `[null]`, halibut.List[*samples.Person]{nil}, `[null]`},
		{"PersonArray", `[]`, []*samples.Person{}, `[]`},
		{"Scores", `{"a": 1}`, map[string]int32{"a": 1}, `{"a":1}`},
		{"ByNumber", `{"7": "x"}`, map[int32]string{7: "x"}, `{"7":"x"}`},
		{"ById", `{"00112233-4455-6677-8899-aabbccddeeff": null}`, map[uuid.UUID]*samples.Person{id: nil}, `{"00112233-4455-6677-8899-aabbccddeeff":null}`},
		{"Shape", `{"$type": "Circle", "Radius": 2, "Label": "c"}`, samples.Circle{Radius: 2, ShapeBase: samples.ShapeBase{Label: "c"}},
			`{"$type":"Samples.Contracts.Circle, Samples.Contracts","Radius":2.0,"Label":"c"}`},
		{"Drawing", `{"Main": {"Side": 1, "$type": "Samples.Contracts.Square", "Corner": {"X": 0, "Y": 0}, "Label": null}, "Shapes": null, "Named": null}`,
			&samples.Drawing{Main: samples.Square{Side: 1}}, ""},
		{"Nested", `[[1], [2, 3]]`, [][]int32{{1}, {2, 3}}, `[[1],[2,3]]`},
		{"Pair", `{"Key": "k", "Value": 1}`, wire.KeyValuePair[string, int32]{Key: "k", Value: 1}, `{"Key":"k","Value":1}`},
		{"Pairs", `{"Item1": "k", "Item2": 1}`, &wire.Tuple2[string, int64]{Item1: "k", Item2: 1}, `{"Item1":"k","Item2":1}`},
	} {
		for _, name := range sampleContracts {
			f := readSamples(t, name)
			call, err := f.typedCall("ivalueservice", tt.method, []string{tt.text}, false)
			if err != nil {
				t.Errorf("%s %s: %v", tt.method, tt.text, err)
				continue
			}
			if _, isNaN := tt.want.([]float64); isNaN {
				continue // written as all NaNs are
			}
			codec := &wire.Codec{Types: samples.ShapeTypes()}
			got, err := codec.EncodeParams(nil, nil, call.args)
			if err != nil {
				t.Fatal(err)
			}
			want, err := codec.EncodeParams(nil, nil, []any{tt.want})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Data, want.Data) {
				t.Errorf("%s %s is by %s\n%s\nwant\n%s", tt.method, tt.text, filepath.Base(name), formatResult(got, ""), formatResult(want, ""))
			}
			it := got.Elements()
			it.Next()
			if printed := f.typedResult(it.Value(), call.result, ""); tt.printed != "" && printed != tt.printed {
				t.Errorf("%s %s is printed as %s, want %s", tt.method, tt.text, printed, tt.printed)
			} else if _, err := f.typedCall("IValueService", tt.method, []string{printed}, false); err != nil {
				t.Errorf("what is printed for %s is no argument: %v", tt.method, err)
			}
		}
	}
}

// TestTypedArgumentsRefused holds that what does not fit is told with its place.
func TestTypedArgumentsRefused(t *testing.T) {
	for _, tt := range []struct {
		service, method string
		texts           []string
		want            string
	}{
		{"INoService", "X", nil, "contracts.cs: it declares no INoService; there is IEchoService, IOverloadService, IValueService"},
		{"IEchoService", "Shout", nil, "contracts.cs: IEchoService has no method Shout; it has SayHello, Add,"},
		{"IEchoService", "Add", []string{"1"}, "Add(a int64, b int64) takes 2 arguments, found 1"},
		{"IEchoService", "Add", []string{"1", `"2"`}, `argument 2 (b), "2": column 1: found a text where int64 is due: expected a number`},
		{"IEchoService", "Add", []string{"1", "2.5"}, "argument 2 (b), 2.5: column 1: 2.5 is no whole number, as int64 is"},
		{"IEchoService", "SayHello", []string{"Go"}, "argument 1, Go, is not JSON that can be sent: column 1: invalid character 'G'"},
		{"IEchoService", "SayHello", []string{"@file"}, "argument 1 (name), @file: string is no data stream"},
		{"IEchoService", "Count", []string{`"text"`}, `"text" is no data stream: expected "@FILE"`},
		{"IEchoService", "Count", []string{`@nowhere`}, "nowhere"},
		{"IValueService", "Byte", []string{"256"}, "column 1: 256 is out of the range of uint8"},
		{"IValueService", "Int", []string{"null"}, "column 1: found null where int32 is due"},
		{"IValueService", "Float", []string{"1e300"}, "out of the range of float32"},
		{"IValueService", "Colour", []string{`"Pink"`}, `"Pink" is no Colour; there is Red, Green, Blue`},
		{"IValueService", "Char", []string{`"ab"`}, "is no single char"},
		{"IValueService", "Id", []string{`"7"`}, `"7" is no GUID`},
		{"IValueService", "Date", []string{`"tomorrow"`}, "is no date"},
		{"IValueService", "Span", []string{`"long"`}, "is no time"},
		{"IValueService", "Bytes", []string{`"***"`}, "is not base64"},
		{"IValueService", "Bool", []string{`1`}, "found a number where bool is due: expected true or false"},
		{"IValueService", "Person", []string{`{"Name": "Ada", "Weight": 3}`}, `column 17: *Person has no member "Weight"; it has Name, Age,`},
		{"IValueService", "Person", []string{`{"Home": {"Street": 7}}`}, `column 21: found a number where string is due: expected text in quotes`},
		{"IValueService", "Person", []string{`{"Name": "a", "name": "b"}`}, `column 15: "name" stands twice`},
		{"IValueService", "Person", []string{`[]`}, "found an array where *Person is due: expected an object"},
		{"IValueService", "Shape", []string{`{"Radius": 1}`}, "Shape needs a $type; there is Circle, Square"},
		{"IValueService", "ByNumber", []string{`{"x": "a"}`}, `column 2: x is no whole number, as int32 is`},
		{"IValueService", "Ints", []string{`[1, 2.5]`}, "column 5: 2.5 is no whole number"},
		{"IValueService", "Id", []string{`{"$date": "2006-01-02"}`}, `found {"$date": …} where uuid.UUID is due`},
		{"IOverloadService", "Take", []string{`true`}, "the arguments fit none of Take(a int64) and Take(a float64)"},
	} {
		f := readSamples(t, sampleContracts[0])
		call, err := f.typedCall(tt.service, tt.method, tt.texts, false)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s.%s %v: %v, %v; want %q", tt.service, tt.method, tt.texts, call, err, tt.want)
		}
	}
}

// TestTypedOverloads chooses by how the arguments are written.
func TestTypedOverloads(t *testing.T) {
	f := readSamples(t, sampleContracts[0])
	for text, want := range map[string]string{
		"7": "Take(a int64)", "7.0": "Take(a float64)", `"7"`: "Take(a string)", `{"Name": "Ada"}`: "Take(a *Person)",
	} {
		call, err := f.typedCall("IOverloadService", "Take", []string{text}, false)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := f.signature(call.method); got != want {
			t.Errorf("%s goes to %s, want %s", text, got, want)
		}
	}
	path := filepath.Join(t.TempDir(), "tied.cs")
	if err := os.WriteFile(path, []byte("public interface ITied { void A(System.Uri a); void A(System.Version a); }"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readSamples(t, path).typedCall("ITied", "A", []string{`"x"`}, false); err == nil || !strings.Contains(err.Error(), "fit several of A(a URI) and A(a Version)") {
		t.Errorf("a tie: %v", err)
	}
}

// TestTypedStreams sends files from inside of arguments.
func TestTypedStreams(t *testing.T) {
	file := filepath.Join(t.TempDir(), "content")
	if err := os.WriteFile(file, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := readSamples(t, sampleContracts[0])
	for method, text := range map[string]string{
		"Count": `@` + file, "Upload": fmt.Sprintf(`{"Name": "x", "Content": %q}`, "@"+file), "StreamList": fmt.Sprintf(`[%q]`, "@"+file),
	} {
		call, err := f.typedCall("IEchoService", method, []string{text}, false)
		if err != nil {
			t.Errorf("%s: %v", method, err)
			continue
		}
		var streams *wire.Streams
		if _, err := new(wire.Codec).EncodeParams(nil, &streams, call.args); err != nil || streams.Len() != 1 {
			t.Errorf("%s sends %d streams, %v", method, streams.Len(), err)
		}
	}
}

// TestNestedStreams calls a service with a file inside of an argument, by a contract
// and without.
func TestNestedStreams(t *testing.T) {
	file := filepath.Join(t.TempDir(), "content")
	if err := os.WriteFile(file, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	trust := &halibut.TrustList{}
	trust.AllowCalls(halibut.PinOf(halibuttest.Certificate("me")))
	var services halibut.Services
	services.Handle("IEchoService", "Upload", func(_ context.Context, upload *samples.Upload) (string, error) {
		content, err := upload.Content.Bytes(100)
		return upload.Name + " has " + string(content), err
	})
	url := "https://" + serveHalibut(t, &halibut.Options{Authorizer: trust, Services: &services})
	identity := identityFile(t, "me")
	for _, args := range [][]string{
		{fmt.Sprintf(`{"Name": "it", "Content": %q}`, "@"+file), "--contract", sampleContracts[0]},
		{fmt.Sprintf(`{"Name": "it", "Content": {"$stream": %q}}`, file)},
	} {
		var stdout, stderr bytes.Buffer
		args = append([]string{"call", url, "IEchoService.Upload", "-i", identity, "--pin", pinOf("peer"), "-n", "2"}, args...)
		if status := run(t.Context(), args, nil, &stdout, &stderr); status != 0 || stdout.String() != "\"it has content\"\n\"it has content\"\n" {
			t.Errorf("status %d, %s%s", status, &stdout, &stderr)
		}
	}
}

// TestStreamInResult keeps the data stream inside of a result, of services that listen
// and that poll.
func TestStreamInResult(t *testing.T) {
	trust := &halibut.TrustList{}
	trust.AllowCalls(halibut.PinOf(halibuttest.Certificate("me")))
	var services halibut.Services
	services.Handle("IEchoService", "Fetch", func(_ context.Context, name string) (*samples.Upload, error) {
		return &samples.Upload{Name: name, Content: halibut.StreamBytes([]byte("the content"))}, nil
	})
	url := "https://" + serveHalibut(t, &halibut.Options{Authorizer: trust, Services: &services})
	contract := filepath.Join(t.TempDir(), "contract.cs")
	source := "namespace A; public class Part { public string Name; public DataStream Content; } public class Two { public Part A; public Part B; }\n" +
		"public interface IEchoService { Part Fetch(string name); Two FetchTwo(string name); string Say(string name); void Do(string name); }"
	if err := os.WriteFile(contract, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	common := []string{"-i", identityFile(t, "me"), "--pin", pinOf("peer")}
	status, stdout, stderr := verb(t, append([]string{"call", url, "IEchoService.Fetch", `"x"`, "--contract", contract, "-o", "-"}, common...)...)
	if status != 0 || stdout != "the content" {
		t.Errorf("status %d, %q, %s", status, stdout, stderr)
	}
	status, stdout, stderr = verb(t, append([]string{"call", url, "IEchoService.Fetch", `"x"`, "--contract", contract}, common...)...)
	if status != 0 || !strings.Contains(stdout, `"$stream": 11`) {
		t.Errorf("without -o: status %d, %q, %s", status, stdout, stderr)
	}
	for _, tt := range []struct{ method, want string }{
		{"FetchTwo", "--output is for one data stream, and the *Two that IEchoService.FetchTwo returns has several"},
		{"Say", "--output is for a data stream, and IEchoService.Say returns string without one"},
		{"Do", "--output is for a data stream, and IEchoService.Do returns nothing"},
	} {
		status, _, stderr := verb(t, append([]string{"call", url, "IEchoService." + tt.method, `"x"`, "--contract", contract, "-o", "-"}, common...)...)
		if status != exitUsage || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s: status %d, %s", tt.method, status, stderr)
		}
	}
	// Without a contract it shows when the method has run.
	status, _, stderr = verb(t, append([]string{"call", url, "IEchoService.Fetch", `"x"`, "-o", "-"}, common...)...)
	if want := "IEchoService.Fetch ran and returned no data stream, which --output is for"; status != exitRemote || !strings.Contains(stderr, want) {
		t.Errorf("without a contract: status %d, %s", status, stderr)
	}
}

// TestContractRefused holds that what is no contract is told in one line.
func TestContractRefused(t *testing.T) {
	for name, text := range map[string]string{
		"broken.cs": "interface IA { void M(", "broken.go": "package", "empty.go": "package x\n", "bad.cs": "public interface IA { void A(System.Action a); void B(System.Action b); }",
		"foreign.go": "package x\nimport (\"context\"; \"example.com/other\")\ntype A interface{ M(context.Context, other.T) error }\n",
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := readContract(path, "X")
		if err == nil {
			_, err = f.typedCall("IA", "M", []string{"1"}, false)
		}
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := readContract("nowhere.cs", ""); err == nil || !strings.Contains(err.Error(), "nowhere.cs") {
		t.Errorf("a missing file: %v", err)
	}
}

// FuzzTypedArgument holds that what a contract lets through can be sent, and is an
// argument again as it is printed.
func FuzzTypedArgument(f *testing.F) {
	contract, err := readContract(sampleContracts[0], "")
	if err != nil {
		f.Fatal(err)
	}
	methods := []string{"Person", "Kinds", "Drawing", "Rights", "ByNumber", "Nested", "Pair", "Span", "Char"}
	for i, seed := range []string{
		`{"Name": "Ada", "Born": "1815-12-10", "Home": {"Street": "x"}, "Tags": ["a", null], "Favourite": "Blue", "Shift": "1.02:03:04"}`,
		`{"SByte": -1, "ULong": 9223372036854775807, "Float": "NaN", "Char": "ü", "Id": {"$guid": "00112233-4455-6677-8899-aabbccddeeff"}, "Pair": {"Key": "a", "Value": 1}}`,
		`{"Main": {"$type": "Circle", "Radius": 1e3}, "Shapes": [{"$type": "Square", "Corner": {"X": 1}}], "Named": {"a": null}}`,
		`"Read, Write"`, `{"1": "x"}`, `[[1], [2, 3]]`, `{"Key": null, "Value": 2.0}`, `"90s"`, `"x"`,
	} {
		f.Add(uint8(i), seed)
	}
	f.Fuzz(func(t *testing.T, method uint8, text string) {
		if strings.Contains(text, "@") || strings.Contains(text, "$stream") {
			return // files of this machine
		}
		name := methods[int(method)%len(methods)]
		call, err := contract.typedCall("IValueService", name, []string{text}, false)
		if err != nil {
			return
		}
		params, err := new(wire.Codec).EncodeParams(nil, nil, call.args)
		if err != nil {
			t.Fatalf("%s %q cannot be sent: %v", name, text, err)
		}
		it := params.Elements()
		it.Next()
		printed := contract.typedResult(it.Value(), call.result, "")
		if _, err := contract.typedCall("IValueService", name, []string{printed}, false); err != nil {
			t.Fatalf("%s %q is printed as %s, which is no argument: %v", name, text, printed, err)
		}
	})
}

// TestTentacleContracts reads contracts as they are written by hand, in several Go
// files, and finds how all that they say travels.
func TestTentacleContracts(t *testing.T) {
	f, err := readContract("../../contracts/tentacle/doc.go", "")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[types.Type]bool{}
	var walk func(path string, typ types.Type)
	walk = func(path string, typ types.Type) {
		if seen[typ] {
			return
		}
		seen[typ] = true
		s := f.shapeOf(typ)
		switch s.kind {
		case shapeUnknown:
			t.Errorf("%s: %s is not known", path, typ)
		case shapeList, shapeMap:
			walk(path+"[]", s.elem)
		case shapeClass:
			for _, field := range f.fields(s.class) {
				walk(path+"."+field.name, field.typ)
			}
		}
	}
	for _, service := range []string{"IFileTransferService", "IScriptService", "IScriptServiceV2", "IKubernetesScriptServiceV1", "ICapabilitiesServiceV2"} {
		found, err := contracts.Find(f.pkg, service)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, m := range found.Methods {
			for _, v := range paramsOf(m) {
				walk(service+"."+m.Wire+" "+v.Name(), v.Type())
			}
			if result := resultOf(m); result != nil {
				walk(service+"."+m.Wire, result)
			}
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d types were found", len(seen))
	}
}

// TestTentacleArguments holds arguments for a Tentacle against those of its client's
// types.
func TestTentacleArguments(t *testing.T) {
	f, err := readContract("../../contracts/tentacle/doc.go", "")
	if err != nil {
		t.Fatal(err)
	}
	const text = `{"ScriptTicket": {"TaskId": "t-1"}, "ScriptBody": "echo", "TaskId": "task", "DurationToWaitForScriptToFinish": "5s",
		"Isolation": "FullIsolation", "ScriptIsolationMutexTimeout": "00:01:00", "IsolationMutexName": null, "Scripts": {"Bash": "echo $0"},
		"Files": [], "Arguments": ["a"]}`
	call, err := f.typedCall("IScriptServiceV2", "StartScript", []string{text}, false)
	if err != nil {
		t.Fatal(err)
	}
	wait := 5 * wire.TimeSecond
	want, err := new(wire.Codec).EncodeParams(nil, nil, []any{&tentacle.StartScriptCommandV2{
		ScriptTicket: tentacle.ScriptTicket{TaskID: "t-1"}, ScriptBody: "echo", TaskID: "task", DurationToWaitForScriptToFinish: &wait,
		Isolation: tentacle.FullIsolation, ScriptIsolationMutexTimeout: wire.TimeMinute, Scripts: map[tentacle.ScriptType]string{tentacle.Bash: "echo $0"},
		Files: []tentacle.ScriptFile{}, Arguments: []string{"a"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := new(wire.Codec).EncodeParams(nil, nil, call.args)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Data, want.Data) {
		t.Errorf("got\n%s\nwant\n%s", formatResult(got, ""), formatResult(want, ""))
	}
	answer, err := new(wire.Codec).EncodeResult(nil, nil, &tentacle.ScriptStatusResponseV2{State: tentacle.StateComplete})
	if err != nil {
		t.Fatal(err)
	}
	if printed := f.typedResult(answer, call.result, ""); !strings.Contains(printed, `"State":"Complete"`) {
		t.Errorf("the answer is printed as %s", printed)
	}

	// A name that is not known here is no name that is left out.
	path := filepath.Join(t.TempDir(), "odd.go")
	source := "package odd\nimport \"context\"\ntype T struct{ A int64 }\nvar name string\nfunc (T) DotNetType() string { return name }\ntype C interface{ M(context.Context, *T) error; L(context.Context, []*T) error }\n"
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err = readContract(path, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := f.typedCall("IC", "M", []string{`{"A": 1}`}, false); err == nil || !strings.Contains(err.Error(), "the .NET name of *T is not known here") {
		t.Errorf("an unknown name: %v", err)
	}
	if _, err := f.typedCall("IC", "L", []string{`[]`}, false); err == nil || !strings.Contains(err.Error(), "the .NET name of []*T is not known here") {
		t.Errorf("a list with an unknown name: %v", err)
	}
}
