package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"

	"github.com/halibut-go/halibut"
)

// idlePeer is one implementation whose connections are looked at while nothing
// is said on them. The side that accepts is this process, the other one a child.
type idlePeer struct {
	name   string
	accept func(n *network, l net.Listener) (connections func() int, stop func(), err error)
	dial   func(n *network, addr string, connections int) error
}

var idlePeers = []idlePeer{
	{"TLS", acceptRaw, dialRaw},
	{"Halibut, polling", acceptPollers, dialPollers},
	{"grpc-go", acceptGRPC, dialGRPC},
}

// idleRow is what an idle connection costs; memory is in bytes.
type idleRow struct {
	Peer        string
	Connections int
	Asked       int     // more than there are where descriptors do not allow it
	Accepting   float64 // resident, a connection
	Dialling    float64
	Kernel      float64 // of both sockets
	Connecting  float64 // seconds until all were there
	CPU         float64 // share of one core at the accepting side
	Watched     float64 // seconds for which CPU was measured
}

// childOrder tells the child what to do.
type childOrder struct {
	Peer, Addr      string
	Connections     int
	Client, Service savedCertificate
}

type savedCertificate struct{ Certificate, Key []byte }

func saved(cert tls.Certificate, withKey bool) (savedCertificate, error) {
	s := savedCertificate{Certificate: cert.Certificate[0]}
	if !withKey {
		return s, nil
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	s.Key = key
	return s, err
}

func (s savedCertificate) load() (tls.Certificate, error) {
	cert := tls.Certificate{Certificate: [][]byte{s.Certificate}}
	if s.Key == nil {
		return cert, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(s.Key)
	cert.PrivateKey = key
	return cert, err
}

// childFlag makes this program the side that dials.
const childFlag = "idle-connections-of-a-benchmark"

// runIdleChild opens the connections that the first line on its standard input
// asks for, and answers each further line with how much it has resident.
func runIdleChild() error {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	if !in.Scan() {
		return io.ErrUnexpectedEOF
	}
	var order childOrder
	if err := json.Unmarshal(in.Bytes(), &order); err != nil {
		return err
	}
	n := new(network)
	var err error
	if n.client, err = order.Client.load(); err != nil {
		return err
	}
	if n.service, err = order.Service.load(); err != nil {
		return err
	}
	fmt.Println(resident())
	for in.Scan() {
		if in.Text() == "dial" {
			for _, p := range idlePeers {
				if p.name == order.Peer {
					err = p.dial(n, order.Addr, order.Connections)
				}
			}
			if err != nil {
				return err
			}
		}
		fmt.Println(resident())
	}
	return nil
}

// resident is how much memory this process has resident after it was idle for a
// while: each collection halves the stacks that are too large for what their
// goroutines do now, and the rest is given back.
func resident() int64 {
	for range 4 {
		debug.FreeOSMemory()
	}
	return fileField("/proc/self/status", "VmRSS:") << 10
}

// fileField is the number behind a name in a file of /proc; 0 if it is not there.
func fileField(path, name string) int64 {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(content), name)
	var n int64
	_, _ = fmt.Sscan(rest, &n)
	return n
}

// kernelMemory is what the kernel holds for sockets in all: their buffers, and
// the sockets themselves with all that belongs to them.
func kernelMemory() int64 {
	_, tcp, _ := strings.Cut(readAll("/proc/net/sockstat"), "TCP:")
	tcp, _, _ = strings.Cut(tcp, "\n")
	_, pages, _ := strings.Cut(tcp, " mem ")
	var buffers int64
	_, _ = fmt.Sscan(pages, &buffers)
	return buffers*int64(os.Getpagesize()) + fileField("/proc/meminfo", "Slab:")<<10
}

func readAll(path string) string {
	content, _ := os.ReadFile(path) // what is missing is measured as 0
	return string(content)
}

// measureIdle opens so many connections, and then looks at them for that long.
func measureIdle(n *network, p idlePeer, connections int, watch time.Duration) (row idleRow, err error) {
	row = idleRow{Peer: p.name, Asked: connections, Connections: min(connections, descriptors()-100)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return row, err
	}
	there, stop, err := p.accept(n, l)
	if err != nil {
		return row, err
	}
	defer stop()
	child, err := startIdleChild(n, p, l.Addr().String(), row.Connections)
	if err != nil {
		return row, err
	}
	defer child.stop()
	ours, theirs, kernel := resident(), child.resident, kernelMemory()
	begun := time.Now()
	if err := child.say("dial"); err != nil {
		return row, err
	}
	for there() < row.Connections {
		if time.Since(begun) > 2*time.Minute {
			return row, fmt.Errorf("%s: %d of %d connections are there", p.name, there(), row.Connections)
		}
		time.Sleep(10 * time.Millisecond)
	}
	row.Connecting = time.Since(begun).Seconds()
	if err := child.say("measure"); err != nil {
		return row, err
	}
	each := float64(row.Connections)
	row.Accepting = float64(resident()-ours) / each
	row.Dialling = float64(child.resident-theirs) / each
	row.Kernel = float64(kernelMemory()-kernel) / each
	if watch > 0 {
		used, begun := cpuTime(), time.Now()
		time.Sleep(watch)
		row.Watched = time.Since(begun).Seconds()
		row.CPU = (cpuTime() - used).Seconds() / row.Watched
	}
	return row, nil
}

type idleChild struct {
	cmd      *exec.Cmd
	in       io.WriteCloser
	out      *bufio.Scanner
	resident int64 // as it said last
}

func startIdleChild(n *network, p idlePeer, addr string, connections int) (*idleChild, error) {
	order := childOrder{Peer: p.name, Addr: addr, Connections: connections}
	var err error
	if order.Client, err = saved(n.client, true); err != nil {
		return nil, err
	}
	if order.Service, err = saved(n.service, false); err != nil {
		return nil, err
	}
	line, err := json.Marshal(order)
	if err != nil {
		return nil, err
	}
	own, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &idleChild{cmd: exec.Command(own, childFlag)}
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = bufio.NewScanner(out)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	return c, c.say(string(line))
}

func (c *idleChild) say(line string) error {
	if _, err := io.WriteString(c.in, line+"\n"); err != nil {
		return err
	}
	if !c.out.Scan() {
		return fmt.Errorf("the process of the idle connections has ended: %w", io.ErrUnexpectedEOF)
	}
	_, err := fmt.Sscan(c.out.Text(), &c.resident)
	return err
}

func (c *idleChild) stop() {
	_ = c.in.Close()
	_ = c.cmd.Process.Kill() // ten thousand connections take their time to close in order
	_ = c.cmd.Wait()
}

func acceptRaw(n *network, l net.Listener) (func() int, func(), error) {
	var there atomic.Int64
	var running sync.WaitGroup
	config := n.serviceTLS()
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				secured := tls.Server(conn, config)
				if secured.Handshake() != nil {
					return
				}
				there.Add(1)
				rested := make(chan struct{})
				go func() { // the handshake's stack is large
					defer close(rested)
					_, _ = secured.Read(make([]byte, 1))
				}()
				<-rested
			})
		}
	})
	return func() int { return int(there.Load()) }, func() { _ = l.Close() }, nil
}

func dialRaw(n *network, addr string, connections int) error {
	config := n.clientTLS()
	return sideBySide(connections, func() error {
		conn, err := tls.Dial("tcp", addr, config)
		if err == nil {
			go func() { _, _ = conn.Read(make([]byte, 1)) }()
		}
		return err
	})
}

// sideBySide does something so often, a few at a time.
func sideBySide(times int, do func() error) error {
	var (
		running sync.WaitGroup
		left    atomic.Int64
		failed  atomic.Pointer[error]
	)
	left.Store(int64(times))
	for range 8 {
		running.Go(func() {
			for left.Add(-1) >= 0 {
				if err := do(); err != nil {
					failed.Store(&err)
					return
				}
			}
		})
	}
	running.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

func acceptPollers(n *network, l net.Listener) (func() int, func(), error) {
	trust := new(halibut.TrustList)
	if err := trust.AllowPolling(halibut.PinOf(n.client), halibut.AnySubscription); err != nil {
		return nil, nil, err
	}
	rt, err := halibut.New(n.service, &halibut.Options{
		Authorizer: trust,
		Limits:     halibut.Limits{PeerSubscriptions: -1}, // all are one peer here
	})
	if err != nil {
		return nil, nil, err
	}
	var running sync.WaitGroup
	running.Go(func() { _ = rt.Serve(context.Background(), l) })
	return func() int { return len(rt.Subscribers()) }, func() { _ = rt.Close(); running.Wait() }, nil
}

func dialPollers(n *network, addr string, connections int) error {
	rt, err := halibut.New(n.client, nil)
	if err != nil {
		return err
	}
	to, err := halibut.ParseEndpoint("https://"+addr, halibut.PinOf(n.service).String())
	if err != nil {
		return err
	}
	for i := range connections {
		go func() { _ = rt.Poll(context.Background(), fmt.Sprintf("poll://agent-%d", i), to) }()
	}
	return nil
}

func acceptGRPC(n *network, l net.Listener) (func() int, func(), error) {
	var there atomic.Int64
	server := grpc.NewServer(grpc.Creds(&countedCredentials{credentials.NewTLS(n.serviceTLS()), &there}))
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(l) })
	return func() int { return int(there.Load()) }, func() { server.Stop(); running.Wait() }, nil
}

// countedCredentials count the handshakes that succeed.
type countedCredentials struct {
	credentials.TransportCredentials
	there *atomic.Int64
}

func (c *countedCredentials) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secured, info, err := c.TransportCredentials.ServerHandshake(conn)
	if err == nil {
		c.there.Add(1)
	}
	return secured, info, err
}

func (c *countedCredentials) Clone() credentials.TransportCredentials {
	return &countedCredentials{c.TransportCredentials.Clone(), c.there}
}

func dialGRPC(n *network, addr string, connections int) error {
	config := n.clientTLS()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return sideBySide(connections, func() error {
		conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(credentials.NewTLS(config)))
		if err != nil {
			return err
		}
		conn.Connect()
		for state := conn.GetState(); state != connectivity.Ready; state = conn.GetState() {
			if !conn.WaitForStateChange(ctx, state) {
				return ctx.Err()
			}
		}
		keptConns.Store(conn, true)
		return nil
	})
}

var keptConns sync.Map // of *grpc.ClientConn, until the child ends
