package halibut_test

import (
	"os"
	"strings"
	"testing"
)

// haproxyConfig is the configuration in docs/networking.md, with places for the
// addresses of the front, Halibut and the web server.
func haproxyConfig(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("docs/networking.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(page), "```haproxy\n")
	config, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatal("docs/networking.md has no ```haproxy block")
	}
	for _, addr := range []string{"*:443", "127.0.0.1:10943", "127.0.0.1:8443"} {
		if strings.Count(config, addr) != 1 {
			t.Fatalf("the configuration does not name %s once", addr)
		}
		config = strings.Replace(config, addr, "%s", 1)
	}
	return config
}
