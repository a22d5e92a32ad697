package redisqueue

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/halibut-go/halibut/queue"
)

// keys are the names of all keys, those of nodes themselves aside.
func (s *server) keys(t *testing.T) []string {
	t.Helper()
	client, err := s.connect()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	all, err := client.Do(t.Context(), client.B().Keys().Pattern("*").Build()).AsStrSlice()
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for _, key := range all {
		if !strings.Contains(key, "WatchForDataLoss") && !strings.Contains(key, "LastClaim") && !strings.Contains(key, "halibut-go::Ready") {
			kept = append(kept, key)
		}
	}
	return kept
}

// TestNothingIsLeft of a call, however it ended: no key, no subscription, and
// nothing on the nodes' books. Until then every key has an expiry.
func TestNothingIsLeft(t *testing.T) {
	s := startServer(t)
	a, b := s.node(t, nil, patiently), s.node(t, nil, patiently)
	for name, end := range map[string]func(t *testing.T, ctx context.Context, cancel func()){
		"answered": func(t *testing.T, ctx context.Context, _ func()) {
			done := send(ctx, queueOf(t, a), queue.SendOptions{})
			respond(t, next(t, queueOf(t, b)))
			succeeds(t, done)
		},
		"failed": func(t *testing.T, ctx context.Context, _ func()) {
			done := send(ctx, queueOf(t, a), queue.SendOptions{})
			next(t, queueOf(t, b)).Fail(errors.New("the connection broke"))
			await(t, done)
		},
		"returned": func(t *testing.T, ctx context.Context, _ func()) {
			done := send(ctx, queueOf(t, a), queue.SendOptions{})
			next(t, queueOf(t, b)).Return(errors.New("the connection broke"))
			respond(t, next(t, queueOf(t, b)))
			succeeds(t, done)
		},
		"cancelled while queued": func(t *testing.T, ctx context.Context, cancel func()) {
			done := send(ctx, queueOf(t, a), queue.SendOptions{})
			queued(t, queueOf(t, a), 1)
			cancel()
			fails(t, done, context.Canceled, queue.Queued)
		},
		"not collected": func(t *testing.T, ctx context.Context, _ func()) {
			fails(t, send(ctx, queueOf(t, a), queue.SendOptions{PickUp: 50 * time.Millisecond}), queue.ErrNotCollected, queue.Queued)
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			end(t, ctx, cancel)
			for _, key := range s.keys(t) {
				if s.text(t, "PTTL", key) == "-1" {
					t.Errorf("%s has no expiry", key)
				}
			}
			eventually(t, "the nodes have forgotten it", func() bool {
				a.mu.Lock()
				calls := len(a.calls)
				a.mu.Unlock()
				b.mu.Lock()
				defer b.mu.Unlock()
				return calls == 0 && len(b.deliveries) == 0
			})
			// A withdrawn request is remembered for two minutes, in case that its
			// sender asks again.
			withdrawn := regexp.MustCompile(`halibut-go::(Claim|Enqueued)::`)
			eventually(t, "no other key is left", func() bool {
				for _, key := range s.keys(t) {
					if !withdrawn.MatchString(key) {
						return false
					}
				}
				return true
			})
			eventually(t, "no subscription to the call is left", func() bool {
				return !regexp.MustCompile(`ResponseAvailable|HeartBeat|RequestCancelledChannel`).MatchString(s.do(t, "PUBSUB", "CHANNELS"))
			})
		})
	}
}

// TestLongWait: a request may wait for longer than a node may be silent, and be
// worked on for longer, too.
func TestLongWait(t *testing.T) {
	s := startServer(t)
	short := func(times *timing) {
		hasty(times)
		times.senderSilent, times.processSilent = 400*time.Millisecond, 400*time.Millisecond
	}
	a, b := s.node(t, nil, short), s.node(t, nil, short)
	done := send(t.Context(), queueOf(t, a), queue.SendOptions{})
	queued(t, queueOf(t, a), 1)
	<-time.After(800 * time.Millisecond)
	d := next(t, queueOf(t, b))
	d.Started()
	select {
	case <-d.Context().Done():
		t.Error("the work was broken off")
	case o := <-done:
		t.Fatalf("the call has ended: %+v", o)
	case <-time.After(1200 * time.Millisecond):
	}
	d.Respond(nil) // a collector's mistake is told, too
	if o := await(t, done); o.err == nil || !strings.Contains(o.err.Error(), "no response") {
		t.Errorf("%+v", o)
	}
}
