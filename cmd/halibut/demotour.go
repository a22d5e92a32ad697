package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/halibut-go/halibut"
)

// burst is how many calls are made one after another, or as many of them as
// fit into burstTime.
const (
	burst     = 1000
	burstTime = time.Second
)

// tour is what the demo does with a pair in one mode, and what came of it.
type tour struct {
	out  *terminal
	mode mode
	file *demoFile

	serviceFolder, clientFolder string
	up, down                    *progress
	client, service             identity

	calls            int
	burstCalls       int
	burstTook        time.Duration
	upTook, downTook time.Duration
}

func newTour(d *demo, m mode) (*tour, error) {
	t := &tour{
		out: d.out, mode: m, file: d.file, client: d.client, service: d.service,
		serviceFolder: filepath.Join(d.folder, m.name, "service"),
		clientFolder:  filepath.Join(d.folder, m.name, "client"),
		up:            &progress{out: d.out, label: "up  "},
		down:          &progress{out: d.out, label: "down"},
	}
	return t, errors.Join(os.MkdirAll(t.serviceFolder, 0o700), os.MkdirAll(t.clientFolder, 0o700))
}

// services are what the service of this tour offers.
func (t *tour) services() *halibut.Services {
	s := &halibut.Services{}
	// Both sides are here: the bar of what comes down is moved by who sends it.
	halibut.Register[demoService](s, contract, &service{folder: t.serviceFolder, fetching: t.down.report})
	return s
}

func (t *tour) take(ctx context.Context, p *pair) error {
	steps := []func(context.Context, *pair) error{t.firstCalls, t.manyCalls, t.serviceError}
	if p.listenerAddr != "" {
		steps = append(steps, t.wrongCertificate)
	}
	for _, step := range append(steps, t.sendFile, t.fetchFile) {
		if err := errors.Join(step(ctx, p), t.out.err); err != nil {
			return err
		}
	}
	return nil
}

func (t *tour) firstCalls(ctx context.Context, p *pair) error {
	for _, with := range []string{", connecting included", ""} {
		took, err := expect(ctx, t, p, "Hello, Go!", "SayHello", "Go")
		if err != nil {
			return err
		}
		t.ok(`SayHello("Go") = "Hello, Go!"`+with, took)
	}
	begun := time.Now()
	got, err := halibut.Call[about](ctx, p.client, contract, "About")
	t.calls++
	if err != nil {
		return err
	}
	if got.Caller != t.client.pin.String() {
		return fmt.Errorf("About: the service was called by %q, not by the client %s", got.Caller, t.client.pin)
	}
	t.ok(fmt.Sprintf("About() = a service on %s, called by the client", got.Platform), time.Since(begun))
	return nil
}

// expect makes one call and compares what it returns.
func expect[T comparable](ctx context.Context, t *tour, p *pair, want T, method string, args ...any) (time.Duration, error) {
	begun := time.Now()
	got, err := halibut.Call[T](ctx, p.client, contract, method, args...)
	took := time.Since(begun)
	t.calls++
	if err == nil && got != want {
		err = fmt.Errorf("%s returned %v, expected %v", method, got, want)
	}
	return took, err
}

func (t *tour) manyCalls(ctx context.Context, p *pair) error {
	begun := time.Now()
	for t.burstCalls < burst && time.Since(begun) < burstTime {
		if _, err := expect(ctx, t, p, int64(t.burstCalls), "Divide", int64(t.burstCalls)*3, int64(3)); err != nil {
			return err
		}
		t.burstCalls++
	}
	t.burstTook = time.Since(begun)
	t.ok(fmt.Sprintf("Divide %s times, one call after another, each %s", count(int64(t.burstCalls)), duration(t.burstTook/time.Duration(max(t.burstCalls, 1)))), t.burstTook)
	return nil
}

// serviceError shows an error of the service's own.
func (t *tour) serviceError(ctx context.Context, p *pair) error {
	begun := time.Now()
	_, err := halibut.Call[int64](ctx, p.client, contract, "Divide", int64(1), int64(0))
	took := time.Since(begun)
	t.calls++
	if !strings.Contains(fmt.Sprint(err), "cannot divide 1 by zero") {
		return fmt.Errorf("Divide(1, 0) should fail with the service's words: %w", orMissing(err))
	}
	return t.fails("Divide(1, 0) fails, and the client is told why", took, err, halibut.CodeServiceFailed)
}

// wrongCertificate shows that a service with another certificate than the one
// that was pinned is not called.
func (t *tour) wrongCertificate(ctx context.Context, p *pair) error {
	to, err := halibut.ParseEndpoint("https://"+p.listenerAddr, t.client.pin.String())
	if err != nil {
		return err
	}
	begun := time.Now()
	err = p.clientSide.Client(to).Call(ctx, contract, "SayHello", nil, "Go")
	return t.fails("A service with another certificate is not called", time.Since(begun), err, halibut.CodeUntrusted)
}

// fails shows an error as a program would see it, if it is of the expected kind.
func (t *tour) fails(what string, took time.Duration, err error, want halibut.Code) error {
	var e *halibut.Error
	if !errors.As(err, &e) || e.Code != want {
		return fmt.Errorf("an error of the kind %q was expected: %w", want, orMissing(err))
	}
	t.ok(what, took)
	for _, line := range wrap(err.Error(), 72) {
		t.out.printf("       %s\n", t.out.paint(red, line))
	}
	t.out.printf("       %s\n", t.out.paint(dim, fmt.Sprintf("code: %s; the method: %s; safe to retry: %s",
		e.Code, e.Outcome, map[bool]string{true: "yes", false: "no"}[halibut.SafeToRetry(err)])))
	return nil
}

func orMissing(err error) error {
	if err == nil {
		return errors.New("there was no error")
	}
	return err
}

func (t *tour) sendFile(ctx context.Context, p *pair) error {
	content, err := halibut.StreamFile(t.file.path)
	if err != nil {
		return err
	}
	begun := time.Now()
	got, err := halibut.Call[stored](ctx, p.client, contract, "Store", "file", content.WithProgress(t.up.report))
	t.upTook = time.Since(begun)
	t.up.done()
	t.calls++
	if err != nil {
		return err
	}
	if want := (stored{t.file.size, t.file.sum}); got != want {
		return fmt.Errorf("the service stored %d bytes with SHA-256 %s, sent were %d with %s", got.Bytes, got.SHA256, want.Bytes, want.SHA256)
	}
	t.ok(fmt.Sprintf("Sent %s up, %s", size(t.file.size), rate(t.file.size, t.upTook)), t.upTook)
	return nil
}

func (t *tour) fetchFile(ctx context.Context, p *pair) error {
	begun := time.Now()
	content, err := halibut.Call[*halibut.DataStream](ctx, p.client, contract, "Fetch", "file")
	t.calls++
	if err != nil {
		t.down.done()
		return err
	}
	path := filepath.Join(t.clientFolder, "file")
	err = errors.Join(content.SaveTo(path), content.Close())
	t.downTook = time.Since(begun)
	t.down.done()
	if err != nil {
		return err
	}
	t.ok(fmt.Sprintf("Fetched it back, %s", rate(t.file.size, t.downTook)), t.downTook)
	fetched, sum, err := checksum(ctx, path)
	if err != nil {
		return err
	}
	if fetched != t.file.size || sum != t.file.sum {
		return fmt.Errorf("fetched back were %d bytes with SHA-256 %s, sent were %d with %s", fetched, sum, t.file.size, t.file.sum)
	}
	t.ok("The same SHA-256 at all three places", 0)
	t.out.printf("       %s\n", t.out.paint(dim, sum))
	// A large file of the user's is not kept twice while the other mode runs.
	return errors.Join(os.RemoveAll(t.serviceFolder), os.RemoveAll(t.clientFolder))
}

// ok shows a step that went as it should, and how long it took.
func (t *tour) ok(what string, took time.Duration) {
	const width = 64
	suffix := ""
	if took > 0 {
		suffix = strings.Repeat(" ", max(width-utf8.RuneCountInString(what), 1)) + t.out.paint(dim, fmt.Sprintf("%8s", duration(took)))
	}
	t.out.printf("  %s %s%s\n", t.out.paint(green, "ok"), what, suffix)
}

// summary is the mode in one line: calls, bytes, rates.
func (t *tour) summary() string {
	aSecond := float64(t.burstCalls) / max(t.burstTook.Seconds(), 1e-9)
	return fmt.Sprintf("%s %s calls, %s/s; %s, %s up, %s down",
		t.out.paint(bold, fmt.Sprintf("%-10s", t.mode.title+":")), count(int64(t.calls)), count(int64(aSecond)),
		size(2*t.file.size), rate(t.file.size, t.upTook), rate(t.file.size, t.downTook))
}

// wrap breaks text between words into lines of at most width characters.
func wrap(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line = word
			continue
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
