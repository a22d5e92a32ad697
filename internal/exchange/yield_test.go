package exchange

import (
	"testing"
	"testing/synctest"
	"time"
)

// A stream that moves 64 KiB in 50 µs, beside others whose turns take so long.
func TestAStreamDoesNotStopBesideOthers(t *testing.T) {
	for turn, want := range map[time.Duration]struct{ least, most int }{
		2 * time.Microsecond:  {15_000, 20_000}, // nearly all of the 20,000 pieces that a second has room for
		10 * time.Millisecond: {8_000, 12_000},  // half of them
	} {
		t.Run(turn.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var given turns
				pieces, took := 0, 0
				for begun := time.Now(); time.Since(begun) < time.Second; pieces++ {
					time.Sleep(50 * time.Microsecond)
					if given.moves(yieldAfter, func(bool) bool { time.Sleep(turn); return true }) > 0 {
						took++
					}
				}
				if pieces < want.least || pieces > want.most || took < 10 {
					t.Errorf("%d pieces were moved, with %d turns; want %d to %d pieces", pieces, took, want.least, want.most)
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
