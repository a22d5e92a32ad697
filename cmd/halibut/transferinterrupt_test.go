package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/halibuttest"
)

// TestInterruptedTransfer presses Ctrl-C in the middle of a file. Nothing half is
// left on either side.
func TestInterruptedTransfer(t *testing.T) {
	trust := &halibut.TrustList{}
	trust.AllowCalls(halibut.PinOf(halibuttest.Certificate("me")))
	files, drop := newTestFolder(t, 1<<30)
	url := "https://" + serveHalibut(t, &halibut.Options{Authorizer: trust, Services: newServices(files)})
	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, make([]byte, 32<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	local, peer := t.TempDir(), []string{"-i", identityFile(t, "me"), "--pin", pinOf("peer")}

	status, stdout, stderr := interruptedAt(t, " of 32.0 MiB", append([]string{"send-file", url, large}, peer...)...)
	if status != exitInterrupted || stderr != "halibut: interrupted\n" {
		t.Errorf("send-file: status %d, %s%s", status, stdout, stderr)
	}
	awaitEmpty(t, drop)
	if status, stdout, stderr := verb(t, append([]string{"send-file", url, large}, peer...)...); status != 0 {
		t.Fatalf("again: status %d, %s%s", status, stdout, stderr)
	}
	status, stdout, stderr = interruptedAt(t, " of 32.0 MiB", append([]string{"get-file", url, "large", filepath.Join(local, "large")}, peer...)...)
	if status != exitInterrupted || stderr != "halibut: interrupted\n" {
		t.Errorf("get-file: status %d, %s%s", status, stdout, stderr)
	}
	checkEmpty(t, local)
}

// interruptedAt runs the program and interrupts it when it writes a text first.
func interruptedAt(t *testing.T, text string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	told := make(chan struct{}) // whoever waits for the context's end
	defer context.AfterFunc(ctx, func() { close(told) })()
	var out, errs strings.Builder
	watched := writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), text) {
			interrupt()
			<-told
		}
		return out.Write(p)
	})
	status = run(ctx, args, nil, watched, &errs)
	return status, out.String(), errs.String()
}

// awaitEmpty waits until a service has found that its caller has gone.
func awaitEmpty(t *testing.T, folder string) {
	t.Helper()
	tick, limit := time.NewTicker(time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for {
		f, err := os.Open(folder)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Readdirnames(1)
		_ = f.Close()
		if err == io.EOF {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("something half is left in the service's folder")
		}
	}
}
