package main

import (
	"bytes"
	"crypto/tls"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/halibuttest"
)

// verb runs the program, and returns its status and what it wrote.
func verb(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), args, nil, &out, &errs)
	return status, out.String(), errs.String()
}

// TestProxy takes each verb that connects through a proxy.
func TestProxy(t *testing.T) {
	trust := &halibut.TrustList{}
	trust.AllowCalls(halibut.PinOf(halibuttest.Certificate("me")))
	files, folder := newTestFolder(t, 1<<20)
	addr := serveHalibut(t, &halibut.Options{Authorizer: trust, Services: newServices(files), Protocols: websockets()})
	var tunnels atomic.Int32
	proxy := "http://" + serveTCP(t, func(conn net.Conn) {
		tunnels.Add(1)
		relayConnect(conn)
	})
	identity := identityFile(t, "me")
	for _, args := range [][]string{
		{"call", "https://" + addr, "IEchoService.SayHello", `"Go"`},
		{"call", "wss://" + addr + "/agents", "IEchoService.SayHello", `"Go"`},
		{"ping", "https://" + addr, "-c", "2", "--interval", "0"},
		{"ping", "wss://" + addr + "/agents", "-c", "2", "--interval", "0"},
		{"doctor", "wss://" + addr + "/agents"},
		{"bench", "https://" + addr, "-d", "20ms", "--stream", "10KB"},
		{"send-file", "https://" + addr, smallFile(t), "small"},
		{"get-file", "https://" + addr, "small", filepath.Join(t.TempDir(), "fetched")},
	} {
		before := tunnels.Load()
		status, stdout, stderr := verb(t, append(args, "-i", identity, "--pin", pinOf("peer"), "--proxy", proxy)...)
		if status != 0 || tunnels.Load() == before {
			t.Errorf("%v: status %d after %d tunnels: %s%s", args, status, tunnels.Load()-before, stdout, stderr)
		}
	}
	checkStored(t, folder)
	if status, stdout, stderr := verb(t, "discover", addr, "--proxy", proxy); status != 0 || !strings.Contains(stdout, pinOf("peer")) {
		t.Errorf("discover: status %d, %s%s", status, stdout, stderr)
	}

	// A proxy that wants a password is named, and no password is shown.
	wanting, err := url.Parse("http://" + serveTCP(t, wantsPassword))
	if err != nil {
		t.Fatal(err)
	}
	wanting.User = url.UserPassword("me", "secret")
	status, _, stderr := verb(t, "ping", "https://build-7.example:10933", "--proxy", wanting.String())
	if want := "halibut: --proxy has a password, and every user of this machine can read a command line: set HALIBUT_PROXY"; status != exitUsage || !strings.HasPrefix(stderr, want) || strings.Contains(stderr, "secret") {
		t.Errorf("a password on the command line: status %d, %s", status, stderr)
	}
	t.Setenv("HALIBUT_PROXY", wanting.String())
	for _, name := range []string{"call", "ping", "send-file"} {
		args := []string{name, "https://build-7.example:10933", "-i", identity, "--pin", pinOf("peer")}
		switch name {
		case "call":
			args = append(args, "A.B")
		case "send-file":
			args = append(args, smallFile(t))
		case "ping":
			args = append(args, "-c", "1")
		}
		status, stdout, stderr := verb(t, args...)
		if status != exitUnreachable || !strings.Contains(stderr, "407") || strings.Contains(stdout+stderr, "secret") {
			t.Errorf("%s: status %d, %s", name, status, stderr)
		}
	}
}

func checkStored(t *testing.T, folder string) {
	t.Helper()
	if names, err := filepath.Glob(filepath.Join(folder, "*")); err != nil || len(names) != 1 {
		t.Errorf("stored are %v, %v", names, err)
	}
}

// TestTimeout ends what a peer does not answer: the status says whether it was
// reached.
func TestTimeout(t *testing.T) {
	silentBehind := "https://" + serveTLS(t, tlsOf("peer"), func(c *tls.Conn) { silent(c) })
	hangs := "https://" + serveTLS(t, tlsOf("peer"), identifiesOnly)
	identity := identityFile(t, "me")
	fetched := filepath.Join(t.TempDir(), "x")
	for _, tt := range []struct {
		args   []string
		status int
	}{
		{[]string{"call", silentBehind, "A.B"}, exitUnreachable},
		{[]string{"call", hangs, "A.B"}, exitFailed},
		{[]string{"call", "poll://nobody", "A.B", "--listen", "127.0.0.1:0"}, exitUnreachable},
		{[]string{"ping", hangs, "-c", "1"}, exitFailed},
		{[]string{"send-file", hangs, smallFile(t)}, exitFailed},
		{[]string{"send-file", "poll://nobody", smallFile(t), "--listen", "127.0.0.1:0"}, exitUnreachable},
		{[]string{"get-file", hangs, "x", fetched}, exitFailed},
		{[]string{"get-file", "poll://nobody", "x", fetched, "--listen", "127.0.0.1:0"}, exitUnreachable},
		{[]string{"bench", hangs, "-d", "1s"}, exitFailed},
	} {
		t.Run(strings.Join(tt.args[:2], " "), func(t *testing.T) {
			t.Parallel()
			limit := "100ms"
			if tt.args[1] == hangs {
				limit = "2s" // in which it is connected
			}
			status, _, stderr := verb(t, append(tt.args, "-i", identity, "--pin", pinOf("peer"), "--timeout", limit)...)
			lines := strings.Split(strings.TrimSpace(stderr), "\n")
			last := lines[len(lines)-1]
			if status != tt.status || !strings.HasPrefix(last, "halibut: ") || last == "halibut: context deadline exceeded" {
				t.Errorf("status %d, want %d: %s", status, tt.status, stderr)
			}
		})
	}
}

// TestRetry connects again as often as it was told, and says so.
func TestRetry(t *testing.T) {
	var came atomic.Int32
	url := "https://" + serveTCP(t, func(net.Conn) { came.Add(1) })
	status, _, stderr := verb(t, "call", url, "A.B", "-i", identityFile(t, "me"), "--pin", pinOf("peer"), "--retry", "1")
	if status != exitUnreachable || came.Load() != 2 || !strings.Contains(stderr, "2 tries") {
		t.Errorf("status %d after %d connections: %s", status, came.Load(), stderr)
	}
}
