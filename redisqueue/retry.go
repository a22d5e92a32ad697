package redisqueue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// An Error says that Redis did not do what a step needs.
type Error struct {
	// Step is what was to be done, Key the key or channel by which it was.
	Step, Key string
	// Unsure: Redis may have done it nevertheless, since no reply came.
	Unsure bool
	// Attempts is how often it was tried, within Elapsed.
	Attempts int
	Elapsed  time.Duration
	Err      error
}

func (e *Error) Error() string {
	tried := ""
	if e.Attempts > 1 {
		tried = fmt.Sprintf(" (tried %d times in %v)", e.Attempts, e.Elapsed.Round(100*time.Millisecond))
	}
	return fmt.Sprintf("%s: Redis, key %s: %v%s%s", e.Step, e.Key, e.Err, tried, advice(e.Err))
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// advice says what to do about a refusal that waiting does not cure.
func advice(err error) string {
	reply, ok := rueidis.IsRedisErr(err)
	if !ok {
		return ""
	}
	text := reply.Error()
	for _, known := range []struct{ prefix, advice string }{
		{"OOM", "; Redis is full: raise maxmemory, and set maxmemory-policy to noeviction"},
		{"READONLY", "; this server is a replica: connect to the primary"},
		{"WRONGTYPE", "; something else uses the name: give Halibut a key prefix of its own"},
		{"NOPERM", "; the user needs the keys and channels under the prefix, and scripts"},
		{"NOAUTH", "; give a user and password"},
		{"WRONGPASS", "; check the user and password"},
	} {
		if strings.HasPrefix(text, known.prefix) {
			return known.advice
		}
	}
	return ""
}

// timing is how long Redis is waited for, and how often nodes look after their
// requests (Redis queue protocol, section 2).
type timing struct {
	attempt time.Duration // one command
	pause   time.Duration // between attempts
	budget  time.Duration // all attempts at one step
	leave   time.Duration // a step that a call waits for that has ended
	respond time.Duration // storing a response
	closing time.Duration // what Close has still to tell
	slow    time.Duration // subscribing, that a response may have been missed

	subscribe time.Duration // after queuing, where Go nodes answer; else at once

	tick           time.Duration // of the watch
	firstBeat      time.Duration // after the request was queued, or collected
	beat           time.Duration
	retryBeat      time.Duration
	watch          time.Duration // after collecting, from when a processor listens to the sender
	senderSilent   time.Duration // after which the sender is taken for dead
	processSilent  time.Duration // after which the processor is
	collectedCheck time.Duration
	responsePoll   time.Duration // grows by as much each time
	responsePolls  time.Duration // at most
	markerPoll     time.Duration
	queuePoll      time.Duration // for requests whose pulse was lost
	sentinel       time.Duration // while calls wait
	attend         time.Duration // telling others again who collects here
	ready          time.Duration // from when a collector waits, that requests are handed to its node
	tellAgain      time.Duration // a node that was handed a request and is not heard of; grows twofold
	tidy           time.Duration // collecting names to delete and to unsubscribe
}

func defaultTiming() timing {
	return timing{
		attempt: 5 * time.Second, pause: time.Second, budget: 30 * time.Second, leave: time.Second, respond: 10 * time.Minute, closing: 5 * time.Second, slow: 3 * time.Millisecond,
		subscribe: 100 * time.Millisecond, ready: time.Second, tellAgain: 2 * time.Second,
		tick: time.Second, firstBeat: 7 * time.Second, beat: 15 * time.Second, retryBeat: 7500 * time.Millisecond,
		watch: 2 * time.Second, senderSilent: 90 * time.Second, processSilent: 60 * time.Second,
		collectedCheck: 15 * time.Second, responsePoll: 15 * time.Second, responsePolls: 2 * time.Minute,
		markerPoll: 15 * time.Second, queuePoll: 30 * time.Second, sentinel: 5 * time.Second, attend: 20 * time.Second, tidy: 50 * time.Millisecond,
	}
}

// step is something to be done in Redis that can be repeated when its reply was
// lost.
type step struct {
	name, key string
	budget    time.Duration // of all attempts; 0 is the usual one
	patient   bool          // also a full Redis is waited for
}

// retry runs do until it succeeds, is refused, its budget is used up or ctx
// ends.
func (t *timing) retry(ctx context.Context, s step, do func(context.Context) error) error {
	begin := time.Now()
	budget := s.budget
	if budget == 0 {
		budget = t.budget
	}
	unsure := false
	for attempt := 1; ; attempt++ {
		err := t.try(ctx, do)
		if err == nil {
			return nil
		}
		_, refused := rueidis.IsRedisErr(err)
		unsure = unsure || !refused
		elapsed := time.Since(begin)
		failed := &Error{Step: s.name, Key: s.key, Unsure: unsure, Attempts: attempt, Elapsed: elapsed, Err: err}
		if ctx.Err() != nil || elapsed >= budget || refused && lasting(err, s.patient) || errors.Is(err, rueidis.ErrClosing) {
			return failed
		}
		pause := time.NewTimer(min(t.pause, t.pause/20<<min(attempt, 5)))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			failed.Err = ctx.Err()
			return failed
		}
	}
}

func (t *timing) try(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, t.attempt)
	defer cancel()
	err := do(ctx)
	if rueidis.IsRedisNil(err) {
		return nil
	}
	return err
}

// lasting tells the refusals that do not pass from those of a server that is
// starting, failing over or busy.
func lasting(err error, patient bool) bool {
	reply, _ := rueidis.IsRedisErr(err)
	for _, passing := range []string{"LOADING", "BUSY", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "READONLY", "NOREPLICAS", "MISCONF", "UNBLOCKED", "NOSCRIPT"} {
		if strings.HasPrefix(reply.Error(), passing) {
			return false
		}
	}
	return !patient || !strings.HasPrefix(reply.Error(), "OOM")
}
