package halibut_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/wire"
)

// The tests in the files behaviour_*_test.go show what the reference's own tests
// expect of a call, a stream, a connection, a failure: docs/behaviours.md names
// them.

// TestLargeTexts are echoed as they are: they are larger than any buffer.
func TestLargeTexts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	eachMode(t, echoServices(), func(t *testing.T, p pair) {
		c := p.client.Client(p.to)
		for range 4 {
			text := make([]byte, 1_000_000+random.IntN(8196))
			for i := range text {
				text[i] = byte(' ' + random.IntN('~'-' '+1))
			}
			got, err := halibut.Call[string](t.Context(), c, "IEchoService", "SayHello", string(text))
			if err != nil || got != string(text)+"..." {
				t.Fatalf("%d bytes came back as %d: %v", len(text), len(got), err)
			}
		}
	})
}

type mapLocation struct{ Latitude, Longitude int32 }

// mixedServices has methods of all shapes.
func mixedServices() *halibut.Services {
	s := new(halibut.Services)
	handle := func(name string, fn any) { s.Handle("ISupportedServices", name, fn) }
	handle("GetLocation", func(_ context.Context, at mapLocation) (mapLocation, error) {
		return mapLocation{at.Longitude, at.Latitude}, nil
	})
	handle("MethodReturningVoid", func(context.Context, int64, int64) error { return nil })
	handle("Nothing", func(context.Context) (*string, error) { return nil, nil })
	hello := func(names ...string) (string, error) { return "Hello " + strings.Join(names, " "), nil }
	handle("Hello", func(context.Context) (string, error) { return hello() })
	handle("Hello", func(_ context.Context, a string) (string, error) { return hello(a) })
	handle("Hello", func(_ context.Context, a, b string) (string, error) { return hello(a, b) })
	handle("Hello", func(_ context.Context, a, b, c string) (string, error) { return hello(a, b, c) })
	handle("Hello", func(_ context.Context, a, b, c, d, e, f, g, h, i, j, k string) (string, error) {
		return hello(a, b, c, d, e, f, g, h, i, j, k)
	})
	handle("Add", func(_ context.Context, a, b int64) (int64, error) { return a + b, nil })
	handle("Add", func(_ context.Context, a, b float64) (float64, error) { return a + b, nil })
	handle("Greet", func(_ context.Context, _, _ string) (string, error) { return "Hello string", nil })
	handle("Greet", func(_ context.Context, _ string, _ wire.Tuple2[string, string]) (string, error) {
		return "Hello tuple", nil
	})
	handle("Ambiguous", func(_ context.Context, _, _ *string) (string, error) { return "strings", nil })
	handle("Ambiguous", func(_ context.Context, _ *string, _ *wire.Tuple2[string, string]) (string, error) {
		return "tuple", nil
	})
	return s
}

// TestMethodsOfAllShapes: structs, no result, and overloads that differ in the
// number or the types of their parameters.
func TestMethodsOfAllShapes(t *testing.T) {
	eachMode(t, mixedServices(), func(t *testing.T, p pair) {
		c := p.client.Client(p.to)
		const contract = "ISupportedServices"
		at, err := halibut.Call[mapLocation](t.Context(), c, contract, "GetLocation", mapLocation{-27, 153})
		if err != nil || at != (mapLocation{153, -27}) {
			t.Errorf("%v, %v", at, err)
		}
		if err := c.Call(t.Context(), contract, "MethodReturningVoid", nil, int64(12), int64(14)); err != nil {
			t.Error(err)
		}
		if null, err := halibut.Call[*string](t.Context(), c, contract, "Nothing"); err != nil || null != nil {
			t.Errorf("%v, %v", null, err)
		}
		for _, n := range []int{0, 1, 2, 3, 11} {
			names := strings.Fields("a b c d e f g h i j k")[:n]
			args := make([]any, n)
			for i, name := range names {
				args[i] = name
			}
			got, err := halibut.Call[string](t.Context(), c, contract, "Hello", args...)
			if want := "Hello " + strings.Join(names, " "); err != nil || got != want {
				t.Errorf("%q, %v, want %q", got, err, want)
			}
		}
		if sum, err := halibut.Call[int64](t.Context(), c, contract, "Add", int64(1), int64(2)); err != nil || sum != 3 {
			t.Errorf("%d, %v", sum, err)
		}
		// A decimal is a double on the wire, and so the method for doubles runs.
		if sum, err := halibut.Call[float64](t.Context(), c, contract, "Add", 1.10, 2.10); err != nil || math.Abs(sum-3.20) > 1e-12 {
			t.Errorf("%v, %v", sum, err)
		}
		for want, second := range map[string]any{"Hello string": "b", "Hello tuple": wire.Tuple2[string, string]{Item1: "b", Item2: "c"}} {
			if got, err := halibut.Call[string](t.Context(), c, contract, "Greet", "a", second); err != nil || got != want {
				t.Errorf("%q, %v, want %q", got, err, want)
			}
		}
		err = c.Call(t.Context(), contract, "Ambiguous", nil, "a", nil)
		if e := asError(t, err); e.Code != halibut.CodeAmbiguousMethod || e.Outcome != halibut.NotRun || !strings.Contains(e.Details, "Ambiguous") {
			t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
		}
	})
}

type (
	complexStreams struct{ Payload1, Payload2 *halibut.DataStream }
	complexPair    struct {
		EnumValue int32
		Payload   *halibut.DataStream
	}
	complexChildren struct {
		First, Second *halibut.DataStream
		ListOfStreams halibut.List[*halibut.DataStream]
		Dictionary    map[uuid.UUID]string
		Enum          int32
		ComplexPairs  halibut.List[complexPair]
	}
	// holder's members say nothing of what they hold.
	holder   struct{ Child, Other animal }
	animal   interface{ sound() string }
	dog      struct{ Name string }
	labrador struct {
		dog
		Weight float64
	}
)

func (dog) sound() string           { return "wuff" }
func (labrador) sound() string      { return "WUFF" }
func (dog) DotNetType() string      { return "Samples.Dog, Samples" }
func (labrador) DotNetType() string { return "Samples.Labrador, Samples" }

// TestComplexObjects: streams in structs, lists and pairs, dictionaries, and
// members whose declared type is not their own.
func TestComplexObjects(t *testing.T) {
	s := new(halibut.Services)
	s.Handle("IComplex", "Streams", func(_ context.Context, in complexStreams) (complexStreams, error) {
		a, errA := in.Payload1.Bytes(100)
		b, errB := in.Payload2.Bytes(100)
		return complexStreams{halibut.StreamBytes(b), halibut.StreamBytes(a)}, firstError(errA, errB)
	})
	s.Handle("IComplex", "Children", func(_ context.Context, in complexChildren) (complexChildren, error) {
		out := in
		again := func(stream *halibut.DataStream) *halibut.DataStream {
			b, err := stream.Bytes(100)
			if err != nil {
				t.Error(err)
			}
			return halibut.StreamBytes(b)
		}
		out.First, out.Second = again(in.First), again(in.Second)
		out.ListOfStreams, out.ComplexPairs = nil, nil
		for _, stream := range in.ListOfStreams {
			out.ListOfStreams = append(out.ListOfStreams, again(stream))
		}
		for _, p := range in.ComplexPairs {
			out.ComplexPairs = append(out.ComplexPairs, complexPair{p.EnumValue, again(p.Payload)})
		}
		return out, nil
	})
	s.Handle("IComplex", "Inherited", func(_ context.Context, in holder) (holder, error) { return holder{in.Other, in.Child}, nil })
	types := map[string]reflect.Type{
		"Samples.Dog, Samples":      reflect.TypeFor[dog](),
		"Samples.Labrador, Samples": reflect.TypeFor[labrador](),
	}
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			known := halibut.Options{Types: types}
			p := setting{services: s, client: known, service: known}.pair(t, mode)
			c := p.client.Client(p.to)
			content := func(stream *halibut.DataStream) string {
				b, err := stream.Bytes(100)
				if err != nil {
					t.Error(err)
				}
				return string(b)
			}
			stream := func(text string) *halibut.DataStream { return halibut.StreamBytes([]byte(text)) }

			two, err := halibut.Call[complexStreams](t.Context(), c, "IComplex", "Streams", complexStreams{stream("one"), stream("two")})
			if err != nil || content(two.Payload1) != "two" || content(two.Payload2) != "one" {
				t.Errorf("%v", err)
			}

			in := complexChildren{
				First: stream("first"), Second: stream("second"),
				ListOfStreams: halibut.List[*halibut.DataStream]{stream("a"), stream("b"), stream("c")},
				Dictionary:    map[uuid.UUID]string{uuid.New(): "x", uuid.New(): "y"},
				Enum:          2,
				ComplexPairs:  halibut.List[complexPair]{{1, stream("p")}, {2, stream("q")}},
			}
			out, err := halibut.Call[complexChildren](t.Context(), c, "IComplex", "Children", in)
			if err != nil {
				t.Fatal(err)
			}
			var texts []string
			for _, s := range append(slices.Clone(out.ListOfStreams), out.First, out.Second, out.ComplexPairs[0].Payload, out.ComplexPairs[1].Payload) {
				texts = append(texts, content(s))
			}
			if got := fmt.Sprint(texts); got != "[a b c first second p q]" {
				t.Error(got)
			}
			if out.Enum != in.Enum || !maps.Equal(out.Dictionary, in.Dictionary) || out.ComplexPairs[1].EnumValue != 2 {
				t.Errorf("%+v", out)
			}

			animals := holder{dog{"Rex"}, labrador{dog{"Bella"}, 31}}
			got, err := halibut.Call[holder](t.Context(), c, "IComplex", "Inherited", animals)
			if err != nil || got.Child == nil || got.Child.sound() != "WUFF" || got.Other.sound() != "wuff" {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestManyCallersOfOneService: 32 calls are under way at once.
func TestManyCallersOfOneService(t *testing.T) {
	const callers = 32
	var arrived sync.WaitGroup
	arrived.Add(callers)
	services := new(halibut.Services)
	services.Handle("ILock", "WaitForAll", func(ctx context.Context) error {
		arrived.Done()
		arrived.Wait() // for all the others
		return ctx.Err()
	})
	p := newListening(t, services, halibut.Limits{})
	c := p.client.Client(p.to)
	var calls sync.WaitGroup
	for range callers {
		calls.Go(func() {
			if err := c.Call(context.Background(), "ILock", "WaitForAll", nil); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
}
