package dial_test

import (
	"net"
	"syscall"
	"testing"

	"github.com/halibut-go/halibut/internal/dial"
	"github.com/halibut-go/halibut/internal/memnet"
)

// wrapped hides a connection behind NetConn, as tls.Conn does.
type wrapped struct{ net.Conn }

func (w wrapped) NetConn() net.Conn { return w.Conn }

func options(t *testing.T, conn net.Conn) map[string]int {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]int)
	read := func(fd uintptr) {
		for name, option := range map[string][2]int{
			"keep-alive":      {syscall.SOL_SOCKET, syscall.SO_KEEPALIVE},
			"first probe":     {syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE},
			"probe every":     {syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL},
			"probes":          {syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT},
			"no delay":        {syscall.IPPROTO_TCP, syscall.TCP_NODELAY},
			"unanswered (ms)": {syscall.IPPROTO_TCP, 18},
		} {
			value, err := syscall.GetsockoptInt(int(fd), option[0], option[1])
			if err != nil {
				t.Error(name, err)
			}
			found[name] = value
		}
	}
	if err := raw.Control(read); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestTune(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialled, err := dial.TCP(t.Context(), l.Addr().String(), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dialled.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	if err := dial.Tune(wrapped{accepted}); err != nil {
		t.Fatal(err)
	}
	for name, conn := range map[string]net.Conn{"dialled": dialled, "accepted": accepted} {
		got := options(t, conn)
		for option, want := range map[string]int{
			"keep-alive": 1, "first probe": 15, "probe every": 5, "probes": 10, "no delay": 1, "unanswered (ms)": 70_000,
		} {
			if got[option] != want {
				t.Errorf("%s: %s is %d, want %d", name, option, got[option], want)
			}
		}
	}
}

func TestTuneLeavesOthersAlone(t *testing.T) {
	a, b := memnet.Pipe("a", "b")
	defer b.Close()
	if err := dial.Tune(a); err != nil {
		t.Error(err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

func TestTuneOfAClosedConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := dial.Tune(conn); err == nil {
		t.Error("no error for a connection that is closed")
	}
}
