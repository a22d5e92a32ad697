package halibuttest_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/halibuttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func services() *halibut.Services {
	s := &halibut.Services{}
	s.Handle("IEchoService", "Echo", func(_ context.Context, text string) (string, error) { return text, nil })
	s.Handle("IEchoService", "Fail", func(context.Context) error { return errors.New("no such luck") })
	s.Handle("IEchoService", "Reverse", func(_ context.Context, content *halibut.DataStream) (*halibut.DataStream, error) {
		b, err := content.Bytes(1 << 20)
		for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
		return halibut.StreamBytes(b), err
	})
	s.Handle("IEchoService", "Caller", func(ctx context.Context) (string, error) {
		peer, _ := halibut.PeerFromContext(ctx)
		return peer.Thumbprint.String() + " " + peer.Subscription, nil
	})
	return s
}

func eachDirection(t *testing.T, test func(t *testing.T, d halibuttest.Direction)) {
	for _, d := range halibuttest.Directions() {
		t.Run(d.String(), func(t *testing.T) { test(t, d) })
	}
}

func TestCalls(t *testing.T) {
	eachDirection(t, func(t *testing.T, d halibuttest.Direction) {
		p := halibuttest.NewPair(t, d, services(), nil)
		for _, text := range []string{"", "one", strings.Repeat("long ", 100_000)} {
			got, err := halibut.Call[string](t.Context(), p.Client, "IEchoService", "Echo", text)
			if err != nil || got != text {
				t.Errorf("got %.20q, %v, want %.20q", got, err, text)
			}
		}
		err := p.Client.Call(t.Context(), "IEchoService", "Fail", nil)
		if halibut.CodeOf(err) != halibut.CodeServiceFailed || !strings.Contains(err.Error(), "no such luck") {
			t.Errorf("got %v, want the service's error", err)
		}
		caller, err := halibut.Call[string](t.Context(), p.Client, "IEchoService", "Caller")
		want := halibut.PinOf(halibuttest.Certificate("client")).String() + " "
		if d == halibuttest.Polling {
			want += halibuttest.Subscription + "/"
		}
		if err != nil || caller != want {
			t.Errorf("the service was called by %q, %v, want %q", caller, err, want)
		}
	})
}

func TestStreams(t *testing.T) {
	eachDirection(t, func(t *testing.T, d halibuttest.Direction) {
		p := halibuttest.NewPair(t, d, services(), nil)
		sent := bytes.Repeat([]byte("0123456789"), 50_000)
		received, err := halibut.Call[*halibut.DataStream](t.Context(), p.Client, "IEchoService", "Reverse", halibut.StreamOf(bytes.NewReader(sent), int64(len(sent))))
		if err != nil {
			t.Fatal(err)
		}
		defer received.Close()
		r, err := received.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, bytes.Repeat([]byte("9876543210"), 50_000)) {
			t.Errorf("received %d bytes that are not the reverse of the %d sent, %v", len(got), len(sent), err)
		}
	})
}

// TestTime waits for hours in no time.
func TestTime(t *testing.T) {
	eachDirection(t, func(t *testing.T, d halibuttest.Direction) {
		bubble(t, func(t *testing.T) {
			s := services()
			s.Handle("IEchoService", "Sleep", func(_ context.Context, seconds int64) error {
				time.Sleep(time.Duration(seconds) * time.Second)
				return nil
			})
			p := halibuttest.NewPair(t, d, s, &halibuttest.Options{Client: halibut.Options{Limits: halibut.Limits{Response: 3 * time.Hour}}})
			begun := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour)
			defer cancel()
			if err := p.Client.Call(ctx, "IEchoService", "Sleep", nil, 2*60*60); err != nil {
				t.Error(err)
			}
			if took := time.Since(begun); took != 2*time.Hour {
				t.Errorf("took %v, want 2h", took)
			}
		})
	})
}

// TestRefused holds that trust is real: who is not admitted calls nothing.
func TestRefused(t *testing.T) {
	refuse := halibut.AuthorizerFunc(func(_ context.Context, p halibut.Peer) error { return errors.New("not today") })
	p := halibuttest.NewPair(t, halibuttest.Listening, services(), &halibuttest.Options{
		Client:  halibut.Options{Limits: halibut.Limits{ConnectTries: 1}},
		Service: halibut.Options{Authorizer: refuse},
	})
	_, err := halibut.Call[string](t.Context(), p.Client, "IEchoService", "Echo", "x")
	if halibut.CodeOf(err) != halibut.CodeUntrusted || !halibut.SafeToRetry(err) {
		t.Errorf("got %v, want an error that says that the call was not let in", err)
	}
}

func TestClose(t *testing.T) {
	eachDirection(t, func(t *testing.T, d halibuttest.Direction) {
		p, err := halibuttest.Connect(d, services(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
		_, err = halibut.Call[string](t.Context(), p.Client, "IEchoService", "Echo", "x")
		if !errors.Is(err, halibut.ErrClosed) {
			t.Errorf("a call after Close: %v, want ErrClosed", err)
		}
	})
}

func TestConnectRefuses(t *testing.T) {
	if _, err := halibuttest.Connect(halibuttest.Direction(7), services(), nil); err == nil || !strings.Contains(err.Error(), "Direction(7)") {
		t.Errorf("got %v, want an error that names the direction", err)
	}
}

func TestCertificate(t *testing.T) {
	made := make(chan tls.Certificate)
	for range 8 {
		go func() { made <- halibuttest.Certificate("one") }()
	}
	first := halibut.PinOf(<-made)
	for range 7 {
		if pin := halibut.PinOf(<-made); pin != first {
			t.Errorf("the same name gave %s and %s", first, pin)
		}
	}
	other := halibuttest.Certificate("other")
	if halibut.PinOf(other) == first {
		t.Error("two names gave one certificate")
	}
	if cn := other.Leaf.Subject.CommonName; cn != "other" {
		t.Errorf("the subject is %q", cn)
	}
}
