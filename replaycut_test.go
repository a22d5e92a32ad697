package halibut

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halibut-go/halibut/internal/replay"
	"github.com/halibut-go/halibut/wire"
)

// cutEverywhere has every recording that is short cut at every offset. Without
// it that is done to those of the newest release, which takes long enough; with
// -short, or the race detector, to none.
var cutEverywhere = flag.Bool("cut-everywhere", false, "cut all short recordings at every offset, and not only those of 8.1")

const (
	shortRecording = 8000     // bytes on the wire
	largeDocument  = 64 << 10 // each cut inflates it anew, so a recording with one is cut in fewer places
)

// everywhere reports whether a recording is to be cut at every offset.
func everywhere(f *replay.Flow) bool {
	for _, c := range f.Connections {
		for _, item := range c.Items {
			if len(item.Inflated) >= largeDocument {
				return false
			}
		}
	}
	newest := strings.HasPrefix(f.Release, "8.")
	return f.Size() < shortRecording && (*cutEverywhere || newest && !raceDetector && !testing.Short())
}

// unit is a piece of a recorded connection: its opening and a few calls. To cut
// the hundredth call of a connection nobody has to make the ninety-nine before.
type unit struct {
	*replay.Flow
	first      bool // of its connection; of the others the first call was cut in the piece before
	everywhere bool
	list       exceptions
}

// eachUnit takes each piece of each recording as a recording of its own.
func eachUnit(t *testing.T, test func(t *testing.T, u unit)) {
	replayIdentity()
	for _, f := range recordings(t) {
		t.Run(f.File, func(t *testing.T) {
			t.Parallel()
			list := loadExceptions(t)
			for i, piece := range pieces(t, f) {
				piece.everywhere, piece.list = everywhere(f), list
				t.Run(strconv.Itoa(i+1), func(t *testing.T) { test(t, piece) })
			}
		})
	}
}

// pieces are a flow's calls, a few at a time. The last call of a piece is the
// first one of the next.
func pieces(t *testing.T, f *replay.Flow) (all []unit) {
	const calls = 4
	byConnection := make(map[int][]plannedCall)
	for _, call := range plan(t, f) {
		byConnection[call.connection] = append(byConnection[call.connection], call)
	}
	for number, c := range f.Connections {
		made := byConnection[number]
		for first := 0; first < len(made) && (first == 0 || first+1 < len(made)); first += calls - 1 {
			last := min(first+calls, len(made)) - 1
			piece := *f
			piece.Calls = nil
			for _, call := range made[first : last+1] {
				piece.Calls = append(piece.Calls, call.Call)
			}
			from, to := 0, len(c.Items)
			if first > 0 {
				from = made[first].request
			}
			if last+1 < len(made) {
				to = beforeCall(f, c.Items, made[last+1].request)
			}
			piece.Connections = []*replay.Connection{{Number: 1, Items: slices.Concat(opening(c.Items[:from]), c.Items[from:to])}}
			all = append(all, unit{Flow: &piece, first: first == 0})
		}
	}
	return all
}

// opening are the items in which the sides introduce themselves.
func opening(items []replay.Item) []replay.Item {
	return items[:min(len(items), 3)]
}

// cuts are where a connection is cut, given what went through one way of it:
// everywhere, or around the edges of items and at some places between. With
// the race detector, or -short, it is some of these.
func (u unit) cuts(t *testing.T, log []byte, reading, dialler bool) []cut {
	random := rand.New(rand.NewPCG(uint64(len(log)), 1))
	at := make(map[int]bool)
	last := 0
	if !u.first {
		last = firstMessage(t, log, dialler)
	}
	for i := last; i < len(log); i++ {
		at[i] = u.everywhere
	}
	for _, edge := range edges(t, log, dialler) {
		if edge < last {
			continue
		}
		for around := edge - 2; around <= edge+2; around++ {
			at[around] = true
		}
		if edge > last+5 {
			at[last+3+random.IntN(edge-last-5)] = true
		}
		last = edge
	}
	var list []cut
	for _, i := range slices.Sorted(maps.Keys(at)) {
		if at[i] && i >= 0 && i <= len(log) && (u.everywhere || !sampled() || random.IntN(sample) == 0) {
			list = append(list, cut{reading: reading, after: i, late: i%2 == 0, reset: i%3 == 0})
		}
	}
	return list
}

// sampled reports whether only one of so many cuts is to be made.
func sampled() bool { return raceDetector || testing.Short() }

const sample = 20

// firstMessage is where the first message ends.
func firstMessage(t *testing.T, log []byte, dialler bool) (end int) {
	for _, item := range itemsOf(t, log, dialler) {
		end += len(item.Bytes)
		if item.Kind == replay.Message {
			break
		}
	}
	return end
}

// edges are the offsets where items end.
func edges(t *testing.T, log []byte, dialler bool) []int {
	ends := []int{0}
	for _, item := range itemsOf(t, log, dialler) {
		ends = append(ends, ends[len(ends)-1]+len(item.Bytes))
	}
	return ends
}

func itemsOf(t *testing.T, log []byte, dialler bool) (items []replay.Item) {
	splitter := replay.NewSplitter(bytes.NewReader(log), dialler)
	for {
		item, err := splitter.Next()
		if errors.Is(err, io.EOF) {
			return items
		}
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, item)
	}
}

// TestCutClient cuts the connection under our client everywhere. A call that is
// cut is an error, at once, and safe to repeat exactly while no byte of its
// request was written; the calls before it are not harmed, and the next one,
// on a second connection, works.
func TestCutClient(t *testing.T) {
	eachUnit(t, func(t *testing.T, u unit) {
		dir := t.TempDir()
		whole := runCutClient(t, u, dir, cut{after: -1}, nil)
		if whole.made == 0 {
			return // the recorded caller could not write any call
		}
		for _, at := range slices.Concat(
			u.cuts(t, whole.conn.received(), true, u.Polling()),
			u.cuts(t, whole.conn.sent(), false, !u.Polling()),
		) {
			c := runCutClient(t, u, dir, at, whole)
			if c.isRescuable(whole) && at.after%rescued == 0 {
				c.runRescue(t, u, dir, at, whole)
			}
			if t.Failed() {
				return
			}
		}
		checkNothingLeft(t, dir)
	})
}

// cutClient is what became of the calls on one connection.
type cutClient struct {
	*clientReplay
	conn  *cutConn
	made  int
	leads []int // bytes written for each call before its request
	err   error // of the last call made, when it got no answer
	begun bool  // its request was
}

func runCutClient(t *testing.T, u unit, dir string, at cut, whole *cutClient) (c *cutClient) {
	bubble(t, func(t *testing.T) {
		defer func() {
			if t.Failed() {
				t.Logf("%+v", at)
			}
		}()
		c = newCutClient(t, u, at)
		stop := c.start(&Options{TempDir: dir, Limits: Limits{StreamMemory: 1}})
		c.makeAll(t, whole)
		if whole != nil && whole.err == nil {
			c.makeAgain(t)
		}
		stop()
		checkNothingHeld(t, c.rt)
	})
	return c
}

func newCutClient(t *testing.T, u unit, at cut) *cutClient {
	c := &cutClient{clientReplay: &clientReplay{
		stage: newStage(t, u.Flow, pipes["buffered"]), list: u.list, calls: plan(t, u.Flow), ours: !u.Polling(),
	}}
	c.cast()
	c.players[0].Deaf = true
	c.players = append(c.players, replay.NewPlayer(u.Flow, c.players[0].Items, !c.ours))
	c.conn = c.cutFirst(at)
	return c
}

// cutFirst cuts the first connection. The others have to wait for the gate.
func (s *stage) cutFirst(at cut) *cutConn {
	s.tolerant = true
	s.gate = make(chan struct{})
	conn := &cutConn{cut: at}
	s.wrap = func(number int, ours net.Conn) net.Conn {
		if number > 0 {
			return ours
		}
		conn.Conn = ours
		return conn
	}
	return conn
}

// makeAll makes the calls until one gets no answer.
func (c *cutClient) makeAll(t *testing.T, whole *cutClient) {
	items := c.flow.Connections[0].Items
	for _, call := range c.writable() {
		if !c.ours {
			c.players[0].Await(call.request)
		}
		synctest.Wait()
		before, start := len(c.conn.sent()), time.Now()
		result, err := c.call(items, call)
		waited := time.Since(start)
		c.made++
		if whole == nil {
			c.leads = append(c.leads, c.lead(t, before))
		}
		if e := (*Error)(nil); err != nil && !(errors.As(err, &e) && e.Remote) {
			c.err = err
			if whole != nil {
				c.begun = len(c.conn.sent())-before > whole.leads[c.made-1]
				c.judge(t, call, waited)
			}
			return
		}
		c.agree(t, call, result, err)
	}
}

// lead is how much was written since an offset before the request of a call.
func (c *cutClient) lead(t *testing.T, before int) int {
	offset := 0
	for _, item := range itemsOf(t, c.conn.sent(), c.ours) {
		if offset >= before && item.IsRequest() {
			return offset - before
		}
		offset += len(item.Bytes)
	}
	return offset - before
}

// judge judges the error of a call that was cut.
func (c *cutClient) judge(t *testing.T, call plannedCall, waited time.Duration) {
	if SafeToRetry(c.err) == c.begun {
		t.Errorf("%v: SafeToRetry is %v, and that the request was begun is %[2]v too: %v", call, c.begun, c.err)
	}
	limit := time.Second
	if !c.ours && !c.begun {
		limit += 2 * time.Minute // until it is clear that no other connection comes for it
	}
	if waited > limit {
		t.Errorf("%v took %v to fail: %v", call, waited, c.err)
	}
}

// rescued is of how many offsets one is tried again with another connection.
const rescued = 4

// isRescuable reports whether the call that was cut succeeds where another
// connection can be had: when it was not begun, its connection was not made for
// it, and it is not one that fails on any connection.
func (c *cutClient) isRescuable(whole *cutClient) bool {
	failsAnyway := whole.err != nil && c.made == whole.made
	return c.err != nil && !c.begun && (!c.ours || c.made > 1) && !failsAnyway
}

// runRescue makes the calls again, with the same cut and another connection:
// nobody notices then that the first one ended.
func (c *cutClient) runRescue(t *testing.T, u unit, dir string, at cut, whole *cutClient) {
	bubble(t, func(t *testing.T) {
		again := newCutClient(t, u, at)
		calls := again.writable()[:c.made]
		items := again.players[0].Items
		from := calls[len(calls)-1].request
		again.calls = calls
		again.players[1] = replay.NewPlayer(u.Flow, slices.Concat(opening(items), items[from:]), !c.ours)
		stop := again.start(&Options{TempDir: dir, Limits: Limits{StreamMemory: 1}})
		close(again.gate)
		again.makeAll(t, whole)
		if again.err != nil && !again.begun { // a request may be some bytes longer this time
			t.Errorf("%v with another connection: %v", calls[len(calls)-1], again.err)
			t.Logf("%+v", at)
		}
		stop()
		checkNothingHeld(t, again.rt)
	})
}

// agree compares an answered call with the recorded one.
func (c *cutClient) agree(t *testing.T, call plannedCall, result any, err error) {
	if err == nil {
		err = agreeResult(call.Outcome, result)
	} else {
		err = agreeFailure(call.Outcome, err)
	}
	if err != nil && !c.list.excepts(c.flow, call.Call, outcome) {
		t.Errorf("%v: %v", call, err)
	}
}

// writable are the calls that the recorded caller could write.
func (c *cutClient) writable() (calls []plannedCall) {
	for _, call := range c.calls {
		if call.connection >= 0 && !call.isCut(c.flow.Connections[0].Items) {
			calls = append(calls, call)
		}
	}
	return calls
}

// makeAgain makes the first call on a second connection.
func (c *cutClient) makeAgain(t *testing.T) {
	if c.err == nil {
		return // the cut came after all calls
	}
	close(c.gate)
	call := c.writable()[0]
	if !c.ours {
		c.players[1].Await(call.request)
	}
	result, err := c.call(c.flow.Connections[0].Items, call)
	if e := (*Error)(nil); err != nil && !(errors.As(err, &e) && e.Remote) {
		t.Errorf("%v on a second connection: %v", call, err)
		return
	}
	c.agree(t, call, result, err)
}

// checkNothingHeld looks for streams in memory or in files.
func checkNothingHeld(t *testing.T, rt *Runtime) {
	if held := rt.calling.Reader.Budget.Usage(); held != (wire.Usage{}) {
		t.Errorf("still held: %+v", held)
	}
}

// checkNothingLeft looks for temporary files.
func checkNothingLeft(t *testing.T, dir string) {
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files: %v %v", left, err)
	}
}
