package dial

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// script plays a proxy over a pipe: it checks what it is sent and sends what
// the script says, piece by piece.
type script struct {
	want   []byte // of the request, read whole before each answer
	pieces []string
	close  bool // at the end
}

// play connects through a proxy that follows the steps.
func play(t *testing.T, proxyURL string, steps ...script) (net.Conn, error) {
	t.Helper()
	ours, theirs := net.Pipe()
	played := make(chan struct{})
	go func() {
		defer close(played)
		for _, step := range steps {
			got := make([]byte, len(step.want))
			if _, err := io.ReadFull(theirs, got); err != nil || !bytes.Equal(got, step.want) {
				t.Errorf("the proxy got %q, %v, want %q", got, err, step.want)
				_ = theirs.Close()
				return
			}
			for _, piece := range step.pieces {
				if _, err := io.WriteString(theirs, piece); err != nil {
					return // this side has seen enough
				}
			}
			if step.close {
				_ = theirs.Close()
			}
		}
	}()
	t.Cleanup(func() { _ = ours.Close(); _ = theirs.Close(); <-played })
	u, err := url.Parse(proxyURL)
	if err != nil {
		t.Fatal(err)
	}
	dialled := ""
	p := &Proxy{URL: u, Dial: func(_ context.Context, _, addr string) (net.Conn, error) {
		dialled = addr
		return ours, nil
	}}
	conn, err := p.Connect(t.Context(), "agent.example:10933", time.Minute)
	if want := map[string]string{"http": "proxy.example:3128", "socks5": "proxy.example:1080"}[u.Scheme]; dialled != want {
		t.Errorf("dialled %q, want %q", dialled, want)
	}
	return conn, err
}

const (
	httpProxy  = "http://proxy.example:3128"
	socksProxy = "socks5://proxy.example"
)

var connectRequest = []byte("CONNECT agent.example:10933 HTTP/1.1\r\nHost: agent.example:10933\r\n\r\n")

func TestHTTPConnect(t *testing.T) {
	for name, pieces := range map[string][]string{
		"at once":              {"HTTP/1.1 200 Connection established\r\n\r\n"},
		"1.0 without a reason": {"HTTP/1.0 200\r\n\r\n"},
		"bare line feeds":      {"HTTP/1.0 200 OK\nVia: x\n\n"},
		"byte by byte":         strings.Split("HTTP/1.1 200 OK\r\nVia: x\r\n\r\n", ""),
		"a long head":          {"HTTP/1.1 200 OK\r\nX: ", strings.Repeat("x", 15<<10), "\r\n\r\n"},
		"another 2xx":          {"HTTP/1.1 204 Fine\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := play(t, httpProxy, script{want: connectRequest, pieces: append(pieces, "the peer's")})
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len("the peer's"))
			if _, err := io.ReadFull(conn, got); err != nil || string(got) != "the peer's" {
				t.Errorf("read %q, %v", got, err)
			}
		})
	}
	t.Run("what came with the answer", func(t *testing.T) {
		conn, err := play(t, httpProxy, script{want: connectRequest, pieces: []string{"HTTP/1.1 200 OK\r\n\r\nthe pe", "er's"}})
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len("the peer's"))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != "the peer's" {
			t.Errorf("read %q, %v", got, err)
		}
	})
}

func TestHTTPConnectRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		pieces []string
		close  bool
		want   string
		status string
		lasts  bool
	}{
		"407":              {pieces: []string{"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n<html>"}, want: `answered "HTTP/1.1 407 Proxy Authentication Required"`, status: "HTTP/1.1 407 Proxy Authentication Required", lasts: true},
		"403":              {pieces: []string{"HTTP/1.1 403 Forbidden\r\n\r\n"}, want: "403 Forbidden", status: "HTTP/1.1 403 Forbidden", lasts: true},
		"502":              {pieces: []string{"HTTP/1.1 502 Bad Gateway\r\n", "\r\n"}, want: "502 Bad Gateway", status: "HTTP/1.1 502 Bad Gateway"},
		"HTML":             {pieces: []string{"<html><body>Log in here</body></html>"}, want: `not HTTP: it begins with "<html>`, lasts: true},
		"TLS":              {pieces: []string{"\x15\x03\x01\x00\x02\x02\x46"}, want: "not HTTP", lasts: true},
		"a garbled status": {pieces: []string{"HTTP/1.1 yes\r\n\r\n"}, want: `not HTTP: "HTTP/1.1 yes"`, status: "HTTP/1.1 yes", lasts: true},
		"nothing":          {close: true, want: "closed the connection without an answer"},
		"half an answer":   {pieces: []string{"HTTP/1.1 200 OK\r\nVia"}, close: true, want: `in the middle of its answer "HTTP/1.1 200 OK"`},
		"no end":           {pieces: []string{"HTTP/1.1 200 OK\r\n", strings.Repeat("X: y\r\n", 4<<10)}, want: "longer than 16384 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := play(t, httpProxy, script{want: connectRequest, pieces: tt.pieces, close: tt.close})
			checkRefused(t, err, tt.want, httpProxy)
			var refused *ProxyError
			if errors.As(err, &refused) && (refused.Status != tt.status || refused.Lasts != tt.lasts) {
				t.Errorf("status %q, lasts %t; want %q, %t", refused.Status, refused.Lasts, tt.status, tt.lasts)
			}
		})
	}
}

func checkRefused(t *testing.T, err error, want, proxy string) {
	t.Helper()
	var refused *ProxyError
	if !errors.As(err, &refused) {
		t.Fatalf("%v is no *ProxyError", err)
	}
	for _, part := range []string{want, proxy, "agent.example:10933"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not hold %q", err, part)
		}
	}
}

// What a proxy repeats of the password does not come out in its error, however
// the answer is broken.
func TestProxyPassword(t *testing.T) {
	const basic = "bWU6czNjcjN0"
	want := []byte("CONNECT agent.example:10933 HTTP/1.1\r\nHost: agent.example:10933\r\nProxy-Authorization: Basic " + basic + "\r\n\r\n")
	for name, answer := range map[string]string{
		"a reason":             "HTTP/1.1 407 s3cr3t is wrong\r\n\r\n",
		"in base64":            "HTTP/1.1 407 no " + basic + "\r\n\r\n",
		"a status":             "HTTP/1.1 s3cr3t\r\n\r\n",
		"not HTTP":             "CONNECT me:s3cr3t " + basic + "\r\n",
		"cut off":              "HTTP/1.1 407 s3cr3t " + basic,
		"cut off inside":       "HTTP/1.1 407 s3cr",
		"at the end of a line": "HTTP/1.1 407 " + strings.Repeat("x", 184) + "s3cr3t\r\n\r\n",
	} {
		_, err := play(t, "http://me:s3cr3t@proxy.example:3128", script{want: want, pieces: []string{answer}, close: true})
		checkRefused(t, err, "xxxxx", httpProxy)
		for _, secret := range []string{"s3c", basic} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error holds the password: %v", name, err)
			}
		}
	}
}

// A password that looks like a part of the answer does not change what the
// answer means.
func TestShortProxyPasswords(t *testing.T) {
	for _, password := range []string{"1", "2", "200", "HTTP", " "} {
		user := url.UserPassword("me", password)
		request := "CONNECT agent.example:10933 HTTP/1.1\r\nHost: agent.example:10933\r\nProxy-Authorization: Basic " +
			base64.StdEncoding.EncodeToString([]byte("me:"+password)) + "\r\n\r\n"
		proxy := (&url.URL{Scheme: "http", User: user, Host: "proxy.example:3128"}).String()
		if _, err := play(t, proxy, script{want: []byte(request), pieces: []string{"HTTP/1.1 200 OK\r\n\r\n"}}); err != nil {
			t.Errorf("password %q: %v", password, err)
		}
		_, err := play(t, proxy, script{want: []byte(request), pieces: []string{"HTTP/1.1 407 No\r\n\r\n"}})
		var refused *ProxyError
		if !errors.As(err, &refused) || !refused.Lasts || !strings.Contains(refused.Advice, "does not accept") {
			t.Errorf("password %q: %v", password, err)
		}
	}
}

func TestProxyURLs(t *testing.T) {
	for text, want := range map[string]string{
		"ftp://proxy.example":    `not "ftp"`,
		"":                       `not ""`,
		"http://me:s3cr3t@:3128": "names no host",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = (&Proxy{URL: u}).Connect(t.Context(), "agent.example:10933", 0)
		var refused *ProxyError
		if !errors.As(err, &refused) || !refused.Lasts || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// A proxy that takes the connection and says nothing costs Limits.Connect, or
// what the context allows.
func TestSilentProxy(t *testing.T) {
	for _, proxy := range []string{httpProxy, socksProxy, "https://proxy.example"} {
		synctest.Test(t, func(t *testing.T) {
			u, _ := url.Parse(proxy)
			ours, theirs := net.Pipe()
			defer theirs.Close()
			go io.Copy(io.Discard, theirs)
			p := &Proxy{URL: u, Dial: func(context.Context, string, string) (net.Conn, error) { return ours, nil }}
			begun := time.Now()
			_, err := p.Connect(t.Context(), "agent.example:10933", 7*time.Second)
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 7*time.Second {
				t.Errorf("%v after %s", err, time.Since(begun))
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			again, theirsAgain := net.Pipe()
			defer theirsAgain.Close()
			go io.Copy(io.Discard, theirsAgain)
			p.Dial = func(context.Context, string, string) (net.Conn, error) { return again, nil }
			if _, err := p.Connect(ctx, "agent.example:10933", 0); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The bytes are those of RFC 1928 and RFC 1929.
func TestSOCKS(t *testing.T) {
	request := unhex(t, "05 01 00 03 0d 6167656e742e6578616d706c65 2ab5")
	fine := string(unhex(t, "05 00 00 01 00000000 0000"))
	for name, tt := range map[string]struct {
		proxy string
		steps []script
	}{
		"without a user": {socksProxy, []script{
			{want: unhex(t, "05 01 00"), pieces: []string{"\x05\x00"}}, {want: request, pieces: []string{fine, "the peer's"}}}},
		"a user that is not asked for": {"socks5://me:pw@proxy.example", []script{
			{want: unhex(t, "05 02 00 02"), pieces: []string{"\x05\x00"}}, {want: request, pieces: []string{fine, "the peer's"}}}},
		"a user": {"socks5://me:pw@proxy.example", []script{
			{want: unhex(t, "05 02 00 02"), pieces: []string{"\x05", "\x02"}},
			{want: unhex(t, "01 02 6d65 02 7077"), pieces: []string{"\x01\x00"}},
			{want: request, pieces: []string{fine + "the peer's"}}}},
		"bound to a name": {socksProxy, []script{
			{want: unhex(t, "05 01 00"), pieces: []string{"\x05\x00"}}, {want: request, pieces: []string{"\x05\x00\x00\x03\x02ab\x00\x01the peer's"}}}},
		"bound to IPv6": {socksProxy, []script{
			{want: unhex(t, "05 01 00"), pieces: []string{"\x05\x00"}}, {want: request, pieces: []string{"\x05\x00\x00\x04", strings.Repeat("\x01", 18), "the peer's"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := play(t, tt.proxy, tt.steps...)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len("the peer's"))
			if _, err := io.ReadFull(conn, got); err != nil || string(got) != "the peer's" {
				t.Errorf("read %q, %v", got, err)
			}
		})
	}
}

func TestSOCKSAddresses(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1:443":     "050100 01 c0000201 01bb",
		"[2001:db8::1]:443": "050100 04 20010db8000000000000000000000001 01bb",
		"a.b:1":             "050100 03 03 612e62 0001",
	} {
		got, err := socksRequest(addr)
		if err != nil || !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("%s: %x, %v; want %s", addr, got, err, want)
		}
	}
	if _, err := socksRequest(strings.Repeat("x", 256) + ":1"); err == nil {
		t.Error("a host name of 256 bytes is taken")
	}
}

func TestSOCKSRefused(t *testing.T) {
	request := unhex(t, "05 01 00 03 0d 6167656e742e6578616d706c65 2ab5")
	greeting := script{want: unhex(t, "05 01 00"), pieces: []string{"\x05\x00"}}
	for name, tt := range map[string]struct {
		steps []script
		want  string
		lasts bool
	}{
		"by its rules":    {[]script{greeting, {want: request, pieces: []string{"\x05\x02\x00\x01"}}}, "rules do not allow", true},
		"by the peer":     {[]script{greeting, {want: request, pieces: []string{"\x05\x05\x00\x01"}}}, "the peer refused", false},
		"unknown code":    {[]script{greeting, {want: request, pieces: []string{"\x05\x7f\x00\x01"}}}, "unknown code 127", false},
		"unknown address": {[]script{greeting, {want: request, pieces: []string{"\x05\x00\x00\x09"}}}, "unknown kind of address", false},
		"nobody":          {[]script{{want: unhex(t, "05 01 00"), pieces: []string{"\x05\xff"}}}, "lets nobody in", true},
		"GSSAPI":          {[]script{{want: unhex(t, "05 01 00"), pieces: []string{"\x05\x01"}}}, "not supported", true},
		"HTTP":            {[]script{{want: unhex(t, "05 01 00"), pieces: []string{"HT"}}}, "not SOCKS 5: it begins with the byte 0x48", true},
		"nothing":         {[]script{{want: unhex(t, "05 01 00"), close: true}}, "closed the connection before", false},
		"half":            {[]script{greeting, {want: request, pieces: []string{"\x05\x00\x00\x01\x00"}, close: true}}, "closed the connection before", false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := play(t, socksProxy, tt.steps...)
			checkRefused(t, err, tt.want, socksProxy)
			var refused *ProxyError
			if errors.As(err, &refused) && refused.Lasts != tt.lasts {
				t.Errorf("lasts %t, want %t", refused.Lasts, tt.lasts)
			}
		})
	}
	t.Run("wrong password", func(t *testing.T) {
		_, err := play(t, "socks5://me:pw@proxy.example",
			script{want: unhex(t, "05 02 00 02"), pieces: []string{"\x05\x02"}},
			script{want: unhex(t, "01 02 6d65 02 7077"), pieces: []string{"\x01\x01"}})
		checkRefused(t, err, "does not accept the user and password", socksProxy)
	})
}
