package halibut_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/halibut-go/halibut"
)

// adder is a service with a state that must not be shared.
type adder interface {
	Add(ctx context.Context, n int) (int, error)
	Explode(ctx context.Context) error
}

type ownAdder struct{ sum int }

func (c *ownAdder) Add(_ context.Context, n int) (int, error) {
	c.sum += n
	return c.sum, nil
}

func (*ownAdder) Explode(context.Context) error { panic("boom") }

// TestFactory: each call has an instance of its own, which is released once,
// whatever becomes of the call.
func TestFactory(t *testing.T) {
	var opened, released atomic.Int32
	s := new(halibut.Services)
	halibut.RegisterFactory[adder](s, "IAdder", func(ctx context.Context) (adder, func(), error) {
		if peer, ok := halibut.PeerFromContext(ctx); !ok || !peer.Is(halibut.PinOf(certificates()[0])) {
			t.Errorf("the factory is not told who calls: %v", peer)
		}
		opened.Add(1)
		return new(ownAdder), func() { released.Add(1) }, nil
	})
	eachMode(t, s, func(t *testing.T, p pair) {
		opened.Store(0)
		released.Store(0)
		c := p.client.Client(p.to)
		for range 3 {
			if sum, err := halibut.Call[int](t.Context(), c, "iadder", "add", 2); err != nil || sum != 2 {
				t.Errorf("%d, %v: want 2 of an instance of its own", sum, err)
			}
		}
		if err := c.Call(t.Context(), "IAdder", "Explode", nil); halibut.CodeOf(err) != halibut.CodeServiceFailed {
			t.Error(err)
		}
		if err := c.Call(t.Context(), "IAdder", "Add", nil, "no number"); err == nil {
			t.Error("a text was added")
		}
		if opened.Load() != 4 || released.Load() != 4 {
			t.Errorf("%d opened, %d released: want 4 of both, none for a call that does not fit", opened.Load(), released.Load())
		}
	})
}

// TestFactoryFails: what the factory says is the answer, and only what it has
// made is released.
func TestFactoryFails(t *testing.T) {
	var released atomic.Int32
	release := func() { released.Add(1) }
	for name, test := range map[string]struct {
		open     func(context.Context) (adder, func(), error)
		want     string
		released int32
	}{
		"error": {func(context.Context) (adder, func(), error) { return nil, release, errors.New("no licence left") }, "no licence left", 0},
		"nil":   {func(context.Context) (adder, func(), error) { return nil, release, nil }, "its factory returned nil", 1},
		"panic": {func(context.Context) (adder, func(), error) { panic("boom") }, "failed unexpectedly", 0},
	} {
		t.Run(name, func(t *testing.T) {
			released.Store(0)
			s := new(halibut.Services)
			halibut.RegisterFactory[adder](s, "IAdder", test.open)
			p := newListening(t, s, halibut.Limits{})
			err := p.client.Client(p.to).Call(t.Context(), "IAdder", "Add", nil, 1)
			if e := asError(t, err); e.Code != halibut.CodeServiceFailed || !strings.Contains(e.Message, test.want) {
				t.Errorf("%v: %v", e.Code, err)
			}
			if released.Load() != test.released {
				t.Errorf("released %d times, want %d", released.Load(), test.released)
			}
		})
	}
}

func TestFactoryRefused(t *testing.T) {
	open := func(context.Context) (adder, func(), error) { return new(ownAdder), nil, nil }
	for want, register := range map[string]func(){
		"needs an interface": func() {
			halibut.RegisterFactory[ownAdder](new(halibut.Services), "I", func(context.Context) (ownAdder, func(), error) { return ownAdder{}, nil, nil })
		},
		"nil function": func() { halibut.RegisterFactory[adder](new(halibut.Services), "I", nil) },
		"registered already": func() {
			s := new(halibut.Services)
			halibut.RegisterFactory[adder](s, "I", open)
			halibut.RegisterFactory[adder](s, "i", open)
		},
		"does not take a context.Context first": func() {
			halibut.RegisterFactory[interface{ M() error }](new(halibut.Services), "I", func(context.Context) (interface{ M() error }, func(), error) { return nil, nil, nil })
		},
	} {
		func() {
			defer func() {
				if err, _ := recover().(error); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v, want %q", err, want)
				}
			}()
			register()
		}()
	}
}
