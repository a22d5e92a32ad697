package halibut_test

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/wire"
)

type (
	sharedColour  int32
	sharedPerson  struct{ Name string }
	privatePerson struct{ Name string }
)

func (sharedColour) DotNetType() string { return "Shared.Colour, Shared" }
func (sharedPerson) DotNetType() string { return "Shared.Person, Shared" }

func takes[T any]() any { return func(context.Context, T) error { return nil } }
func returns[T any]() any {
	return func(context.Context) (result T, err error) { return result, nil }
}

// TestRequireDotNet holds the table in docs/dotnet-types.md of what .NET takes
// as a parameter or result of its own: what the recordings of .NET show.
func TestRequireDotNet(t *testing.T) {
	const yes = ""
	for _, test := range []struct {
		takes, returns    any
		parameter, result string // a part of the reason, or yes
	}{
		{takes[bool](), returns[bool](), yes, yes},
		{takes[string](), returns[string](), yes, yes},
		{takes[*string](), returns[*string](), yes, yes},
		{takes[int64](), returns[int64](), yes, yes},
		{takes[int](), returns[int](), yes, yes},
		{takes[float64](), returns[float64](), yes, yes},
		{takes[time.Time](), returns[time.Time](), yes, yes},
		{takes[*time.Time](), returns[*time.Time](), yes, yes},
		{takes[uuid.UUID](), returns[uuid.UUID](), yes, yes},
		{takes[[]byte](), returns[[]byte](), yes, yes},
		{takes[[]int32](), returns[[]int32](), yes, yes},
		{takes[[]string](), returns[[]string](), yes, yes},
		{takes[halibut.List[*sharedPerson]](), returns[halibut.List[*sharedPerson]](), yes, yes},
		{takes[halibut.Set[string]](), returns[halibut.Set[string]](), yes, yes},
		{takes[map[string]*sharedPerson](), returns[map[string]*sharedPerson](), yes, yes},
		{takes[*sharedPerson](), returns[*sharedPerson](), yes, yes},
		{takes[sharedPerson](), returns[sharedPerson](), yes, yes},
		{takes[*halibut.DataStream](), returns[*halibut.DataStream](), yes, yes},
		{takes[*wire.Tuple2[string, int64]](), returns[*wire.Tuple2[string, int64]](), yes, yes},
		{takes[[]wire.KeyValuePair[string, int32]](), returns[[]sharedColour](), yes, yes},
		{takes[io.Reader](), nil, yes, yes},
		{takes[int8](), returns[int8](), "System.SByte in .NET, which no .NET service accepts as a parameter of its own: use int64", yes},
		{takes[uint8](), returns[uint8](), "System.Byte", yes},
		{takes[int16](), returns[int16](), "System.Int16", yes},
		{takes[uint16](), returns[uint16](), "System.UInt16", yes},
		{takes[int32](), returns[int32](), "System.Int32", yes},
		{takes[uint32](), returns[uint32](), "System.UInt32", yes},
		{takes[uint64](), returns[uint64](), "System.UInt64", yes},
		{takes[float32](), returns[float32](), "use float64", yes},
		{takes[wire.Char](), returns[wire.Char](), "use string", yes},
		{takes[halibut.TimeSpan](), returns[halibut.TimeSpan](), "ticks", "System.TimeSpan in .NET, which no .NET caller accepts as a result of its own"},
		{takes[time.Duration](), returns[time.Duration](), "System.TimeSpan", "System.TimeSpan"},
		{takes[wire.URI](), returns[wire.URI](), "System.Uri", "System.Uri"},
		{takes[*url.URL](), returns[*url.URL](), "System.Uri", "System.Uri"},
		{takes[*wire.Version](), returns[*wire.Version](), "System.Version", "System.Version"},
		{takes[sharedColour](), returns[sharedColour](), "put it into a struct", "put it into a struct"},
		{takes[*sharedColour](), returns[*sharedColour](), "put it into a struct", "put it into a struct"},
		{takes[*int32](), returns[*int32](), "System.Nullable", "System.Nullable"},
		{takes[wire.KeyValuePair[string, int32]](), returns[wire.KeyValuePair[string, int32]](), "send a struct", "send a struct"},
		{takes[any](), returns[any](), "name the type", "name the type"},
		{takes[[]any](), returns[map[string]any](), "elements that are object", "elements that are object"},
		{takes[*privatePerson](), returns[privatePerson](), "func (privatePerson) DotNetType() string", "Namespace.privatePerson, Assembly"},
		{takes[[]privatePerson](), returns[map[string][]*privatePerson](), "func (privatePerson) DotNetType() string", "DotNetType"},
	} {
		var private, shared halibut.Services
		shared.RequireDotNet("IShared")
		check := func(what string, fn any, want string) {
			if fn == nil {
				return
			}
			if err := private.Check("IShared", "Do", fn); err != nil {
				t.Errorf("between Go peers: %v", err)
			}
			err := shared.Check("ishared", "Do", fn)
			if (err == nil) != (want == yes) || err != nil && (!strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "halibut: ishared.Do: "+what)) {
				t.Errorf("%s of %T: %v, want %q", what, fn, err, want)
			}
		}
		check("parameter 1, ", test.takes, test.parameter)
		check("the result, ", test.returns, test.result)
	}
}

func TestRequireDotNetRefuses(t *testing.T) {
	panics := func(f func()) (text string) {
		defer func() {
			if cause := recover(); cause != nil {
				text = fmt.Sprint(cause)
			}
		}()
		f()
		return ""
	}
	var s halibut.Services
	s.RequireDotNet("IShared")
	if got := panics(func() { s.Handle("IShared", "Take", takes[int32]()) }); !strings.Contains(got, "use int64") {
		t.Errorf("Handle: %q", got)
	}
	if got := panics(func() { s.Handle("IShared", "TakeAsync", takes[int64]()) }); !strings.Contains(got, "leaves Async") {
		t.Errorf("Handle: %q", got)
	}
	if got := panics(func() { s.Handle("IOther", "TakeAsync", takes[int32]()) }); got != "" {
		t.Errorf("another service: %q", got)
	}
	if got := panics(func() { s.RequireDotNet("iother") }); got == "" {
		t.Error("RequireDotNet took what was registered before it")
	}
	if got := panics(func() { s.Handle("IShared", "Take", takes[int64]()); s.RequireDotNet("IShared") }); got != "" {
		t.Errorf("a method that .NET can call: %q", got)
	}
}

type (
	deepInner struct{ Wire chan int }
	deepOuter struct{ Inner []map[string]deepInner }
)

// TestTypesThatCannotTravel holds that registering tells where inside of a type
// the reason is.
func TestTypesThatCannotTravel(t *testing.T) {
	var s halibut.Services
	for want, fn := range map[string]any{
		"halibut: I.M: parameter 1: Inner[][].Wire: the Go type chan int cannot travel":                  takes[deepOuter](),
		"halibut: I.M: the result: Inner[][].Wire: the Go type chan int cannot travel":                   returns[*deepOuter](),
		"halibut: I.M: parameter 1: the Go type chan int cannot travel":                                  takes[chan int](),
		"halibut: I.M: parameter 1: the Go type func() cannot travel":                                    takes[func()](),
		"halibut: I.M: parameter 1: an error is returned as the last result, it cannot travel otherwise": takes[error](),
	} {
		if err := s.Check("I", "M", fn); err == nil || err.Error() != want {
			t.Errorf("%T: %v, want %s", fn, err, want)
		}
	}
}
