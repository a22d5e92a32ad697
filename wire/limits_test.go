package wire

import (
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
)

func TestLimitsZeroIsTheDefaultAndNegativeIsOff(t *testing.T) {
	for _, test := range []struct {
		name   string
		limits Limits
		want   [6]int64
	}{
		{"default", Limits{}, [6]int64{8 << 10, 8 << 10, 64 << 20, 100, 10_000, 1 << 20}},
		{"set", Limits{Line: 1, Preamble: 2, Document: 3, Depth: 4, Streams: 5, StreamMemory: 6}, [6]int64{1, 2, 3, 4, 5, 6}},
		{"off", Limits{Line: -1, Preamble: -1, Document: -1, Depth: -1, Streams: -1, StreamMemory: -1},
			[6]int64{readerBuffer - 2, 20_000, math.MaxInt64, math.MaxInt, math.MaxInt, math.MaxInt64}},
	} {
		l := test.limits
		got := [6]int64{int64(l.MaxLine()), int64(l.MaxPreamble()), l.MaxDocument(), int64(l.MaxDepth()), int64(l.MaxStreams()), l.MaxStreamMemory()}
		if got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
	for limits, want := range map[Limits][3]int64{
		{}: {512 << 20, 128 << 20, 16 << 30},
		{DocumentsMemory: 1, StreamsMemory: 2, TemporaryFiles: 3}:    {1, 2, 3},
		{DocumentsMemory: -1, StreamsMemory: -1, TemporaryFiles: -1}: {math.MaxInt64, math.MaxInt64, math.MaxInt64},
	} {
		b := NewBudget(limits)
		if got := [3]int64{b.documents.limit, b.spoolMemory.limit, b.spoolFiles.limit}; got != want {
			t.Errorf("%+v: %v", limits, got)
		}
	}
}

func TestBudgetNeverGoesOver(t *testing.T) {
	b := NewBudget(Limits{StreamsMemory: 100})
	a := b.spoolMemoryAccount()
	var users sync.WaitGroup
	for range 8 {
		users.Go(func() {
			for range 1000 {
				if _, ok := a.take(30); ok {
					a.give(30)
				}
			}
		})
	}
	users.Wait()
	if u := b.Usage(); u != (Usage{}) {
		t.Errorf("%+v", u)
	}
	for i, ok := range []bool{true, true, true, false} {
		if wanted, got := a.take(30); got != ok || wanted != int64(30*(i+1)) {
			t.Errorf("%d times 30: %v, %d", i+1, got, wanted)
		}
	}
	if _, ok := a.take(10); !ok {
		t.Error("the last 10 are refused")
	}
	off := NewBudget(Limits{StreamsMemory: -1}).spoolMemoryAccount()
	if _, ok := off.take(math.MaxInt64); !ok {
		t.Error("refused though off")
	}
	if _, ok := off.take(1); ok {
		t.Error("the sum overflows")
	}
	var none *Budget
	if _, ok := none.documentsAccount().take(math.MaxInt64); !ok || none.Usage() != (Usage{}) {
		t.Error("no budget is a limit")
	}
}

func TestErrorsSayWhatTheyMean(t *testing.T) {
	cause := errors.New("cause")
	for want, err := range map[string]error{
		"expected a, found b":                &ProtocolError{Expected: "a", Found: "b"},
		"text: cause":                        &ProtocolError{Message: "text", Err: cause},
		"thing: 3 is over the limit of 2":    &LimitError{What: "thing", Limit: 2, Actual: 3},
		"Data stream size mismatch detected": &StreamError{Declared: 10, Actual: 3},
		`keeping data stream 00000000-0000-0000-0000-000000000000 in a temporary file in "/tmp": cause`: &SpoolError{Dir: "/tmp", Err: cause},
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v", err)
		}
	}
	for _, err := range []error{&ProtocolError{Err: cause}, &StreamError{Err: cause}, &SpoolError{Err: cause}} {
		if !errors.Is(err, cause) {
			t.Errorf("%T hides its cause", err)
		}
	}
}
