package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/halibut-go/halibut/queue"
	"github.com/halibut-go/halibut/wire"
)

// TestModel plays random scripts against a queue and against a model that is
// simple enough to be seen to be right, and compares all that can be seen after
// each step.
func TestModel(t *testing.T) {
	step := rapid.Custom(func(t *rapid.T) step {
		return step{
			kind: rapid.IntRange(0, len(kinds)-1).Draw(t, "kind"),
			a:    rapid.IntRange(0, 99).Draw(t, "a"),
			b:    rapid.IntRange(0, 99).Draw(t, "b"),
		}
	})
	scripts := rapid.SliceOfN(step, 40, 120)
	rapid.Check(t, func(rt *rapid.T) {
		script := scripts.Draw(rt, "script")
		var err error
		synctest.Test(t, func(t *testing.T) { err = play(t, script) })
		if err != nil {
			rt.Fatal(err)
		}
	})
}

type step struct{ kind, a, b int }

var kinds = []struct {
	name string
	run  func(g *game, a, b int)
}{
	{"send", (*game).send},
	{"send", (*game).send},
	{"next", (*game).next},
	{"tryNext", (*game).tryNext},
	{"cancelSend", (*game).cancelSend},
	{"cancelNext", (*game).cancelNext},
	{"started", (*game).started},
	{"respond", (*game).respond},
	{"fail", (*game).fail},
	{"return", (*game).giveBack},
	{"pass", (*game).pass},
}

func (s step) String() string { return fmt.Sprintf("%s(%d, %d)", kinds[s.kind].name, s.a, s.b) }

var (
	modelPeers = []queue.Peer{
		{Thumbprint: "AA", SHA256: "SHA256:a"},
		{Thumbprint: "BB", SHA256: "SHA256:b"},
	}
	modelPins    = [][]string{nil, {"AA"}, {"SHA256:b"}, {"BB", "SHA256:a"}, {"CC"}}
	modelPickUps = []time.Duration{-1, 0, 5 * time.Second, 20 * time.Second}
	errModel     = errors.New("broken connection")
)

// game holds the queue, the model, and the goroutines in between.
type game struct {
	t          *testing.T
	q          queue.Queue
	calls      []*modelCall
	collectors []*modelCollector
	deliveries []*modelDelivery
	err        error
}

type modelCall struct {
	// the model
	id       string
	pins     []string
	deadline time.Time // zero: none
	stage    queue.Stage
	holder   *modelDelivery
	over     bool
	target   error // what the error must wrap; nil: a response
	// the queue
	cancel   context.CancelFunc
	returned bool
	response *wire.Response
	err      error
}

type modelCollector struct {
	// the model
	peer  queue.Peer
	over  bool
	gets  *modelDelivery // nil: the context's error
	asked int            // when it began to wait
	// the queue
	cancel   context.CancelFunc
	returned bool
	delivery queue.Delivery
	err      error
}

type modelDelivery struct {
	// the model
	call    *modelCall
	gaveUp  bool // the caller did, while this collector held the call
	matched bool // delivery is set
	// the queue
	delivery queue.Delivery
}

func play(t *testing.T, script []step) error {
	m := queue.NewMemory(nil)
	q, err := m.Queue("poll://model/")
	if err != nil {
		return err
	}
	g := &game{t: t, q: q}
	for i, s := range script {
		kinds[s.kind].run(g, s.a, s.b)
		synctest.Wait()
		g.compare()
		if g.err != nil {
			g.err = fmt.Errorf("step %d of %v: %w", i, script[:i+1], g.err)
			break
		}
	}
	m.Close()
	synctest.Wait()
	for _, c := range g.calls {
		if g.err == nil && !c.returned {
			g.errorf("after Close, Send of %s waits", c.id)
		}
		c.cancel()
	}
	for _, w := range g.collectors {
		if g.err == nil && !w.returned {
			g.errorf("after Close, a Next waits")
		}
		w.cancel()
	}
	synctest.Wait()
	return g.err
}

func (g *game) errorf(format string, args ...any) {
	if g.err == nil {
		g.err = fmt.Errorf(format, args...)
	}
}

// mayHave is Peer.MayCollect once more, in the words of the model.
func mayHave(p queue.Peer, pins []string) bool {
	for _, pin := range pins {
		if pin == p.Thumbprint || pin == p.SHA256 {
			return true
		}
	}
	return pins == nil
}

// settle is the heart of the model: while there is a queued request that a
// waiting collector may have, the first such request goes to the collector that
// asked last.
func (g *game) settle() {
	for _, c := range g.calls {
		if c.over || c.stage != queue.Queued {
			continue
		}
		for _, w := range slices.Backward(g.collectors) {
			if !w.over && mayHave(w.peer, c.pins) {
				w.over, w.gets = true, g.collect(c)
				break
			}
		}
	}
}

func (g *game) collect(c *modelCall) *modelDelivery {
	d := &modelDelivery{call: c}
	c.stage, c.holder = queue.Collected, d
	g.deliveries = append(g.deliveries, d)
	return d
}

// firstFor is the request that a collector which asks now gets.
func (g *game) firstFor(p queue.Peer) *modelCall {
	for _, c := range g.calls {
		if !c.over && c.stage == queue.Queued && mayHave(p, c.pins) {
			return c
		}
	}
	return nil
}

func (c *modelCall) end(target error) { c.over, c.target = true, target }

func (g *game) send(a, b int) {
	pickUp := modelPickUps[b%len(modelPickUps)]
	ctx, cancel := context.WithCancel(g.t.Context())
	c := &modelCall{id: fmt.Sprint(len(g.calls)), pins: modelPins[a%len(modelPins)], stage: queue.Queued, cancel: cancel}
	switch {
	case pickUp > 0:
		c.deadline = time.Now().Add(pickUp)
	case pickUp == 0:
		c.deadline = time.Now().Add(2 * time.Minute)
	}
	g.calls = append(g.calls, c)
	g.settle()
	go func() {
		c.response, c.err = g.q.Send(ctx, &wire.Request{ID: c.id}, queue.SendOptions{PickUp: pickUp, Pins: c.pins})
		c.returned = true
	}()
}

func (g *game) next(a, _ int) {
	ctx, cancel := context.WithCancel(g.t.Context())
	w := &modelCollector{peer: modelPeers[a%len(modelPeers)], asked: len(g.collectors), cancel: cancel}
	g.collectors = append(g.collectors, w)
	g.settle()
	go func() {
		w.delivery, w.err = g.q.Next(ctx, w.peer)
		w.returned = true
	}()
}

func (g *game) tryNext(a, _ int) {
	p := modelPeers[a%len(modelPeers)]
	want := g.firstFor(p)
	d, ok := g.q.TryNext(p)
	switch {
	case ok != (want != nil):
		g.errorf("TryNext delivers: %v, the model has one: %v", ok, want != nil)
	case ok:
		g.match(g.collect(want), d)
	}
}

func (g *game) match(model *modelDelivery, d queue.Delivery) {
	model.delivery, model.matched = d, true
	if got := d.Request().ID; got != model.call.id {
		g.errorf("request %s was delivered, the model delivers %s", got, model.call.id)
	}
}

func (g *game) cancelSend(a, _ int) {
	if len(g.calls) == 0 {
		return
	}
	c := g.calls[a%len(g.calls)]
	if !c.over {
		if c.stage != queue.Queued {
			c.holder.gaveUp = true
		}
		c.end(context.Canceled)
	}
	c.cancel()
}

func (g *game) cancelNext(a, _ int) {
	if len(g.collectors) == 0 {
		return
	}
	w := g.collectors[a%len(g.collectors)]
	w.over = true
	w.cancel()
}

// held picks a delivery, perhaps one that is long over, and tells whether its
// collector still holds the call.
func (g *game) held(a int) (*modelDelivery, bool) {
	if len(g.deliveries) == 0 {
		return nil, false
	}
	d := g.deliveries[a%len(g.deliveries)]
	return d, !d.call.over && d.call.stage != queue.Queued && d.call.holder == d
}

func (g *game) started(a, _ int) {
	d, holds := g.held(a)
	if d == nil {
		return
	}
	if got := d.delivery.Started(); got != holds {
		g.errorf("Started of %s reports %v, the model %v", d.call.id, got, holds)
	}
	if holds {
		d.call.stage = queue.Started
	}
}

func (g *game) respond(a, _ int) {
	d, holds := g.held(a)
	if d == nil {
		return
	}
	if got := d.delivery.Respond(&wire.Response{ID: d.call.id}); got != holds {
		g.errorf("Respond of %s reports %v, the model %v", d.call.id, got, holds)
	}
	if holds {
		d.call.end(nil)
	}
}

func (g *game) fail(a, _ int) {
	d, holds := g.held(a)
	if d == nil {
		return
	}
	d.delivery.Fail(errModel)
	if holds {
		d.call.end(errModel)
	}
}

func (g *game) giveBack(a, _ int) {
	d, holds := g.held(a)
	if d == nil {
		return
	}
	d.delivery.Return(errModel)
	switch c := d.call; {
	case !holds:
	case !c.deadline.IsZero() && !time.Now().Before(c.deadline):
		c.stage = queue.Collected
		c.end(queue.ErrNotCollected)
	default:
		c.stage = queue.Queued
		g.settle()
	}
}

func (g *game) pass(a, _ int) {
	time.Sleep(time.Duration(a%25) * time.Second)
	for _, c := range g.calls {
		if !c.over && c.stage == queue.Queued && !c.deadline.IsZero() && !time.Now().Before(c.deadline) {
			c.end(queue.ErrNotCollected)
		}
	}
}

// compare compares all that can be seen.
func (g *game) compare() {
	for _, w := range g.collectors {
		g.compareCollector(w)
	}
	var want queue.Stats
	for i, c := range g.calls {
		g.compareCall(i, c)
		switch {
		case c.over:
		case c.stage == queue.Queued:
			want.Length++
		default:
			want.Collected++
		}
	}
	for _, w := range g.collectors {
		if !w.over {
			want.Waiting++
		}
	}
	for _, d := range g.deliveries {
		if ended := d.delivery.Context().Err() != nil; ended != d.gaveUp {
			g.errorf("the context of a delivery of %s has ended: %v, in the model: %v", d.call.id, ended, d.gaveUp)
		}
	}
	got := g.q.Stats()
	if got.Oldest.IsZero() != (want.Length == 0) {
		g.errorf("with %d requests queued the oldest is %v", want.Length, got.Oldest)
	}
	got.Oldest = time.Time{}
	if got != want {
		g.errorf("stats %+v, the model's %+v", got, want)
	}
}

func (g *game) compareCollector(w *modelCollector) {
	switch {
	case w.returned != w.over:
		g.errorf("Next %d has returned: %v, in the model: %v", w.asked, w.returned, w.over)
	case !w.over:
	case w.gets == nil:
		if w.err != context.Canceled || w.delivery != nil {
			g.errorf("Next %d returned %v, %v; in the model it was cancelled", w.asked, w.delivery, w.err)
		}
	case w.err != nil:
		g.errorf("Next %d returned %v, in the model request %s", w.asked, w.err, w.gets.call.id)
	case !w.gets.matched:
		g.match(w.gets, w.delivery)
	}
}

func (g *game) compareCall(i int, c *modelCall) {
	var e *queue.Error
	switch {
	case c.returned != c.over:
		g.errorf("Send %d has returned: %v (%v), in the model: %v", i, c.returned, c.err, c.over)
	case !c.over:
	case c.target == nil:
		if c.err != nil || c.response.ID != c.id {
			g.errorf("Send %d returned %+v, %v; in the model its response", i, c.response, c.err)
		}
	case !errors.As(c.err, &e) || !errors.Is(c.err, c.target) || e.Stage != c.stage || c.response != nil:
		g.errorf("Send %d returned %+v, %v; in the model %v at stage %v", i, c.response, c.err, c.target, c.stage)
	}
}
