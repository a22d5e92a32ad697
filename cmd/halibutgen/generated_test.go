package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/halibut-go/halibut"
	_ "github.com/halibut-go/halibut/cmd/internal/contract/testdata/accepted/clash"
	"github.com/halibut-go/halibut/cmd/internal/contract/testdata/accepted/echo"
	"github.com/halibut-go/halibut/cmd/internal/contract/testdata/accepted/shared"
	"github.com/halibut-go/halibut/cmd/internal/convert/testdata/accepted/async"
	"github.com/halibut-go/halibut/cmd/internal/convert/testdata/accepted/language"
	_ "github.com/halibut-go/halibut/cmd/internal/convert/testdata/accepted/nullstrings"
	"github.com/halibut-go/halibut/cmd/internal/convert/testdata/accepted/projects"
	"github.com/halibut-go/halibut/cmd/internal/convert/testdata/accepted/samples"
	"github.com/halibut-go/halibut/cmd/internal/convert/testdata/accepted/scripts"
	"github.com/halibut-go/halibut/halibuttest"
	"github.com/halibut-go/halibut/wire"
)

// echoes answers calls with what they brought.
type echoes struct{ echo.EchoService }

func (echoes) SayHello(_ context.Context, name string) (string, error) { return "Hello " + name, nil }
func (echoes) Add(_ context.Context, a, b int64) (int64, error)        { return a + b, nil }
func (echoes) Nothing(context.Context) error                           { return errors.New("nothing doing") }
func (echoes) Sleep(_ context.Context, d time.Duration) error          { return fmt.Errorf("%v", d) }
func (echoes) Any(_ context.Context, values []any) (any, error)        { return values[1], nil }

func (echoes) Count(_ context.Context, stream *halibut.DataStream) (int64, error) {
	content, err := stream.Bytes(100)
	return int64(len(content)), err
}

func (echoes) Get(_ context.Context, length int32) (*halibut.DataStream, error) {
	return halibut.StreamBytes(make([]byte, length)), nil
}

func (echoes) TakeText(_ context.Context, a, b, c, d string) (string, error) {
	return a + b + c + d, nil
}

func (echoes) TakePerson(_ context.Context, p *echo.Person) (string, error) {
	return p.Boss.Name, nil
}

func (echoes) TakeBoth(_ context.Context, p echo.Person, text string) (map[uuid.UUID][]*echo.Person, error) {
	p.Name += text
	return map[uuid.UUID][]*echo.Person{{1}: {&p}}, nil
}

// TestGeneratedFromGo makes calls from a generated client to a generated
// registration, over a connection in either direction.
func TestGeneratedFromGo(t *testing.T) {
	for _, direction := range halibuttest.Directions() {
		t.Run(direction.String(), func(t *testing.T) {
			var services halibut.Services
			echo.RegisterEchoService(&services, echoes{})
			var idempotent []string
			pair := halibuttest.NewPair(t, direction, &services, &halibuttest.Options{Client: halibut.Options{
				Intercept: []halibut.Interceptor{func(ctx context.Context, call *halibut.CallInfo, next func(context.Context) error) error {
					if call.Idempotent {
						idempotent = append(idempotent, call.Service+"."+call.Method)
					}
					return next(ctx)
				}},
			}})
			callEchoes(t, echo.NewEchoServiceClient(pair.Client))
			if want := []string{"IEchoService.Count", "IEchoService.Take"}; !slices.Equal(idempotent, want) {
				t.Errorf("marked as idempotent: %q, want %q", idempotent, want)
			}
		})
	}
}

func callEchoes(t *testing.T, client echo.EchoService) {
	t.Helper()
	ctx := t.Context()
	check(t, "Hello Ada")(client.SayHello(ctx, "Ada"))
	check(t, int64(5))(client.Add(ctx, 2, 3))
	check(t, int64(3))(client.Count(ctx, halibut.StreamBytes([]byte("abc"))))
	check(t, "abcd")(client.TakeText(ctx, "a", "b", "c", "d"))
	check(t, "Grace")(client.TakePerson(ctx, &echo.Person{Boss: &echo.Person{Name: "Grace"}}))
	check(t, any("two"))(client.Any(ctx, []any{int64(1), "two"}))
	people, err := client.TakeBoth(ctx, echo.Person{Name: "Ada"}, " Lovelace")
	if err != nil || len(people) != 1 || people[uuid.UUID{1}][0].Name != "Ada Lovelace" {
		t.Errorf("TakeBoth: %v, %v", people, err)
	}
	stream, err := client.Get(ctx, 7)
	if err != nil || stream.Size() != 7 {
		t.Errorf("Get: %v, %v", stream, err)
	}
	if err := client.Nothing(ctx); halibut.CodeOf(err) != halibut.CodeServiceFailed {
		t.Errorf("Nothing: %v", err)
	}
	var failed *halibut.Error
	if err := client.Sleep(ctx, time.Minute); !errors.As(err, &failed) || failed.Message != "1m0s" {
		t.Errorf("Sleep: %v", err)
	}
}

// check returns a function that takes what a call returns.
func check[T any](t *testing.T, want T) func(T, error) {
	t.Helper()
	return func(got T, err error) {
		t.Helper()
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("error %v, result (-want +got):\n%s", err, diff)
		}
	}
}

// values answers with what it got; only some of its methods are called.
type values struct{ samples.ValueService }

func (values) Drawing(_ context.Context, d *samples.Drawing) (*samples.Drawing, error) { return d, nil }
func (values) Kinds(_ context.Context, k *samples.Kinds) (*samples.Kinds, error)       { return k, nil }
func (values) Shape(_ context.Context, s samples.Shape) (samples.Shape, error)         { return s, nil }
func (values) NullPerson(context.Context) (*samples.Person, error)                     { return nil, nil }
func (values) Rights(_ context.Context, r samples.Rights) (samples.Rights, error)      { return r, nil }

type overloads struct{}

func (overloads) Take(context.Context, int64) (string, error)                 { return "long", nil }
func (overloads) TakeDouble(context.Context, float64) (string, error)         { return "double", nil }
func (overloads) TakeString(context.Context, string) (string, error)          { return "string", nil }
func (overloads) TakePerson(context.Context, *samples.Person) (string, error) { return "Person", nil }
func (overloads) TakeInt64Int64(context.Context, int64, int64) (string, error) {
	return "long long", nil
}
func (overloads) Pick(context.Context, string) (string, error)                { return "string", nil }
func (overloads) PickPerson(context.Context, *samples.Person) (string, error) { return "Person", nil }

// TestGeneratedFromCSharp makes calls with types that were C#.
func TestGeneratedFromCSharp(t *testing.T) {
	var services halibut.Services
	samples.RegisterValueService(&services, values{})
	samples.RegisterOverloadService(&services, overloads{})
	types := map[string]reflect.Type{}
	maps.Copy(types, samples.ShapeTypes())
	maps.Copy(types, language.AnimalTypes())
	options := halibut.Options{Types: types}
	pair := halibuttest.NewPair(t, halibuttest.Listening, &services, &halibuttest.Options{Client: options, Service: options})
	client := samples.NewValueServiceClient(pair.Client)
	ctx := t.Context()

	circle := &samples.Circle{Radius: 2, ShapeBase: samples.ShapeBase{Label: "c"}}
	drawing := &samples.Drawing{
		Main:   samples.Circle{Radius: 1},
		Shapes: halibut.List[samples.Shape]{samples.Square{Side: 3, Corner: samples.Point{X: 1}}},
		Named:  map[string]samples.Shape{"a": *circle},
	}
	check(t, drawing)(client.Drawing(ctx, drawing))
	check[samples.Shape](t, *circle)(client.Shape(ctx, circle))
	check[*samples.Person](t, nil)(client.NullPerson(ctx))
	check(t, samples.RightsRead|samples.RightsBig)(client.Rights(ctx, samples.RightsRead|samples.RightsBig))
	seven := int32(7)
	kinds := &samples.Kinds{
		Field: "f", Char: 'x', Link: "https://example.com/", MaybeInt: &seven, Colour: samples.ColourBlue,
		Date: time.UnixMilli(1).UTC(), DateOffset: time.UnixMilli(2).UTC(), Span: halibut.TimeSpan(5),
		TextSet: halibut.Set[string]{"s": {}}, Bytes: []byte{1}, Pair: wire.KeyValuePair[string, int32]{Key: "k", Value: 1},
		ById: map[uuid.UUID]*samples.Person{{1}: {Name: "Ada", Home: &samples.Address{City: "London"}}}, Shape: *circle,
	}
	check(t, kinds)(client.Kinds(ctx, kinds))
	callOverloads(t, samples.NewOverloadServiceClient(pair.Client))
}

func callOverloads(t *testing.T, client samples.OverloadService) {
	t.Helper()
	ctx := t.Context()
	check(t, "long")(client.Take(ctx, 1))
	check(t, "double")(client.TakeDouble(ctx, 1.5))
	check(t, "string")(client.TakeString(ctx, "s"))
	check(t, "Person")(client.TakePerson(ctx, &samples.Person{}))
	check(t, "long long")(client.TakeInt64Int64(ctx, 1, 2))
	check(t, "string")(client.Pick(ctx, "s"))
	check(t, "Person")(client.PickPerson(ctx, &samples.Person{}))
}

// jobs answers with the keys of the dictionary that it got.
type jobs struct{ scripts.JobService }

func (jobs) Start(_ context.Context, c *scripts.StartJobCommand) (*scripts.JobStatus, error) {
	text := c.Others[scripts.ShellBash] + *c.MutexName
	return &scripts.JobStatus{Ticket: c.Ticket, Log: halibut.List[*scripts.LogLine]{{Text: text}}, State: scripts.JobStateDone}, nil
}

func TestGeneratedFromProject(t *testing.T) {
	var services halibut.Services
	scripts.RegisterJobService(&services, jobs{})
	pair := halibuttest.NewPair(t, halibuttest.Polling, &services, nil)
	name := "mutex"
	status, err := scripts.NewJobServiceClient(pair.Client).Start(t.Context(), &scripts.StartJobCommand{
		Ticket: &scripts.JobTicket{Id: "1"}, MutexName: &name, Others: map[scripts.Shell]string{scripts.ShellBash: "echo "},
		Files: halibut.List[*scripts.JobFile]{{Name: "f", Contents: halibut.StreamBytes([]byte("x"))}},
	})
	if err != nil || status.Ticket.Id != "1" || status.Log[0].Text != "echo mutex" || status.State != scripts.JobStateDone {
		t.Errorf("Start: %+v, %v", status, err)
	}
	if got := (scripts.JobTicket{}).DotNetType(); got != "Agent.Shared.JobTicket, Agent.Shared" {
		t.Errorf("a renamed type is %s", got)
	}
	if scripts.ExitCodesWorse != -42 || scripts.ExitCodesMarker != "# MARK" {
		t.Error("the constants are wrong")
	}
}

func TestGeneratedEnums(t *testing.T) {
	for value, text := range map[samples.Rights]string{
		samples.RightsNone: "None", samples.RightsRead: "Read", samples.RightsRead | samples.RightsBig: "Read, Big",
		8: "8", 9: "9", -1: "-1",
	} {
		if got := value.String(); got != text {
			t.Errorf("%d prints as %q, want %q", value, got, text)
		}
		var back samples.Rights
		if err := back.UnmarshalText([]byte(text)); err != nil || back != value {
			t.Errorf("%q reads as %d, %v, want %d", text, back, err, value)
		}
	}
	for value, text := range map[language.Genre]string{
		language.GenreThriller: "Thriller", language.GenreThriller | language.GenreOld: "Thriller, Old",
		language.GenreCrime | language.GenreOld: "Crime, Old", language.GenreAll: "All",
	} {
		if got, err := value.MarshalText(); err != nil || string(got) != text {
			t.Errorf("%d prints as %q, want %q", value, got, text)
		}
	}
	var colour samples.Colour
	if err := colour.UnmarshalText([]byte("Blue")); err != nil || colour != samples.ColourBlue {
		t.Errorf("Blue is %d, %v", colour, err)
	}
	if err := colour.UnmarshalText([]byte("77")); err != nil || colour.String() != "77" {
		t.Errorf("77 is %v, %v", colour, err)
	}
	if err := colour.UnmarshalText([]byte("Mauve")); err == nil || err.Error() != `"Mauve" is no name of the enum Colour` {
		t.Errorf("Mauve: %v", err)
	}
	var wide language.Wide
	if err := wide.UnmarshalText([]byte("18446744073709551615")); err != nil || wide != language.WideBig {
		t.Errorf("the largest number is %d, %v", wide, err)
	}
}

// TestSharedContractsRegister holds that the library, which judges types as they
// are at run time, lets everything through that the generator has let through.
func TestSharedContractsRegister(t *testing.T) {
	var s halibut.Services
	shared.RegisterIShop(&s, shared.NewIShopClient(nil))
	async.RegisterIEchoService(&s, async.NewIEchoServiceClient(nil))
	async.RegisterClockService(&s, async.NewClockServiceClient(nil))
	async.RegisterMixedService(&s, async.NewMixedServiceClient(nil))
	language.RegisterShelf(&s, language.NewShelfClient(nil))
	language.RegisterCommon(&s, language.NewCommonClient(nil))
	projects.RegisterThing(&s, projects.NewThingClient(nil))
	scripts.RegisterJobService(&s, scripts.NewJobServiceClient(nil))
	scripts.RegisterFiles(&s, scripts.NewFilesClient(nil))
	scripts.RegisterAgentCapabilities(&s, scripts.NewAgentCapabilitiesClient(nil))
}
