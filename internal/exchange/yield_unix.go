//go:build unix

package exchange

import (
	"os"
	"runtime"
	"sync"
	"syscall"
)

// yield lets others run: those that are ready, and those whom something has come
// for that the scheduler has not seen yet.
func yield() {
	if n := theNetworkTurn(); n == nil || !n.take() {
		runtime.Gosched()
	}
}

// networkTurn is a pipe whose reader waits for a byte that it writes itself once
// it is about to wait. The scheduler has to ask the network poller for it, and is
// told then what else has come. One is enough for a process: while somebody waits
// with it the poller is being asked.
type networkTurn struct {
	mu   sync.Mutex
	from syscall.RawConn
	to   *os.File
	step func(fd uintptr) bool
	sent bool
	byte [16]byte // one, and what a read that was interrupted has left
}

// theNetworkTurn is nil where the process may have no more descriptors.
var theNetworkTurn = sync.OnceValue(func() *networkTurn {
	r, w, err := os.Pipe()
	if err != nil {
		return nil
	}
	from, err := r.SyscallConn()
	if err != nil {
		return nil
	}
	n := &networkTurn{from: from, to: w}
	n.step = n.next
	return n
})

// take reports false where another goroutine is at it.
func (n *networkTurn) take() bool {
	if !n.mu.TryLock() {
		return false
	}
	defer n.mu.Unlock()
	n.sent = false
	return n.from.Read(n.step) == nil
}

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
