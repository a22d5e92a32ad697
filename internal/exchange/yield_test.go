package exchange

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// A stream that moves 64 KiB in 50 µs, beside others whose turns take so long.
func TestAStreamDoesNotStopBesideOthers(t *testing.T) {
	for _, test := range []struct {
		turn        time.Duration
		missed      bool // every second one
		least, most int
	}{
		{2 * time.Microsecond, false, 15_000, 20_000}, // nearly all of the 20,000 pieces that a second has room for
		{10 * time.Millisecond, false, 8_000, 12_000}, // half of them
		{10 * time.Millisecond, true, 8_000, 12_000},
	} {
		t.Run(fmt.Sprint(test.turn, test.missed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var given turns
				pieces, took := 0, 0
				for begun := time.Now(); time.Since(begun) < time.Second; pieces++ {
					time.Sleep(50 * time.Microsecond)
					given.moves(yieldAfter, func(wait bool) bool {
						if test.missed && !wait {
							return false
						}
						time.Sleep(test.turn)
						took++
						return true
					})
				}
				if pieces < test.least || pieces > test.most || took < 10 {
					t.Errorf("%d pieces were moved, with %d turns; want %d to %d pieces", pieces, took, test.least, test.most)
				}
			})
		})
	}
}

func TestShortMessagesGiveNoTurns(t *testing.T) {
	var given turns
	for range 1000 {
		given.moved = 0 // as at the beginning of a message
		given.moves(yieldAfter-1, func(bool) bool { t.Fatal("a turn"); return true })
	}
}
