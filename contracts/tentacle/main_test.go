package tentacle_test

import (
	"context"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/contracts/tentacle/tentacletest"
	"github.com/halibut-go/halibut/halibuttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// generation is what a Tentacle of some time or kind offers.
type generation struct {
	name     string
	register func(*tentacletest.Tentacle, *halibut.Services)
	service  string // that runs the scripts
}

func generations() []generation {
	return []generation{
		{"oldest", (*tentacletest.Tentacle).RegisterOldest, "IScriptService"},
		{"today", (*tentacletest.Tentacle).Register, "IScriptServiceV2"},
		{"kubernetes", (*tentacletest.Tentacle).RegisterKubernetes, "IKubernetesScriptServiceV1"},
	}
}

// calls stands between a client and its Tentacle: it notes the calls, and may
// fail some.
type calls struct {
	halibut.Caller
	// before may answer in place of the Tentacle: nil lets the call through.
	before func(service, method string) error
	// after may answer in place of what the Tentacle said.
	after func(service, method string, err error) error

	mu   sync.Mutex
	made []string
}

func (c *calls) Call(ctx context.Context, service, method string, result any, args ...any) error {
	c.mu.Lock()
	c.made = append(c.made, service+"."+method)
	c.mu.Unlock()
	if c.before != nil {
		if err := c.before(service, method); err != nil {
			return err
		}
	}
	err := c.Caller.Call(ctx, service, method, result, args...)
	if c.after != nil {
		err = c.after(service, method, err)
	}
	return err
}

// count is how often a method was called.
func (c *calls) count(method string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, made := range c.made {
		if made == method {
			n++
		}
	}
	return n
}

// connected plays a Tentacle and returns what calls it.
func connected(t *testing.T, d halibuttest.Direction, g generation, run func(context.Context, *tentacletest.Script) int) (*tentacletest.Tentacle, *calls) {
	t.Helper()
	played := &tentacletest.Tentacle{Run: run}
	t.Cleanup(played.Close)
	var services halibut.Services
	g.register(played, &services)
	pair := halibuttest.NewPair(t, d, &services, nil)
	return played, &calls{Caller: pair.Client}
}

// eachKind runs a test with each kind of Tentacle in each direction, in a
// bubble: waits take no time.
func eachKind(t *testing.T, test func(t *testing.T, d halibuttest.Direction, g generation)) {
	for _, g := range generations() {
		for _, d := range halibuttest.Directions() {
			t.Run(g.name+"/"+d.String(), func(t *testing.T) { bubble(t, func(t *testing.T) { test(t, d, g) }) })
		}
	}
}
