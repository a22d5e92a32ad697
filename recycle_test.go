package halibut_test

import (
	"context"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/queue"
)

// TestIdleConnectionHoldsNoResult: neither the document of the last response nor
// a stream of it that nobody has closed.
func TestIdleConnectionHoldsNoResult(t *testing.T) {
	services := echoServices()
	services.Handle("IBig", "Bytes", func(context.Context) ([]byte, error) { return make([]byte, 32<<20), nil })
	services.Handle("IBig", "Stream", func(context.Context) (*halibut.DataStream, error) {
		return halibut.StreamBytes(make([]byte, 1<<20)), nil
	})
	for _, mode := range everyModes {
		t.Run(mode, func(t *testing.T) {
			dir := t.TempDir()
			p := setting{
				services: services, limits: halibut.Limits{StreamMemory: 3}, client: halibut.Options{TempDir: dir},
				service: halibut.Options{TempDir: t.TempDir()},
			}.pair(t, mode)
			c := p.client.Client(p.to)
			hello(t, p)
			before := heapInUse()
			if b, err := halibut.Call[[]byte](t.Context(), c, "IBig", "Bytes"); err != nil || len(b) != 32<<20 {
				t.Fatal(len(b), err)
			}
			eventually(t, "the result is let go of", func() bool { return heapInUse() < before+16<<20 })
			if _, err := halibut.Call[*halibut.DataStream](t.Context(), c, "IBig", "Stream"); err != nil {
				t.Fatal(err)
			}
			if runtime.GOOS == "linux" {
				eventually(t, "the stream's file is let go of", func() bool { runtime.GC(); return openFilesBelow(dir) == 0 })
			}
		})
	}
}

func openFilesBelow(dir string) (n int) {
	open, _ := os.ReadDir("/proc/self/fd")
	for _, fd := range open {
		if name, _ := os.Readlink("/proc/self/fd/" + fd.Name()); strings.HasPrefix(name, dir) {
			n++
		}
	}
	return n
}

// abandonedTry makes a try that ends when its request was collected.
func abandonedTry(t *testing.T, ctx context.Context, shared *queue.Memory, next func(context.Context) error) queue.Delivery {
	t.Helper()
	try, cancel := context.WithCancel(ctx)
	collected := make(chan queue.Delivery, 1)
	go func() { collected <- collect(t, shared); cancel() }()
	if err := next(try); err == nil {
		t.Error("the first try was answered")
	}
	return <-collected
}

// TestRequestOfAnAbandonedTry stays as it is while a collector may read it,
// though the call is made again.
func TestRequestOfAnAbandonedTry(t *testing.T) {
	shared := queue.NewMemory(nil)
	defer shared.Close()
	again := func(ctx context.Context, _ *halibut.CallInfo, next func(context.Context) error) error {
		first := abandonedTry(t, ctx, shared, next)
		id, params := first.Request().ID, string(first.Request().Params.Data)
		go func() {
			second := collect(t, shared)
			if second.Request() == first.Request() || second.Request().ID == id {
				t.Error("the second try has the request of the first")
			}
			second.Fail(os.ErrClosed)
		}()
		_ = next(ctx)
		if first.Request().ID != id || string(first.Request().Params.Data) != params {
			t.Error("the request of the first try has changed")
		}
		return nil
	}
	client := setting{client: halibut.Options{Queues: shared, Intercept: []halibut.Interceptor{again}}}.newClient(t)
	_ = client.Client(endpoint(t, subscription)).Call(t.Context(), "I", "M", nil, strings.Repeat("a", 40))
}

func collect(t *testing.T, shared *queue.Memory) queue.Delivery {
	t.Helper()
	q, err := shared.Queue("poll://sq-test/")
	if err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	d, err := q.Next(ctx, queue.Peer{})
	if err != nil || !d.Started() {
		t.Error(err)
	}
	return d
}
