package redisqueue

import (
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

func TestParseHeartbeat(t *testing.T) {
	for text, want := range map[string]int64{
		nothingSent:                      0,
		"":                               0,
		"{}":                             0,
		"null":                           0,
		`{"DataStreamProgress":null}`:    0,
		"not JSON at all":                0,
		`{"DataStreamProgress":{"a":3}}`: 3,
		`{"dataStreamProgress":{"a":4}}`: 4, // as .NET programs write it that change Json.NET's defaults
		`{"DataStreamProgress":{"a":` + strings.Repeat(" ", maxHeartbeat) + `1}}`: 0,
	} {
		if got := parseHeartbeat(text)["a"]; got != want {
			t.Errorf("%.60q: %d, want %d", text, got, want)
		}
	}
}

// Progress of a request's data streams is that of their way to the service,
// whichever node that is at, and not of their way into the store.
func TestProgressOfStreams(t *testing.T) {
	s := startServer(t)
	for _, test := range []struct {
		name  string
		nodes int
		store func(*testing.T) StreamStore
	}{
		{"two nodes", 2, func(*testing.T) StreamStore { return nil }},
		{"one node", 1, func(*testing.T) StreamStore { return nil }},
		{"shared directory", 2, func(t *testing.T) StreamStore { d, _ := sharedDirectory(t); return d }},
	} {
		t.Run(test.name, func(t *testing.T) {
			opts := &Options{Prefix: test.name, Streams: test.store(t)}
			a := s.node(t, opts, patiently)
			b := a
			if test.nodes == 2 {
				b = s.node(t, opts, patiently)
			}
			const size = 1000
			var percents []int
			var last atomic.Int64
			stream := wire.StreamBytes(make([]byte, size)).WithProgress(func(p wire.Progress) {
				percents = append(percents, p.Percent)
				last.Store(int64(p.Percent))
			})
			req := &wire.Request{ID: "1", Service: "S", Method: "M", Streams: new(wire.Streams)}
			params, err := new(wire.Codec).EncodeParams(nil, &req.Streams, []any{stream})
			if err != nil {
				t.Fatal(err)
			}
			req.Params = params
			done := make(chan outcome, 1)
			go func() {
				r, err := queueOf(t, a).Send(t.Context(), req, queue.SendOptions{})
				done <- outcome{r, err}
			}()
			d := next(t, queueOf(t, b))
			d.Started()
			if last.Load() != 0 {
				t.Errorf("%d %% were reported before the service had any", last.Load())
			}
			for id := range d.Request().Streams.All() {
				received, _ := d.Request().Streams.Lookup(id)
				r, err := received.Open()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.CopyN(io.Discard, r, size/2); err != nil {
					t.Fatal(err)
				}
				eventually(t, "half of it is reported", func() bool { return last.Load() == 50 })
				if n, err := io.Copy(io.Discard, r); err != nil || n != size/2 {
					t.Fatal(n, err)
				}
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}
			eventually(t, "all but the last percent is reported", func() bool { return last.Load() == 99 })
			d.Respond(&wire.Response{ID: "1"})
			succeeds(t, done)
			if len(percents) != 100 || percents[99] != 100 || !slices.IsSorted(percents) {
				t.Errorf("reported were %v", percents)
			}
		})
	}
}

// Whatever comes as progress, nothing is reported that is not so.
func TestNonsenseAsProgress(t *testing.T) {
	var streams wire.Streams
	var last wire.Progress
	id, err := streams.Add(wire.StreamBytes(make([]byte, 10)).WithProgress(func(p wire.Progress) { last = p }))
	if err != nil {
		t.Fatal(err)
	}
	u := newUploads(&streams)
	u.reached(map[string]int64{uuid.NewString(): 5, "": 1})
	u.reached(map[string]int64{id.String(): -1 << 63})
	if last.Percent != 0 {
		t.Errorf("%+v", last)
	}
	u.reached(map[string]int64{id.String(): 1<<63 - 1})
	if last.Percent != 99 || last.Bytes != 10 {
		t.Errorf("%+v", last)
	}
	u.finish()
	if last.Percent != 100 {
		t.Errorf("%+v", last)
	}
}
