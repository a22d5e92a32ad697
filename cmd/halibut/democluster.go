package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/redisqueue"
)

// demoCluster is three nodes that meet in Redis, and an agent.
type demoCluster struct {
	*demo
	redis    redisFlags
	nodes    []*demoNode // node 1, node 2 and the worker
	agent    *halibut.Runtime
	polling  sync.WaitGroup
	caller   *halibut.Runtime // node 3
	provider *redisqueue.Provider
}

// What the demo does while a node is killed.
const (
	clusterCalls   = 300
	clusterCallers = 6
	killAfter      = 100
	lostAfter      = 2 * time.Second // how long a caller waits for an answer
	slowCall       = 5 * time.Millisecond
)

// runCluster shows calls between nodes that share their queues.
func (d *demo) runCluster(ctx context.Context, redis redisFlags) (err error) {
	begun := time.Now()
	c := &demoCluster{demo: d, redis: redis}
	defer c.close()
	for _, step := range []func(context.Context) error{c.start, c.connectAgent, c.join, c.callAgent, c.callQueue, c.killNode} {
		if err := errors.Join(step(ctx), d.out.err); err != nil {
			return err
		}
	}
	d.out.printf("%s\n", d.out.paint(bold, d.out.paint(green, "\nAll of it held, in "+duration(time.Since(begun))+".")))
	return nil
}

// start makes identities and a key, and starts the nodes that are programs of
// their own.
func (c *demoCluster) start(ctx context.Context) error {
	if c.redis.prefix == "" {
		c.redis.prefix = "halibut-demo-" + rand.Text()[:8]
	}
	if c.redis.keyFile == "" {
		key := make([]byte, redisqueue.SealingKeySize)
		_, _ = rand.Read(key) // never fails
		c.redis.keyFile = filepath.Join(c.folder, "key")
		if err := os.WriteFile(c.redis.keyFile, []byte(hex.EncodeToString(key)), 0o600); err != nil {
			return err
		}
	}
	var err error
	if c.service, err = newIdentity("agent"); err != nil {
		return err
	}
	hold := []string{"--listen", "127.0.0.1:0", "--hold", subscription + "=" + c.service.pin.String()}
	for _, n := range []struct {
		name string
		args []string
	}{{"node 1", hold}, {"node 2", hold}, {"the worker", []string{"--queue", "demo"}}} {
		if err := c.startNode(ctx, n.name, n.args); err != nil {
			return err
		}
	}
	c.out.printf("Nodes 1 and 2 listen for the agent %s, a worker serves queue://demo,\n", subscription)
	c.out.printf("and node 3, which calls, is this program. They know each other by Redis alone.\n\n")
	return nil
}

func (c *demoCluster) startNode(ctx context.Context, name string, args []string) error {
	id, err := newIdentity(name)
	if err != nil {
		return err
	}
	file := filepath.Join(c.folder, fmt.Sprintf("identity-%d", len(c.nodes)))
	if err := halibut.WriteCertificate(id.cert, file+".crt", file+".key"); err != nil {
		return err
	}
	args = append([]string{"--identity", file, "--redis", c.redis.url, "--redis-prefix", c.redis.prefix, "--redis-key", c.redis.keyFile}, args...)
	if c.redis.replicas {
		args = append(args, "--redis-replicas")
	}
	limited, cancel := context.WithTimeout(ctx, 2*connectTime)
	defer cancel()
	n, err := startNode(limited, name, args...)
	if err != nil {
		return err
	}
	n.pin = id.pin
	c.nodes = append(c.nodes, n)
	return nil
}

// connectAgent has the agent poll both nodes that listen.
func (c *demoCluster) connectAgent(context.Context) (err error) {
	services := &halibut.Services{}
	services.Handle(contract, "SayHello", func(ctx context.Context, name string) (string, error) {
		select {
		case <-time.After(slowCall): // so that some calls are under way when the node is killed
		case <-ctx.Done():
		}
		return "Hello, " + name + "!", ctx.Err()
	})
	if c.agent, err = halibut.New(c.service.cert, c.options("agent", &halibut.Options{Services: services})); err != nil {
		return err
	}
	for _, n := range c.nodes {
		if n.url == "" {
			continue
		}
		to, err := halibut.ParseEndpoint(n.url, n.pin.String())
		if err != nil {
			return err
		}
		c.polling.Go(func() { _ = c.agent.Poll(context.Background(), subscription, to) }) // until it is closed
	}
	return nil
}

// join makes this program a node.
func (c *demoCluster) join(ctx context.Context) error {
	provider, err := c.redis.open(ctx, c.log)
	if err != nil {
		return err
	}
	if c.client, err = newIdentity("node 3"); err != nil {
		return errors.Join(err, provider.Close())
	}
	if c.caller, err = halibut.New(c.client.cert, c.options("node 3", &halibut.Options{Queues: provider})); err != nil {
		return errors.Join(err, provider.Close())
	}
	c.provider = provider
	return nil
}

func (c *demoCluster) endpoint(url string, pins ...string) *halibut.Client {
	to, _ := halibut.ParseEndpoint(url, pins...) // both are the demo's own, and good
	return c.caller.Client(to)
}

// callAgent calls the agent, whose connections other nodes have.
func (c *demoCluster) callAgent(ctx context.Context) error {
	client := c.endpoint(subscription, c.service.pin.String())
	for range 3 {
		begun := time.Now()
		got, err := halibut.Call[string](ctx, client, contract, "SayHello", "Go")
		if err != nil {
			return err
		}
		c.ok(fmt.Sprintf("SayHello(\"Go\") at %s = %q, through node 1 or 2", subscription, got), time.Since(begun))
	}
	return c.awaitSubscribers(ctx)
}

// awaitSubscribers shows what node 3 knows of the others.
func (c *demoCluster) awaitSubscribers(ctx context.Context) error {
	limit := time.After(lostAfter * 5)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		found := c.caller.Subscribers()
		if len(found) == 2 {
			for _, s := range found {
				c.out.printf("     node %.8s… has %d connection of %s, certificate %.12s…\n", s.Node, s.Connections, s.Subscription, s.Peer.Thumbprint)
			}
			return nil
		}
		select {
		case <-tick.C:
		case <-limit:
			return fmt.Errorf("node 3 knows of %d nodes that have the agent, not 2", len(found))
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// callQueue calls whoever serves the queue.
func (c *demoCluster) callQueue(ctx context.Context) error {
	begun := time.Now()
	sum, err := halibut.Call[int64](ctx, c.endpoint("queue://demo"), calculatorContract, "Add", 40, 2)
	if err != nil {
		return err
	}
	if sum != 42 {
		return fmt.Errorf("40 + 2 = %d", sum)
	}
	c.ok("Add(40, 2) at queue://demo = 42, by the worker, without a connection", time.Since(begun))
	return nil
}

// killNode kills a node while calls go through it. Who calls cannot tell
// whether the agent has run what was under way there: SayHello does no harm
// when it runs again, so it is called again.
func (c *demoCluster) killNode(ctx context.Context) error {
	victim := c.nodes[0]
	client := c.endpoint(subscription, c.service.pin.String())
	var answered, lost atomic.Int64
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	begun := time.Now()
	var callers sync.WaitGroup
	for range clusterCallers {
		callers.Go(func() {
			for range clusterCalls / clusterCallers {
				if err := c.callUntilAnswered(ctx, client, &lost); err != nil {
					cancel(err)
					return
				}
				if answered.Add(1) == killAfter {
					victim.kill()
				}
			}
		})
	}
	callers.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	c.ok(fmt.Sprintf("%s killed after %d calls of %d, and all are answered", victim.name, killAfter, answered.Load()), time.Since(begun))
	c.out.printf("     called again after %s and then answered through node 2: %d\n", lostAfter, lost.Load())
	if got, err := halibut.Call[string](ctx, client, contract, "SayHello", "again"); err != nil || got != "Hello, again!" {
		return fmt.Errorf("after the node's end: %q, %w", got, err)
	}
	return nil
}

func (c *demoCluster) callUntilAnswered(ctx context.Context, client *halibut.Client, lost *atomic.Int64) error {
	for {
		limited, cancel := context.WithTimeout(ctx, lostAfter)
		_, err := halibut.Call[string](limited, client, contract, "SayHello", "Go")
		cancel()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case halibut.CodeOf(err) != halibut.CodeDeadline && halibut.CodeOf(err) != halibut.CodeTransfer:
			return err
		}
		lost.Add(1)
	}
}

func (c *demoCluster) ok(what string, took time.Duration) {
	c.out.printf("  %s %-70s %s\n", c.out.paint(green, "ok"), what, duration(took))
}

func (c *demoCluster) close() {
	for _, rt := range []*halibut.Runtime{c.caller, c.agent} {
		if rt != nil {
			_ = rt.Close()
		}
	}
	c.polling.Wait()
	if c.provider != nil {
		_ = c.provider.Close()
	}
	for _, n := range c.nodes {
		n.stop()
	}
}
