package halibut

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseEndpoint(t *testing.T) {
	tests := []struct {
		url                            string
		text, addr, name, subscription string
	}{
		{"https://Host.Example:10933", "https://host.example:10933/", "host.example:10933", "host.example", ""},
		{"HTTPS://host:10933/", "https://host:10933/", "host:10933", "host", ""},
		{" https://host:010933/a?b#c\n", "https://host:10933/", "host:10933", "host", ""},
		{"https://host", "https://host/", "host:443", "host", ""},
		{"https://host:443/", "https://host/", "host:443", "host", ""},
		{"https://192.0.2.1:1", "https://192.0.2.1:1/", "192.0.2.1:1", "192.0.2.1", ""},
		{"https://[2001:DB8:0::1]:10933", "https://[2001:db8::1]:10933/", "[2001:db8::1]:10933", "2001:db8::1", ""},
		{"https://[::1]", "https://[::1]/", "[::1]:443", "::1", ""},
		{"https://[fe80::1%25eth0]:1", "https://[fe80::1%25eth0]:1/", "[fe80::1%eth0]:1", "fe80::1", ""},
		{"https://xn--bcher-kva.example:1", "https://xn--bcher-kva.example:1/", "xn--bcher-kva.example:1", "xn--bcher-kva.example", ""},
		{"wss://Host/Path/X?Q=%20#f", "wss://host/Path/X?Q=%20", "host:443", "host", ""},
		{"wss://host:443", "wss://host/", "host:443", "host", ""},
		{"wss://host:8443/a%2Fb/c@d", "wss://host:8443/a%2Fb/c@d", "host:8443", "host", ""},
		{"rpc://Host:443", "rpc://host:443/", "host:443", "host", ""},
		{"poll://SQ-Sample", "poll://sq-sample/", "", "", "poll://sq-sample/"},
		{"queue://Work", "queue://work/", "", "", ""},
	}
	for _, test := range tests {
		pins := []string{aliceSHA1}
		if strings.HasPrefix(test.url, "queue") {
			pins = nil
		}
		e, err := ParseEndpoint(test.url, pins...)
		if err != nil {
			t.Errorf("%q: %v", test.url, err)
			continue
		}
		got := []string{e.String(), e.Addr(), e.ServerName(), e.Subscription()}
		if diff := cmp.Diff([]string{test.text, test.addr, test.name, test.subscription}, got); diff != "" {
			t.Errorf("%q:\n%s", test.url, diff)
		}
		if got := e.URL().String(); got != e.String() {
			t.Errorf("%q: URL is %s, String %s", test.url, got, e)
		}
		if scheme, _, _ := strings.Cut(e.String(), ":"); e.Scheme() != scheme || e.IsZero() {
			t.Errorf("%q: scheme %q, IsZero %t", test.url, e.Scheme(), e.IsZero())
		}
		again, err := ParseEndpoint(e.String(), pins...)
		if err != nil || again != e {
			t.Errorf("%q: its text gave %#v, %v", test.url, again, err)
		}
	}
}

func TestParseEndpointRefuses(t *testing.T) {
	tests := []struct{ url, want string }{
		{"", "no scheme"},
		{"host:10933", "no scheme"},
		{"//host:10933", "no scheme"},
		{"http://host:10933", `unknown scheme "http"`},
		{"ws://host", `unknown scheme "ws"`},
		{"tcp://host:1", `unknown scheme "tcp"`},
		{"https://", "host is empty"},
		{"https://:10933", "host is empty"},
		{"https://host:0", "1 to 65535"},
		{"https://host:65536", "1 to 65535"},
		{"https://host:port", "not a URL"},
		{"https://b\u00fccher.example", "xn--"},
		{"https://a%22b", "not a URL"},
		{"https://a\"b", "xn--"},
		{"https://[::z]:1", "not a URL"},
		{"https://[::1", "not a URL"},
		{"https://secret@host", "user name"},
		{"https://user:secret@host:10933", "user name"},
		{"https://user:secret@host:po rt", "user name"},
		{"https://user:s@secret@host", "user name"},
		{"user:secret@host", "no scheme"},
		{"rpc://host", "no port"},
		{"poll://name/path", "has a path"},
		{"poll://", "empty"},
		{"queue://a b", "not a URL"},
		{"queue://name", "takes no pin"},
	}
	for _, test := range tests {
		e, err := ParseEndpoint(test.url, aliceSHA1)
		if err == nil {
			t.Errorf("%q became %v, want an error", test.url, e)
			continue
		}
		if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %q, want it to hold %q and no secret", test.url, err, test.want)
		}
		if !e.IsZero() {
			t.Errorf("%q gave %v beside its error", test.url, e)
		}
	}
	for _, scheme := range []string{"https", "wss", "rpc"} {
		if _, err := ParseEndpoint(scheme + "://host:1"); err == nil || !strings.Contains(err.Error(), "has no pin") {
			t.Errorf("%s without a pin: %v", scheme, err)
		}
	}
	if _, err := ParseEndpoint("https://host", aliceSHA1, "36F3"); err == nil || !strings.Contains(err.Error(), "4 hexadecimal digits") {
		t.Errorf("a short pin: %v", err)
	}
}

func mustEndpoint(t testing.TB, rawURL string, pins ...string) Endpoint {
	t.Helper()
	e, err := ParseEndpoint(rawURL, pins...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEndpointIsItsURLPinsAndProxy(t *testing.T) {
	e := mustEndpoint(t, "https://host:10933", aliceSHA1, abcSHA256)
	same := []Endpoint{
		mustEndpoint(t, "https://HOST:10933/", abcSHA256, aliceSHA1),
		mustEndpoint(t, "https://host:10933", strings.ToLower(aliceSHA1), abcSHA256, aliceSHA1),
		e.WithProxy(&url.URL{Scheme: "http", Host: "proxy:1"}).WithProxy(nil),
	}
	for i, other := range same {
		if e != other {
			t.Errorf("%d: %#v is not %#v", i, other, e)
		}
	}
	different := map[Endpoint]bool{
		e: true,
		mustEndpoint(t, "https://host:10934", aliceSHA1, abcSHA256):                 true,
		mustEndpoint(t, "https://host:10933", aliceSHA1):                            true,
		mustEndpoint(t, "https://host:10933", abcSHA256):                            true,
		mustEndpoint(t, "wss://host:10933", aliceSHA1, abcSHA256):                   true,
		e.WithProxy(&url.URL{Scheme: "http", Host: "proxy:1"}):                      true,
		e.WithProxy(&url.URL{Scheme: "http", Host: "proxy:2"}):                      true,
		e.WithProxy(&url.URL{Scheme: "http", Host: "proxy:2", User: url.User("u")}): true,
	}
	if len(different) != 8 {
		t.Errorf("%d of 8 endpoints are different", len(different))
	}
	if diff := cmp.Diff([]string{aliceSHA1, abcSHA256}, []string{e.Pins()[0].String(), e.Pins()[1].String()}); diff != "" {
		t.Error(diff)
	}
	if pins := mustEndpoint(t, "poll://name").Pins(); pins != nil {
		t.Errorf("an endpoint without pins has %v", pins)
	}
}

func TestProxyPasswordIsNeverPrinted(t *testing.T) {
	proxy, err := url.Parse("http://user:secret@proxy:3128")
	if err != nil {
		t.Fatal(err)
	}
	e := mustEndpoint(t, "https://host:10933", aliceSHA1).WithProxy(proxy)
	if got := e.Proxy(); got.String() != proxy.String() {
		t.Errorf("Proxy is %s", got)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("", "to", e, "all", []Endpoint{e})
	for _, text := range []string{
		e.String(), fmt.Sprint(e), fmt.Sprintf("%v %+v %#v %s %q", e, e, e, e, e), fmt.Sprintf("%+v %#v", []Endpoint{e}, struct{ E Endpoint }{e}),
		fmt.Sprintf("%v", &e), log.String(),
	} {
		if strings.Contains(text, "secret") {
			t.Errorf("printed %s", text)
		}
	}
	if got, want := fmt.Sprintf("%#v", e), "halibut.Endpoint{https://host:10933/ pins "+aliceSHA1+" proxy http://user:xxxxx@proxy:3128}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestProxyThatDoesNotParse: a proxy must never silently become no proxy.
func TestProxyThatDoesNotParse(t *testing.T) {
	e := mustEndpoint(t, "https://host:10933", aliceSHA1).WithProxy(&url.URL{Scheme: "http", Host: "pro xy"})
	if proxy := e.Proxy(); proxy == nil || proxy.Host != "" {
		t.Errorf("Proxy is %v, want a URL that cannot be dialled", proxy)
	}
}

func TestZeroEndpoint(t *testing.T) {
	var e Endpoint
	if !e.IsZero() || e.String() != "" || e.Scheme() != "" || e.Addr() != "" || e.ServerName() != "" ||
		e.Subscription() != "" || e.QueueName() != "" || e.Pins() != nil || e.Proxy() != nil || e.URL().String() != "" {
		t.Errorf("%#v is not empty", e)
	}
	if got := mustEndpoint(t, "queue://Work").QueueName(); got != "work" {
		t.Errorf("QueueName is %q", got)
	}
}

func FuzzParseEndpoint(f *testing.F) {
	for _, text := range []string{"https://Host:10933/x", "wss://h/p?q#f", "poll://SQ-A", "queue://q", "rpc://[::1]:1", "https://[fe80::1%25e]:1", "https://u:p@h"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ParseEndpoint(text, aliceSHA1)
		if err != nil {
			return
		}
		again, err := ParseEndpoint(e.String(), aliceSHA1)
		if err != nil || again != e {
			t.Errorf("%q became %#v, then %#v, %v", text, e, again, err)
		}
		if e.URL().User != nil || strings.Contains(e.String(), " ") {
			t.Errorf("%q became %s", text, e)
		}
		_ = e.ServerName()
	})
}
