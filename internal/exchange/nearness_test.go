package exchange

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/wire"
)

// distantConn takes a while for each write, and counts what passes.
type distantConn struct {
	Conn
	delay   time.Duration
	perByte time.Duration
	passed  *atomic.Int64
}

func (c *distantConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.passed.Add(int64(n))
	return n, err
}

func (c *distantConn) Write(p []byte) (int, error) {
	time.Sleep(c.delay)
	n, err := c.Conn.Write(p)
	time.Sleep(time.Duration(n) * c.perByte) // the first bytes come before the last ones are gone
	c.passed.Add(int64(n))
	return n, err
}

// echoing calls with a text of that length, which is the result too, and returns
// how many bytes have passed for it.
type echoing struct {
	*conversation
	passed atomic.Int64
}

func converseAt(t *testing.T, delay, perByte time.Duration, config Config, polling bool) *echoing {
	e := new(echoing)
	config.Timeouts = testTimeouts
	handler := answers{func(_ context.Context, request *wire.Request) *wire.Response {
		return &wire.Response{ID: request.ID, Result: request.Args(nil)[0]}
	}}
	through := func(c *memnet.Conn) Conn { return &distantConn{c, delay, perByte, &e.passed} }
	e.conversation = converseThrough(t, through, &config, polling, handler, "go/1", Pipelining, Refuse)
	return e
}

func (e *echoing) echo(length int) int64 {
	e.t.Helper()
	return e.echoValue(strings.Repeat("0123456789abcdef", length/16))
}

func (e *echoing) echoValue(value any) int64 {
	e.t.Helper()
	before := e.passed.Load()
	params, err := new(wire.Codec).EncodeParams(nil, nil, []any{value})
	if err != nil {
		e.t.Fatal(err)
	}
	call := &Call{Request: &wire.Request{ID: "S::Echo", Service: "S", Method: "Echo", Params: params}, Receiver: new(received)}
	if err := e.client.Do(context.Background(), call); err != nil {
		e.t.Fatal(err)
	}
	synctest.Wait()
	return e.passed.Load() - before
}

func TestCompressionGoesByHowNearThePeerIs(t *testing.T) {
	const length = 100_000
	for _, polling := range []bool{false, true} {
		for _, test := range []struct {
			name        string
			delay       time.Duration
			compression Compression
			compressed  bool
		}{
			{"near", 400 * time.Microsecond, CompressAuto, false},
			{"far", 600 * time.Microsecond, CompressAuto, true},
			{"no clock that tells", 0, CompressAuto, true},
			{"near, always", 400 * time.Microsecond, CompressAlways, true},
			{"far, never", 10 * time.Millisecond, CompressNever, false},
		} {
			t.Run(fmt.Sprintf("%s, polling %v", test.name, polling), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					e := converseAt(t, test.delay, 0, Config{Compression: test.compression}, polling)
					e.echo(length) // a client that was dialled knows from then on
					written := e.echo(length)
					if (written < length) != test.compressed || (!test.compressed && written < 2*length) {
						t.Errorf("%d bytes were written for two documents of %d; compressed: %v", written, length, test.compressed)
					}
					e.end()
				})
			})
		}
	}
}

// A document of more than nearMost is compressed for whoever is near, too.
func TestVeryLongDocumentsAreCompressed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := converseAt(t, 100*time.Microsecond, 0, Config{}, false)
		if written := e.echo(nearMost + 16); written > nearMost {
			t.Errorf("%d bytes were written", written)
		}
		e.end()
	})
}

// A link that is short and slow is found out by the first document that takes
// long, and tried again after some.
func TestSlowLinksAreFoundOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const length = 1 << 20
		e := converseAt(t, 10*time.Microsecond, 80*time.Nanosecond, Config{}, false) // 100 Mbit/s
		if written := e.echo(length); written < 2*length {
			t.Fatalf("%d bytes were written for the first call", written)
		}
		for i := range slowFor { // the other direction is not slow
			if written := e.echo(length); written > length+length/4 {
				t.Fatalf("%d bytes were written for call %d", written, i)
			}
		}
		if written := e.echo(length); written < 2*length {
			t.Errorf("%d bytes were written for the call after those", written)
		}
		// Documents that say little about the link are not affected.
		if written := e.echo(timedFrom / 2); written < timedFrom {
			t.Errorf("%d bytes were written for shorter documents", written)
		}
		e.end()
	})
}

func TestTheShortestAnswerTellsTheRoundTrip(t *testing.T) {
	start := time.Now()
	var n nearness
	for _, sample := range []struct {
		wrote, answered time.Time
		want            time.Duration
	}{
		{time.Time{}, start, 0}, // nothing was asked
		{start, time.Time{}, 0}, // nobody saw when
		{start, start, 0},       // the clock does not tell
		{start, start.Add(5 * time.Second), 5 * time.Second}, // a method that takes long
		{start, start.Add(time.Millisecond), time.Millisecond},
		{start, start.Add(2 * time.Millisecond), time.Millisecond},
	} {
		n.wrote = sample.wrote
		n.answered(sample.answered)
		if n.trip != sample.want {
			t.Errorf("after %v: %v, want %v", sample, n.trip, sample.want)
		}
	}
}

// TestNoiseDoesNotMakeAPeerNear calls over a long link with what does not compress,
// and then with what does.
func TestNoiseDoesNotMakeAPeerNear(t *testing.T) {
	noise := func(n int) []byte {
		b := make([]byte, n)
		_, _ = rand.Read(b)
		return b
	}
	type file struct {
		Name, Kind string
		Content    []byte
	}
	const length = 100_000
	for _, polling := range []bool{false, true} {
		for _, value := range []any{
			noise(2_000),
			[][]byte{noise(1_500), noise(1_500), noise(1_500), noise(1_500)},
			file{"a name", "some kind", noise(25_000)},
			file{"a name", "some kind", noise(50_000)},
		} {
			synctest.Test(t, func(t *testing.T) {
				e := converseAt(t, 20*time.Millisecond, 0, Config{}, polling)
				e.echoValue(value)
				if written := e.echo(length); written > length {
					t.Errorf("polling %v: %d bytes were written after a %T", polling, written, value)
				}
				if e.client.near.is() || e.service.near.is() {
					t.Errorf("polling %v: after a %T the peer is near: %+v, %+v", polling, value, e.client.near, e.service.near)
				}
				e.end()
			})
		}
	}
}

// TestALongRoundTripOverrulesTheExample starts where both sides were misled. Their
// documents are long even when they are compressed.
func TestALongRoundTripOverrulesTheExample(t *testing.T) {
	bits := make([]byte, 50_000)
	_, _ = rand.Read(bits)
	text := hex.EncodeToString(bits)
	for _, polling := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			e := converseAt(t, 20*time.Millisecond, 0, Config{}, polling)
			e.client.near, e.service.near = nearness{shown: true}, nearness{shown: true}
			if written := e.echoValue(text); int(written) < 2*len(text) {
				t.Errorf("polling %v: %d bytes were written for the first call", polling, written)
			}
			e.echoValue(text)
			if written := e.echoValue(text); int(written) > len(text)+len(text)/2 {
				t.Errorf("polling %v: %d bytes were written for the third call", polling, written)
			}
			e.end()
		})
	}
}

// TestBothMeasureTheRoundTripOfMessages starts where neither side knows one, and
// there is no example to follow.
func TestBothMeasureTheRoundTripOfMessages(t *testing.T) {
	const delay = 400 * time.Microsecond
	for _, polling := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			e := converseAt(t, delay, 0, Config{Compression: CompressAlways}, polling)
			e.client.near, e.service.near = nearness{}, nearness{}
			for range 2 {
				params := make([]byte, 4_000)
				_, _ = rand.Read(params)
				e.echoValue(params)
			}
			if client, service := e.client.near.trip, e.service.near.trip; client != delay || service < delay || service > 2*delay {
				t.Errorf("polling %v: the client has measured %v, the service %v", polling, client, service)
			}
			e.end()
		})
	}
}
