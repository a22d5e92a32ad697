package soak

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/halibuttest"
)

var agents = flag.Int("agents", 1000, "how many services poll in TestAgents")

// The child process that holds the agents is this test's own binary.
const (
	agentsVariable   = "HALIBUT_SOAK_AGENTS"   // how many
	endpointVariable = "HALIBUT_SOAK_ENDPOINT" // where they poll, with the pin after a space
)

// residentGoal is what an idle polling connection is to hold resident on either
// side: crypto/tls holds 10 KiB of it, and a goroutine that has once read a
// message keeps a stack of 4 or 8. It was 23 KiB at the client and 24.7 at the
// agents. residentLimit keeps it from growing, with room for what varies from
// machine to machine.
const (
	residentGoal  = 25 << 10
	residentLimit = 27 << 10
)

// runAgents is the child process: it has agents poll until its standard input
// ends, and answers each line there with how much memory it has resident.
func runAgents() int {
	n, err := strconv.Atoi(os.Getenv(agentsVariable))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	rawURL, pin, _ := strings.Cut(os.Getenv(endpointVariable), " ")
	to, err := halibut.ParseEndpoint(rawURL, pin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	cert, err := halibut.GenerateCertificate("agents", &halibut.CertificateOptions{ECDSA: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	rt, err := halibut.New(cert, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(halibut.PinOf(cert))
	var polling sync.WaitGroup
	begun := false
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if in.Text() == "poll" && !begun {
			begun = true
			for i := range n {
				polling.Go(func() { _ = rt.Poll(context.Background(), agentName(i), to) })
			}
		}
		fmt.Println(resident())
	}
	_ = rt.Close()
	polling.Wait()
	return 0
}

func agentName(i int) string { return "poll://agent-" + strconv.Itoa(i) }

// resident is how much memory this process has resident, in bytes, as it has
// after it was idle for a while: each collection halves the stacks that are too
// large for what their goroutines do now, and the rest is given back.
func resident() int64 {
	for range 4 {
		debug.FreeOSMemory()
	}
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, pages int64
	_, _ = fmt.Sscan(string(statm), &size, &pages)
	return pages * int64(os.Getpagesize())
}

// child is the process of the agents, from outside.
type child struct {
	pin halibut.Pin
	in  io.WriteCloser
	out *bufio.Scanner
}

func startChild(t *testing.T, to string, pin halibut.Pin, n int) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", agentsVariable, n), endpointVariable+"="+to+" "+pin.String())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the agents' process: %v", err)
		}
	})
	c := &child{in: in, out: bufio.NewScanner(out)}
	if !c.out.Scan() {
		t.Fatal("the agents' process said nothing")
	}
	if c.pin, err = halibut.ParsePin(c.out.Text()); err != nil {
		t.Fatal(err)
	}
	return c
}

// say gives the child a word and returns how much memory it has resident.
func (c *child) say(t *testing.T, word string) int64 {
	t.Helper()
	if _, err := io.WriteString(c.in, word+"\n"); err != nil {
		t.Fatal(err)
	}
	if !c.out.Scan() {
		t.Fatal("the agents' process has ended")
	}
	n, err := strconv.ParseInt(c.out.Text(), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// polled is a client that agents poll.
type polled struct {
	rt    *halibut.Runtime
	ended chan error
}

func startPolled(t *testing.T, l net.Listener, trust *halibut.TrustList) *polled {
	t.Helper()
	rt, err := halibut.New(halibuttest.Certificate("client"), &halibut.Options{Authorizer: trust, Limits: halibut.Limits{PeerSubscriptions: -1}}) // they share a certificate
	if err != nil {
		t.Fatal(err)
	}
	p := &polled{rt: rt, ended: make(chan error, 1)}
	go func() { p.ended <- rt.Serve(context.Background(), l) }()
	return p
}

func (p *polled) stop(t *testing.T) {
	t.Helper()
	_ = p.rt.Close()
	if err := <-p.ended; !errors.Is(err, halibut.ErrClosed) {
		t.Errorf("Serve: %v", err)
	}
}

// await waits until n agents poll, and returns how long that took.
func (p *polled) await(t *testing.T, n int, limit time.Duration) time.Duration {
	t.Helper()
	begun := time.Now()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		there := len(p.rt.Subscribers())
		took := time.Since(begun)
		if there == n {
			return took
		}
		if took > limit {
			t.Fatalf("%d of %d agents were there after %s", there, n, limit)
		}
	}
}

// descriptorsFor skips the test where a process may not have so many
// connections.
func descriptorsFor(t *testing.T, connections int) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if need := uint64(connections) + 100; limit.Cur < need {
		t.Skipf("%d descriptors are needed and %d allowed: ulimit -n %d", need, limit.Cur, need)
	}
}

// TestAgents has services poll from a process of their own, idle, measures what
// each connection holds, and takes their client away: all come back by
// themselves, within a minute, to its successor.
func TestAgents(t *testing.T) {
	if testing.Short() {
		t.Skip("agents wait for some seconds before they come back")
	}
	descriptorsFor(t, *agents)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	c := startChild(t, "https://"+addr, halibut.PinOf(halibuttest.Certificate("client")), *agents)
	trust := new(halibut.TrustList)
	if err := trust.AllowPolling(c.pin, halibut.AnySubscription); err != nil {
		t.Fatal(err)
	}
	client := startPolled(t, l, trust)
	theirs, ours := c.say(t, "measure"), resident()

	c.say(t, "poll")
	t.Logf("%d agents are there after %s", *agents, client.await(t, *agents, time.Minute).Round(10*time.Millisecond))
	hello(t, client, c.pin, *agents)
	awaitGoroutines(t, *agents+*agents/10+50) // one for each idle connection
	theirs, ours = c.say(t, "measure")-theirs, resident()-ours
	n := int64(*agents)
	t.Logf("resident for each connection: %.1f KiB at the client, %.1f KiB at the agents",
		float64(ours)/float64(n)/1024, float64(theirs)/float64(n)/1024)
	// With fewer connections the growth of the heap itself counts too much.
	if !raceEnabled && n >= 2000 {
		if most := max(ours, theirs) / n; most > residentLimit {
			t.Errorf("want %d KiB at most on either side", residentLimit>>10)
		} else if most > residentGoal {
			t.Logf("the goal of %d KiB is not reached", residentGoal>>10)
		}
	}

	client.stop(t)
	if l, err = net.Listen("tcp", addr); err != nil {
		t.Fatal(err)
	}
	successor := startPolled(t, l, trust)
	t.Logf("%d agents are back after %s", *agents, successor.await(t, *agents, time.Minute).Round(10*time.Millisecond))
	if refused := successor.rt.Rejections(); len(refused) > 0 {
		t.Errorf("%d were refused, one of them because %v", len(refused), refused[0].Reason)
	}
	hello(t, successor, c.pin, *agents)
	successor.stop(t)
}

// hello asks the first and the last agent something: that they have no service
// is an answer of their own.
func hello(t *testing.T, p *polled, pin halibut.Pin, n int) {
	t.Helper()
	for _, i := range []int{0, n - 1} {
		to, err := halibut.ParseEndpoint(agentName(i), pin.String())
		if err != nil {
			t.Fatal(err)
		}
		err = p.rt.Client(to).Call(t.Context(), "INone", "Hello", nil)
		if halibut.CodeOf(err) != halibut.CodeServiceNotFound {
			t.Errorf("agent %d does not answer: %v", i, err)
		}
	}
}

// becomeAgents makes this process the agents' where it was started as that.
func becomeAgents() {
	if os.Getenv(agentsVariable) != "" {
		os.Exit(runAgents())
	}
}
