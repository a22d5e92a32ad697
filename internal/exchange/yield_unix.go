//go:build unix

package exchange

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// yield lets others run: those that are ready, and those whom something has come
// for that the scheduler has not seen yet. Where somebody else is just at it only
// those that are ready run, and it reports false, or waits: a scheduler that always
// has another stream to run would not ask the network either.
func yield(wait bool) bool {
	n := theNetworkTurn()
	switch {
	case n == nil:
		runtime.Gosched()
		return true
	case wait:
		n.mu.Lock()
	case !n.mu.TryLock():
		runtime.Gosched()
		return false
	}
	defer n.mu.Unlock()
	n.sent = false
	_ = n.from.Read(n.step) // it can only have been too short
	return true
}

// networkTurn is a pipe whose reader waits for a byte that it writes itself once
// it is about to wait. A scheduler that has nothing else to run asks the network
// poller for it, and is told then what else has come. One is enough for a process.
type networkTurn struct {
	mu   sync.Mutex
	from syscall.RawConn
	to   *os.File
	step func(fd uintptr) bool
	sent bool
	byte [16]byte // one, and what a read that was interrupted has left
}

// theNetworkTurn is nil, for good, where the process could have no more descriptors
// when it was asked for first, or the network poller could watch no more of them.
var theNetworkTurn = sync.OnceValue(func() *networkTurn {
	r, w, err := os.Pipe()
	if err != nil {
		return nil
	}
	from, err := r.SyscallConn()
	// A pipe that is not in the poller takes no deadline.
	if err = errors.Join(err, r.SetReadDeadline(time.Time{}), w.SetWriteDeadline(time.Time{})); err != nil {
		_, _ = r.Close(), w.Close()
		return nil
	}
	n := &networkTurn{from: from, to: w}
	n.step = n.next
	return n
})

// next is called before the wait and after it, and reports whether it is over.
func (n *networkTurn) next(fd uintptr) bool {
	if !n.sent {
		n.sent = true
		_, err := n.to.Write(n.byte[:1])
		return err != nil
	}
	_, _ = syscall.Read(int(fd), n.byte[:])
	return true
}
