package halibut

import "time"

// Trace are hooks for what happens to connections; calls are for interceptors.
// Any of them may be nil. They are called from many goroutines at once, in the
// middle of the work: they must be quick and must not call the runtime.
type Trace struct {
	// Connected: a connection began, and each side knows the other.
	Connected func(Connection)
	// Disconnected: it ended, for this reason.
	Disconnected func(Connection, error)
	// Refused: Serve refused a connection.
	Refused func(Rejection)
	// Cloned: two programs poll one subscription with one certificate, as
	// happens when a machine was cloned. It is told at most once a minute for a
	// subscription.
	Cloned func(Clone)
	// Receiving: a data stream that is received and kept has come this far. It is
	// told in the goroutine that reads the connection, and of one stream after
	// another on each connection.
	Receiving func(Progress)
}

// Connection is one connection of a runtime, as [Trace] tells of it.
type Connection struct {
	Peer    Peer
	Dialled bool // by this side
	Since   time.Time
}

// Clone is two programs with one certificate on one subscription.
type Clone struct {
	Subscription  string
	Peer          Peer   // that came last
	Addr, Earlier string // where the two come from
}

func (t *Trace) connected(c Connection) {
	if t != nil && t.Connected != nil {
		t.Connected(c)
	}
}

// receiving is the hook, nil where there is none.
func (t *Trace) receiving() func(Progress) {
	if t == nil {
		return nil
	}
	return t.Receiving
}

func (t *Trace) disconnected(c Connection, err error) {
	if t != nil && t.Disconnected != nil {
		t.Disconnected(c, err)
	}
}

func (t *Trace) refused(r Rejection) {
	if t != nil && t.Refused != nil {
		t.Refused(r)
	}
}

func (t *Trace) cloned(c Clone) {
	if t != nil && t.Cloned != nil {
		t.Cloned(c)
	}
}
