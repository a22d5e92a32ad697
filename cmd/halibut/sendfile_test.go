package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/contracts/tentacle/tentacletest"
	"github.com/halibut-go/halibut/halibuttest"
)

// TestFilesOfTentacle moves a file to a Tentacle and back: it tells no SHA-256.
func TestFilesOfTentacle(t *testing.T) {
	trust := &halibut.TrustList{}
	trust.AllowCalls(halibut.PinOf(halibuttest.Certificate("me")))
	played := &tentacletest.Tentacle{}
	t.Cleanup(played.Close)
	var services halibut.Services
	played.Register(&services)
	url := "https://" + serveHalibut(t, &halibut.Options{Authorizer: trust, Services: &services})
	identity, fetched := identityFile(t, "me"), filepath.Join(t.TempDir(), "fetched")

	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"send-file", url, smallFile(t), "/incoming/small"}, "stored as /incoming/small\nSHA-1     89f6229a11ac4ebaa553c1a3ea96d78fa7483735, the same on both sides\n"},
		{[]string{"get-file", url, "/incoming/small", fetched}, "; the peer tells none to compare it with\n"},
	} {
		var stdout, stderr bytes.Buffer
		if status := run(t.Context(), append(tt.args, "-i", identity, "--pin", pinOf("peer")), nil, &stdout, &stderr); status != 0 {
			t.Fatalf("%s: status %d: %s", tt.args[0], status, &stderr)
		}
		if !strings.HasSuffix(stdout.String(), tt.want) {
			t.Errorf("%s prints %s", tt.args[0], &stdout)
		}
	}
	if got, err := os.ReadFile(fetched); err != nil || string(got) != "small" {
		t.Errorf("fetched %q, %v", got, err)
	}
}

// TestPace holds what a bar says of rate and time left.
func TestPace(t *testing.T) {
	p := &progress{begun: time.Now().Add(-10 * time.Second)}
	got := p.pace(halibut.Progress{Bytes: 10 << 20, Size: 30 << 20})
	if want := ", 1.0 MiB/s, 20.0 s left"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := p.pace(halibut.Progress{Bytes: 30 << 20, Size: 30 << 20}), ", 3.0 MiB/s"; got != want {
		t.Errorf("at the end %q, want %q", got, want)
	}
	if got := (&progress{}).pace(halibut.Progress{Bytes: 1, Size: 2}); got != "" {
		t.Errorf("without a beginning %q", got)
	}
}
