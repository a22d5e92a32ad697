package dial_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halibut-go/halibut/internal/dial"
)

func TestTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := dial.TCP(t.Context(), l.Addr().String(), time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := conn.RemoteAddr().String(); got != l.Addr().String() {
		t.Errorf("connected to %s", got)
	}
}

// TestTCPWithinItsLimit, whichever ends first: the limit or the context.
func TestTCPWithinItsLimit(t *testing.T) {
	never := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for _, test := range []struct{ limit, deadline, want time.Duration }{
		{3 * time.Second, time.Hour, 3 * time.Second},
		{time.Hour, 4 * time.Second, 4 * time.Second},
		{0, 5 * time.Second, 5 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), test.deadline)
			defer cancel()
			start := time.Now()
			_, err := dial.TCP(ctx, "h:1", test.limit, never)
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != test.want {
				t.Errorf("%v after %s, want %s", err, time.Since(start), test.want)
			}
		})
	}
}
