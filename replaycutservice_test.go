package halibut

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halibut-go/halibut/internal/replay"
	"github.com/halibut-go/halibut/wire"
)

// TestCutService cuts the connection under our service everywhere. Exactly the
// requests that arrived whole are run, each once and with all of its arguments,
// and a second connection is served as if nothing had happened.
func TestCutService(t *testing.T) {
	eachUnit(t, func(t *testing.T, u unit) {
		dir := t.TempDir()
		s := newCountedServices(u)
		whole := runCutService(t, u, s, dir, cut{after: -1}, nil)
		for _, at := range slices.Concat(
			u.cuts(t, whole.conn.received(), true, !u.Polling()),
			u.cuts(t, whole.conn.sent(), false, u.Polling()),
		) {
			if runCutService(t, u, s, dir, at, whole); t.Failed() {
				return
			}
		}
		checkNothingLeft(t, dir)
	})
}

// cutService is what became of the requests on one connection.
type cutService struct {
	*serviceReplay
	conn *cutConn
	ran  []string // with nothing cut
}

func runCutService(t *testing.T, u unit, s *countedServices, dir string, at cut, whole *cutService) (c *cutService) {
	bubble(t, func(t *testing.T) {
		defer func() {
			if t.Failed() {
				t.Logf("%+v", at)
			}
		}()
		c = newCutService(t, u, at)
		s.restart()
		stop := c.start(&Options{Services: s.Services, TempDir: dir, Limits: Limits{StreamMemory: 1}})
		start := time.Now()
		c.players[0].AwaitEnd()
		synctest.Wait()
		c.ran = s.list()
		if whole != nil {
			c.judge(t, at, whole.ran, time.Since(start))
			s.restart()
			close(c.gate)
			c.players[1].AwaitEnd()
			synctest.Wait()
			c.judgeSecond(t, s.list(), whole.ran)
		}
		stop()
		checkNothingHeld(t, c.rt)
	})
	return c
}

func newCutService(t *testing.T, u unit, at cut) *cutService {
	c := &cutService{serviceReplay: &serviceReplay{
		stage: newStage(t, u.Flow, pipes["buffered"]), list: u.list, calls: plan(t, u.Flow), ours: u.Polling(),
	}}
	c.cast()
	items := c.players[0].Items
	c.players[0].Deaf = true
	c.players[0].Items = items[:disposal(items)]
	c.players = append(c.players, c.second())
	c.conn = c.cutFirst(at)
	return c
}

// second plays the first call again.
func (c *cutService) second() *replay.Player {
	first := c.players[0]
	until := len(first.Items)
	for i, call := range c.calls {
		if i > 0 && call.connection == 0 && call.request < until {
			until = call.request
		}
	}
	items := slices.Clone(first.Items[:until])
	for len(items) > 0 && items[len(items)-1].Kind == replay.Line {
		items = items[:len(items)-1] // what leads to the next call
	}
	player := replay.NewPlayer(c.flow, append(items, closedBy(!c.ours)), !c.ours)
	player.Lenient = first.Lenient
	return player
}

// judge judges what was run before the cut.
func (c *cutService) judge(t *testing.T, at cut, all []string, waited time.Duration) {
	ran := c.ran
	if len(ran) > len(all) || !slices.Equal(ran, all[:len(ran)]) {
		t.Errorf("ran %q of %q", ran, all)
	}
	if arrived := c.arrived(t); len(ran) > arrived || at.reading && len(ran) < arrived {
		t.Errorf("%d requests arrived whole, and ran were %q", arrived, ran)
	}
	if waited > time.Second {
		t.Errorf("the end of the connection was seen after %v", waited)
	}
}

// arrived is how many requests came whole that find a method.
func (c *cutService) arrived(t *testing.T) int {
	n := 0
	for _, item := range itemsOf(t, c.conn.received(), !c.ours) {
		if item.IsRequest() && item.IsWhole() && c.runsIt(item) {
			n++
		}
	}
	return n
}

// runsIt reports whether a request is answered by running a method.
func (c *cutService) runsIt(request replay.Item) bool {
	params := request.Params()
	found := c.rt.services.find(request.Service())
	if found == nil {
		return false
	}
	overloads := found.find(request.Method())
	if len(overloads) == 0 {
		return false
	}
	_, refused := c.rt.choose(overloads, params)
	return refused == nil
}

// judgeSecond looks whether the second connection was served as the first one
// is when nothing is cut.
func (c *cutService) judgeSecond(t *testing.T, ran, all []string) {
	if len(ran) > 1 || len(all) > 0 && len(ran) > 0 && ran[0] != all[0] {
		t.Errorf("the second connection ran %q, and not the first of %q", ran, all)
	}
	if err := c.errorOf(1); err != nil {
		t.Errorf("the second connection: %v", err)
	}
}

// countedServices are recorded services that tell which methods were run.
type countedServices struct {
	*Services
	answers *recordedAnswers
	unasked map[string][]recordedAnswer // the answers before any was given

	mu  sync.Mutex
	ran []string // each with its arguments
}

func newCountedServices(u unit) *countedServices {
	answers := newRecordedAnswers(u.Flow)
	s := &countedServices{Services: recordedServices(u.Flow, answers), answers: answers, unasked: maps.Clone(answers.answers)}
	counted := make(map[*method]bool)
	for _, service := range s.byName {
		for _, overloads := range service.methods {
			for _, m := range overloads {
				if !counted[m] {
					counted[m] = true
					s.count(m)
				}
			}
		}
	}
	return s
}

func (s *countedServices) restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ran = nil
	s.answers.answers = maps.Clone(s.unasked)
}

func (s *countedServices) list() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ran
}

func (s *countedServices) count(m *method) {
	fn := m.fn
	m.fn = reflect.MakeFunc(fn.Type(), func(args []reflect.Value) []reflect.Value {
		text := m.name + " of " + describe(args[1:])
		s.mu.Lock()
		s.ran = append(s.ran, text)
		s.mu.Unlock()
		return fn.Call(args)
	})
}

// describe tells whether two lists of arguments are the same, streams and all.
func describe(args []reflect.Value) string {
	values := make([]any, len(args))
	for i, arg := range args {
		values[i] = arg.Interface()
	}
	var streams *wire.Streams
	params, err := recordedCodec().EncodeParams(nil, &streams, values)
	if err != nil {
		return err.Error()
	}
	sum := sha256.New()
	fmt.Fprint(sum, replay.Comparable(params))
	if streams == nil {
		streams = new(wire.Streams)
	}
	for _, stream := range streams.All() {
		content, err := stream.Bytes(1 << 20)
		fmt.Fprintf(sum, "%x %v", content, err)
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}
