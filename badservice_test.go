package halibut_test

import (
	"context"
	"errors"

	"net"
	"strings"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/memnet"
	"github.com/halibut-go/halibut/wire"
)

// answering is a service that keeps to the protocol: it answers all requests
// with their method's name.
func answering(s *scripted) {
	s.meet(true)
	s.write(asServer)
	for {
		request := s.request()
		s.respond(result(s.t, request.ID, request.Method))
		switch line, err := s.reader.ReadLine(); {
		case err != nil || line == wire.End:
			return
		default:
			s.write("PROCEED\r\n")
		}
	}
}

// TestBadServices calls services that do not keep to the protocol. The first
// call tells what happened and what is known of it, the second one, on a new
// connection, works.
func TestBadServices(t *testing.T) {
	identified := func(rest func(s *scripted)) func(*scripted) {
		return func(s *scripted) {
			s.meet(true)
			s.write(asServer)
			s.request()
			rest(s)
			s.closed()
		}
	}
	for _, test := range []struct {
		name    string
		script  func(*scripted)
		code    halibut.Code
		outcome halibut.Outcome
		phase   halibut.Phase
		texts   []string
	}{
		{"closes at once", func(*scripted) {},
			halibut.CodeUntrusted, halibut.NotSent, halibut.PhaseConnecting, []string{"before it identified itself", "may not trust our certificate"}},
		{"identity of a client", func(s *scripted) { s.meet(true); s.write("MX-CLIENT 1.0\r\n\r\n"); s.closed() },
			halibut.CodeProtocol, halibut.NotSent, halibut.PhaseConnecting, []string{"server", "MX-CLIENT", "may not be Halibut"}},
		{"HTTP", func(s *scripted) { s.meet(true); s.write("HTTP/1.1 400 Bad Request\r\n\r\n"); s.closed() },
			halibut.CodeProtocol, halibut.NotSent, halibut.PhaseConnecting, []string{"HTTP/1.1", "may not be Halibut"}},
		{"endless identity", func(s *scripted) { s.meet(true); s.write(strings.Repeat("x", 20<<10)); s.closed() },
			halibut.CodeLimit, halibut.NotSent, halibut.PhaseConnecting, []string{"Limits.Line"}},
		{"dies with the request", func(s *scripted) { s.meet(true); s.write(asServer); s.request() },
			halibut.CodeTransfer, halibut.Unknown, halibut.PhaseSent, []string{"may have run"}},
		{"END instead of a response", identified(func(s *scripted) { s.write("END\r\n") }),
			halibut.CodeTransfer, halibut.Unknown, halibut.PhaseSent, []string{"ended the connection", "may have run"}},
		{"garbage instead of a response", identified(func(s *scripted) { s.write("garbage, and no DEFLATE\r\n") }),
			halibut.CodeProtocol, halibut.Unknown, halibut.PhaseSent, []string{"may have run"}},
		{"another response", identified(func(s *scripted) { s.respond(result(s.t, "another id", "x")) }),
			halibut.CodeProtocol, halibut.Unknown, halibut.PhaseSent, []string{"another id", "may have run"}},
		{"a request instead of a response", identified(func(s *scripted) {
			message, _ := messageOf(s.t, "I", "M")
			s.write(message)
		}),
			halibut.CodeProtocol, halibut.Unknown, halibut.PhaseSent, []string{"a response", "a request"}},
		{"half a response", identified(func(s *scripted) {
			document, _ := wire.AppendResponse(nil, result(s.t, "id", "x"))
			message := wire.AppendDeflated(nil, document)
			s.write(string(message[:len(message)/2]))
			_ = s.CloseWrite()
		}),
			halibut.CodeTransfer, halibut.Unknown, halibut.PhaseSent, []string{"may have run"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			to, connections := serveScripted(t, nil, test.script, answering)
			client := newRuntime(t, certificates()[0], nil)
			c := client.Client(to, halibut.Retries(0))
			err := c.Call(t.Context(), "IEchoService", "SayHello", nil, "x")
			e := asError(t, err)
			if e.Code != test.code || e.Outcome != test.outcome || e.Phase != test.phase || e.Remote {
				t.Errorf("%v, %v, %v, remote %v: %v", e.Code, e.Outcome, e.Phase, e.Remote, err)
			}
			if e.Endpoint != to.String() || e.Method != "IEchoService.SayHello" {
				t.Errorf("the error is of %s at %s", e.Method, e.Endpoint)
			}
			if halibut.SafeToRetry(err) != (test.outcome == halibut.NotSent) || halibut.CodeOf(err) != test.code {
				t.Errorf("SafeToRetry %v, CodeOf %v", halibut.SafeToRetry(err), halibut.CodeOf(err))
			}
			if !hasAll(err.Error(), test.texts) {
				t.Errorf("%q lacks one of %q", err, test.texts)
			}
			if got, err := halibut.Call[string](t.Context(), c, "IEchoService", "SayHello", "x"); err != nil || got != "SayHello" {
				t.Errorf("the next call: %q, %v", got, err)
			}
			if n := connections.value(); n != 2 {
				t.Errorf("%d connections, want 2", n)
			}
		})
	}
}

// TestResultThatDoesNotArrive: the method certainly ran once its response has
// begun to come.
func TestResultThatDoesNotArrive(t *testing.T) {
	to, _ := serveScripted(t, nil, func(s *scripted) {
		s.meet(true)
		s.write(asServer)
		request := s.request()
		response := result(s.t, request.ID, halibut.StreamBytes(make([]byte, 100)))
		s.respond(response)
		var frame strings.Builder
		if err := wire.WriteStreams(&frame, nil, response.Streams); err != nil {
			s.t.Error(err)
		}
		s.write(frame.String()[:60])
	})
	client := newRuntime(t, certificates()[0], nil)
	_, err := halibut.Call[*halibut.DataStream](t.Context(), client.Client(to), "IEchoService", "Get")
	e := asError(t, err)
	if e.Code != halibut.CodeStream || e.Outcome != halibut.Ran || e.Phase != halibut.PhaseReceiving || halibut.SafeToRetry(err) {
		t.Errorf("%v, %v, %v: %v", e.Code, e.Outcome, e.Phase, err)
	}
	if !hasAll(err.Error(), []string{"36 of 100 bytes", "the method has run"}) {
		t.Error(err)
	}
}

// TestGarbageForProceed: nothing of the second call was sent.
func TestGarbageForProceed(t *testing.T) {
	to, _ := serveScripted(t, nil, func(s *scripted) {
		s.meet(true)
		s.write(asServer)
		s.respond(result(s.t, s.request().ID, "first"))
		s.line(wire.Next)
		s.write("BEGIN\r\n")
		s.closed()
	})
	client := newRuntime(t, certificates()[0], nil)
	c := client.Client(to)
	if err := c.Call(t.Context(), "I", "First", nil); err != nil {
		t.Fatal(err)
	}
	err := c.Call(t.Context(), "I", "Second", nil)
	e := asError(t, err)
	if e.Code != halibut.CodeProtocol || e.Outcome != halibut.NotSent || !hasAll(err.Error(), []string{"PROCEED", "BEGIN"}) {
		t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
	}
}

func silent(s *scripted) { s.closed() }

// TestSilentServices: every wait of a client ends with a limit, which the
// error names.
func TestSilentServices(t *testing.T) {
	limits := halibut.Limits{Handshake: 3 * time.Second, Read: 5 * time.Second, Response: 7 * time.Second}
	for _, test := range []struct {
		name    string
		script  func(*scripted)
		options []halibut.ClientOption
		wait    time.Duration
		code    halibut.Code
		outcome halibut.Outcome
		text    string
	}{
		{"identity", silent, nil, limits.Handshake, halibut.CodeConnect, halibut.NotSent, "within 3s (Limits.Handshake)"},
		{"response", func(s *scripted) { s.meet(true); s.write(asServer); silent(s) },
			nil, limits.Response, halibut.CodeTransfer, halibut.Unknown, "nothing came for 7s while waiting for the response (Limits.Response)"},
		{"response with an option", func(s *scripted) { s.meet(true); s.write(asServer); silent(s) },
			[]halibut.ClientOption{halibut.ResponseWait(2 * time.Second)}, 2 * time.Second, halibut.CodeTransfer, halibut.Unknown, "nothing came for 2s while waiting for the response (ResponseWait)"},
		{"rest of the response", func(s *scripted) {
			s.meet(true)
			s.write(asServer)
			s.request()
			s.write("\x01")
			silent(s)
		}, nil, limits.Read, halibut.CodeTransfer, halibut.Unknown, "nothing came for 5s while waiting for the rest of the response (Limits.Read)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, network *memnet.Network) {
				to, _ := serveScripted(t, network, test.script)
				client := newRuntime(t, certificates()[0], &halibut.Options{Limits: limits, DialContext: network.DialContext})
				c := client.Client(to, append(test.options, halibut.Retries(0))...)
				start := time.Now()
				err := c.Call(t.Context(), "I", "M", nil)
				e := asError(t, err)
				if waited := time.Since(start); waited != test.wait {
					t.Errorf("gave up after %s, want %s", waited, test.wait)
				}
				if e.Code != test.code || e.Outcome != test.outcome || !strings.Contains(err.Error(), test.text) {
					t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
				}
			})
		})
	}
}

// TestDeadlineStandsForTheResponseLimit: in both directions of the difference.
func TestDeadlineStandsForTheResponseLimit(t *testing.T) {
	for _, wait := range []time.Duration{time.Second, time.Hour} {
		inBubble(t, func(t *testing.T, network *memnet.Network) {
			to, _ := serveScripted(t, network, func(s *scripted) { s.meet(true); s.write(asServer); silent(s) })
			client := newRuntime(t, certificates()[0], &halibut.Options{DialContext: network.DialContext})
			ctx, cancel := context.WithTimeout(t.Context(), wait)
			defer cancel()
			start := time.Now()
			err := client.Client(to).Call(ctx, "I", "M", nil)
			if e := asError(t, err); e.Code != halibut.CodeDeadline || e.Outcome != halibut.Unknown || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
			}
			if waited := time.Since(start); waited != wait {
				t.Errorf("gave up after %s, want %s", waited, wait)
			}
		})
	}
}

// TestPeerThatTakesNothing: a write ends with its limit.
func TestPeerThatTakesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		stop := make(chan struct{})
		to, _ := serveScripted(t, network, func(s *scripted) { s.meet(true); s.write(asServer); <-stop })
		client := newRuntime(t, certificates()[0], &halibut.Options{
			Limits: halibut.Limits{Write: 4 * time.Second}, DialContext: network.DialContext,
		})
		err := client.Client(to).Call(t.Context(), "I", "M", nil, halibut.StreamBytes(make([]byte, 1<<20)))
		close(stop)
		if e := asError(t, err); e.Outcome != halibut.Unknown || !hasAll(err.Error(), []string{"4s", "take what was written", "Limits.Write"}) {
			t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
		}
	})
}

// TestTriesAreCounted: what is certainly not sent is tried again, after the
// pause, and the error says how often and what came first.
func TestTriesAreCounted(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		to, connections := serveScripted(t, network,
			func(s *scripted) { s.meet(true); s.write("MX-SERV") }, silentlyClose)
		client := newRuntime(t, certificates()[0], &halibut.Options{
			Limits: halibut.Limits{ConnectTries: 3, ConnectPause: 2 * time.Second}, DialContext: network.DialContext,
		})
		start := time.Now()
		err := client.Client(to).Call(t.Context(), "I", "M", nil)
		e := asError(t, err)
		if e.Attempts != 3 || e.Elapsed != 4*time.Second || time.Since(start) != 4*time.Second || connections.value() != 3 {
			t.Errorf("%d tries in %s, %d connections: %v", e.Attempts, e.Elapsed, connections.value(), err)
		}
		if !strings.Contains(err.Error(), "(3 tries in 4s") {
			t.Error(err)
		}
	})
}

func silentlyClose(*scripted) {}

// TestConnectWindow: no try begins after it.
func TestConnectWindow(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		to, connections := serveScripted(t, network, silentlyClose)
		client := newRuntime(t, certificates()[0], &halibut.Options{
			Limits: halibut.Limits{ConnectTries: 100, ConnectWindow: 5 * time.Second}, DialContext: network.DialContext,
		})
		err := client.Client(to).Call(t.Context(), "I", "M", nil)
		if e := asError(t, err); e.Attempts != 6 || connections.value() != 6 || e.Outcome != halibut.NotSent {
			t.Errorf("%d tries, %d connections: %v", e.Attempts, connections.value(), err)
		}
	})
}

// TestRecoversWithinACall: a call gets through when the peer comes back.
func TestRecoversWithinACall(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		to, _ := serveScripted(t, network, silentlyClose, silentlyClose, answering)
		client := newRuntime(t, certificates()[0], &halibut.Options{DialContext: network.DialContext})
		if got, err := halibut.Call[string](t.Context(), client.Client(to), "I", "M"); err != nil || got != "M" {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// TestNobodyListens: refused connections and unknown hosts.
func TestNobodyListens(t *testing.T) {
	l := listen(t)
	addr := l.Addr().String()
	_ = l.Close()
	client := newRuntime(t, certificates()[0], nil)
	err := client.Client(endpoint(t, "https://"+addr, halibut.PinOf(certificates()[1])), halibut.Retries(0)).Call(t.Context(), "I", "M", nil)
	if e := asError(t, err); e.Code != halibut.CodeConnect || e.Outcome != halibut.NotSent || !strings.Contains(err.Error(), "refused") {
		t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
	}
	err = client.Client(endpoint(t, "wss://host/path", halibut.PinOf(certificates()[1]))).Call(t.Context(), "I", "M", nil)
	if e := asError(t, err); e.Code != halibut.CodeConnect || e.Outcome != halibut.NotSent {
		t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
	}
}

// TestSlowConnect: the limit of a connect is named.
func TestSlowConnect(t *testing.T) {
	inBubble(t, func(t *testing.T, network *memnet.Network) {
		to, _ := serveScripted(t, network, answering)
		client := newRuntime(t, certificates()[0], &halibut.Options{
			Limits: halibut.Limits{Connect: 3 * time.Second, ConnectTries: 1},
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			},
		})
		err := client.Client(to).Call(t.Context(), "I", "M", nil)
		if e := asError(t, err); e.Code != halibut.CodeConnect || e.Outcome != halibut.NotSent || !strings.Contains(err.Error(), "within 3s (Limits.Connect)") {
			t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
		}
	})
}

// TestCancelWhileItIsTried: each place where a call may be when its context
// ends.
func TestCancelWhileItIsTried(t *testing.T) {
	at := make(chan string)
	for _, test := range []struct {
		name    string
		script  func(*scripted)
		outcome halibut.Outcome
	}{
		{"handshake done, no identity", func(s *scripted) { s.meet(true); at <- ""; silent(s) }, halibut.NotSent},
		{"between two tries", func(s *scripted) { s.Close(); at <- "" }, halibut.NotSent},
		{"sent", func(s *scripted) { s.meet(true); s.write(asServer); s.request(); at <- ""; silent(s) }, halibut.Unknown},
		{"response begun", func(s *scripted) {
			s.meet(true)
			s.write(asServer)
			response := result(s.t, s.request().ID, halibut.StreamBytes(make([]byte, 100)))
			s.respond(response)
			s.write("1234")
			at <- ""
			silent(s)
		}, halibut.Ran},
	} {
		t.Run(test.name, func(t *testing.T) {
			to, _ := serveScripted(t, nil, test.script)
			client := newRuntime(t, certificates()[0], &halibut.Options{Limits: halibut.Limits{ConnectPause: time.Hour, ConnectWindow: 10 * time.Hour}})
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-at; cancel() }()
			err := client.Client(to).Call(ctx, "I", "M", nil)
			e := asError(t, err)
			if e.Code != halibut.CodeCanceled || !errors.Is(err, context.Canceled) || !errors.Is(err, &halibut.Error{Code: halibut.CodeCanceled}) {
				t.Errorf("%v: %v", e.Code, err)
			}
			if e.Outcome != test.outcome && !(test.outcome == halibut.Ran && e.Outcome == halibut.Unknown) {
				t.Errorf("%v: %v", e.Outcome, err)
			}
		})
	}
	t.Run("before it begins", func(t *testing.T) {
		to, connections := serveScripted(t, nil, answering)
		client := newRuntime(t, certificates()[0], nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := client.Client(to).Call(ctx, "I", "M", nil)
		if e := asError(t, err); e.Code != halibut.CodeCanceled || e.Outcome != halibut.NotSent || connections.value() != 0 {
			t.Errorf("%v, %v: %v", e.Code, e.Outcome, err)
		}
	})
}
