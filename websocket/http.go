package websocket

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/halibut-go/halibut"
)

// HTTP has a listener of the runtime speak HTTPS beside Halibut on one port, for
// Options.Protocols: requests go to handler, in which a [Handler] has its place.
// They are told from Halibut by ALPN (http/1.1) or by their first bytes. Clients
// without a certificate are let in to handler, where a [Handler] refuses them.
//
// A connection counts among those that have not said who they are
// (Limits.Unauthenticated) for as long as no peer was admitted on it.
func HTTP(handler http.Handler) halibut.Protocol { return &shared{handler} }

type shared struct{ handler http.Handler }

// Name implements [halibut.Protocol].
func (s *shared) Name() string { return "HTTP" }

// NextProtos implements [halibut.Protocol].
func (s *shared) NextProtos() []string { return []string{"http/1.1"} }

var methods = []string{"GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "OPTIONS ", "PATCH "}

// Match implements [halibut.Protocol].
func (s *shared) Match(start []byte) halibut.Match {
	for _, method := range methods {
		if n := min(len(method), len(start)); string(start[:n]) == method[:n] {
			if n < len(method) {
				return halibut.MaybeMatch
			}
			return halibut.FullMatch
		}
	}
	return halibut.NoMatch
}

const (
	headerLimit = 64 << 10
	idleLimit   = time.Minute // between two requests
)

// Serve implements [halibut.Protocol].
func (s *shared) Serve(ctx context.Context, in *halibut.Incoming) error {
	_ = in.SetDeadline(time.Time{}) // the server has limits of its own
	on := &served{incoming: in}
	l := &oneListener{conn: in, done: make(chan struct{})}
	var handling sync.WaitGroup
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handling.Add(1)
			defer handling.Done()
			state := in.TLS()
			r.TLS = &state
			s.handler.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: in.Bounds().Handshake,
		IdleTimeout:       idleLimit,
		MaxHeaderBytes:    headerLimit,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return context.WithValue(ctx, servedKey{}, on) },
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed || state == http.StateHijacked {
				l.finish()
			}
		},
	}
	_ = server.Serve(l) // it ends with the connection
	handling.Wait()
	return on.err
}

// served is a connection of a listener on which requests come.
type served struct {
	incoming *halibut.Incoming
	err      error // why a websocket was refused
}

type servedKey struct{}

func servedOn(r *http.Request) *served {
	on, _ := r.Context().Value(servedKey{}).(*served)
	return on
}

// refused keeps the reason for the listener's log.
func (s *served) refused(err error) {
	if s != nil && err != nil && s.err == nil {
		s.err = err
	}
}

// oneListener is a listener for one connection that is there already.
type oneListener struct {
	mu       sync.Mutex
	conn     net.Conn // nil once it was accepted
	done     chan struct{}
	finished sync.Once
}

func (l *oneListener) Accept() (net.Conn, error) {
	l.mu.Lock()
	conn := l.conn
	l.conn = nil
	l.mu.Unlock()
	if conn != nil {
		return conn, nil
	}
	<-l.done
	return nil, errEnded
}

var errEnded = errors.New("the connection has ended")

func (l *oneListener) finish() { l.finished.Do(func() { close(l.done) }) }

func (l *oneListener) Close() error { l.finish(); return nil }

func (l *oneListener) Addr() net.Addr { return oneAddr{} }

type oneAddr struct{}

func (oneAddr) Network() string { return "tcp" }
func (oneAddr) String() string  { return "one connection" }
