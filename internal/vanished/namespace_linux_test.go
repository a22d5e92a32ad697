package vanished

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// namespace is a network of its own. It is that of one thread, which the
// goroutine of work has for itself; sockets that are made there stay there,
// whoever uses them.
type namespace struct {
	thread int
	work   chan func()
}

// newNamespace makes a network without a single address. It ends with the
// test, once the sockets in it are closed.
func newNamespace(t *testing.T) *namespace {
	n := &namespace{work: make(chan func())}
	made := make(chan error)
	go func() {
		// The thread is not given back, and ends with the goroutine.
		runtime.LockOSThread()
		n.thread = syscall.Gettid()
		made <- syscall.Unshare(syscall.CLONE_NEWNET)
		for f := range n.work {
			f()
		}
	}()
	if err := <-made; err != nil {
		close(n.work)
		unavailable(t, fmt.Sprintf("network namespaces are not allowed here: unshare: %v", err))
	}
	t.Cleanup(func() { close(n.work) })
	return n
}

// unavailable skips the test, or fails it where it is required.
func unavailable(t *testing.T, why string) {
	t.Helper()
	if strings.Contains(os.Getenv("HALIBUT_REQUIRE"), "netns") {
		t.Fatal(why)
	}
	t.Skip(why)
}

// within runs f in the namespace's thread.
func (n *namespace) within(f func() error) error {
	done := make(chan error)
	n.work <- func() { done <- f() }
	return <-done
}

// ip runs iproute2's ip with these words.
func (n *namespace) ip(t *testing.T, words string) {
	t.Helper()
	err := n.within(func() error {
		out, err := exec.Command("ip", strings.Fields(words)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("ip %s: %w: %s", words, err, out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (n *namespace) listen(t *testing.T, host string) net.Listener {
	t.Helper()
	var l net.Listener
	err := n.within(func() (err error) {
		l, err = net.Listen("tcp4", host+":0")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// countryside is two networks and the only road between them.
type countryside struct{ near, road, far *namespace }

func newCountryside(t *testing.T) *countryside {
	if _, err := exec.LookPath("ip"); err != nil {
		unavailable(t, "the command ip is missing: apt-get install iproute2")
	}
	c := &countryside{newNamespace(t), newNamespace(t), newNamespace(t)}
	for i, end := range []*namespace{c.near, c.far} {
		c.road.ip(t, fmt.Sprintf("link add to%d type veth peer name eth0 netns %d", i, end.thread))
		c.road.ip(t, fmt.Sprintf("address add 10.98.%d.254/24 dev to%d", i, i))
		c.road.ip(t, fmt.Sprintf("link set to%d up", i))
		end.ip(t, "link set lo up")
		end.ip(t, "link set eth0 up")
		end.ip(t, fmt.Sprintf("address add 10.98.%d.1/24 dev eth0", i))
		end.ip(t, fmt.Sprintf("route add default via 10.98.%d.254", i))
	}
	if err := c.road.within(func() error {
		return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0)
	}); err != nil {
		unavailable(t, "a namespace cannot be made a router: "+err.Error())
	}
	return c
}

// place is one address on either side, of which nothing is left once it has
// vanished.
type place struct {
	*countryside
	nearHost, farHost string
}

// place gives both sides a further address each.
func (c *countryside) place(t *testing.T, number int) *place {
	t.Helper()
	p := &place{c, fmt.Sprintf("10.98.0.%d", number), fmt.Sprintf("10.98.1.%d", number)}
	c.near.ip(t, "address add "+p.nearHost+"/24 dev eth0")
	c.far.ip(t, "address add "+p.farHost+"/24 dev eth0")
	return p
}

// vanish has the router drop every packet to either address from now on. The
// sender is told nothing.
func (p *place) vanish(t *testing.T) {
	t.Helper()
	p.road.ip(t, "route replace blackhole "+p.nearHost+"/32")
	p.road.ip(t, "route replace blackhole "+p.farHost+"/32")
}
