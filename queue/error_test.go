package queue

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"
)

func TestTimeSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                             "00:00:00",
		2 * time.Minute:               "00:02:00",
		time.Second + time.Nanosecond: "00:00:01",
		100 * time.Nanosecond:         "00:00:00.0000001",
		1500 * time.Millisecond:       "00:00:01.5000000",
		23*time.Hour + 59*time.Minute + 59*time.Second: "23:59:59",
		24 * time.Hour:                       "1.00:00:00",
		-90 * time.Second:                    "-00:01:30",
		-time.Nanosecond:                     "00:00:00",
		time.Duration(math.MaxInt64):         "106751.23:47:16.8547758",
		10*24*time.Hour + 3*time.Millisecond: "10.00:00:00.0030000",
	} {
		if got := timeSpan(d); got != want {
			t.Errorf("timeSpan(%d) = %q, want %q", d, got, want)
		}
	}
}

func TestStage(t *testing.T) {
	for _, test := range []struct {
		stage Stage
		text  string
		sent  bool
	}{
		{Queued, "queued", false},
		{Collected, "collected", false},
		{Started, "started", true},
		{0, "stage 0", true},
		{9, "stage 9", true},
	} {
		if test.stage.String() != test.text || test.stage.Sent() != test.sent {
			t.Errorf("%d: %q, sent %v; want %q, %v", test.stage, test.stage, test.stage.Sent(), test.text, test.sent)
		}
	}
}

func TestCancelled(t *testing.T) {
	plain, cancel := context.WithCancel(t.Context())
	cancel()
	reason := errors.New("shutting down")
	caused, cancelCause := context.WithCancelCause(t.Context())
	cancelCause(reason)
	peer := Peer{Addr: "192.0.2.1:10943"}
	for _, test := range []struct {
		ctx   context.Context
		stage Stage
		want  string
	}{
		{plain, Queued, "the request to poll://a/ was cancelled while it waited in the queue, nothing was sent: context canceled"},
		{plain, Collected, "the request to poll://a/ was cancelled after it was collected by 192.0.2.1:10943, nothing was sent: context canceled"},
		{caused, Started, "the request to poll://a/ was cancelled after it was sent to 192.0.2.1:10943, it may have run: context canceled: shutting down"},
	} {
		err := Cancelled(test.ctx, test.stage, "poll://a/", peer)
		if err.Error() != test.want {
			t.Errorf("text\n%q, want\n%q", err, test.want)
		}
		if !errors.Is(err, context.Canceled) || err.Stage != test.stage || errors.Is(err, reason) != (test.ctx == caused) {
			t.Errorf("%#v", err)
		}
	}
}
