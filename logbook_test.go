package halibut_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// logBook is a log handler that keeps its lines, for tests of what a log says.
type logBook struct {
	mu    sync.Mutex
	lines []string
	added chan struct{} // closed with each new line, and made anew
}

func newLogBook() *logBook { return &logBook{added: make(chan struct{})} }

func (b *logBook) logger() *slog.Logger { return slog.New(&logHandler{book: b}) }

func (b *logBook) add(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, line)
	close(b.added)
	b.added = make(chan struct{})
}

func (b *logBook) all() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.lines, "\n")
}

// await waits for a line that holds all of these texts, and returns it.
func (b *logBook) await(t testing.TB, texts ...string) string {
	t.Helper()
	line, ok := b.find(time.After(20*time.Second), texts)
	if !ok {
		t.Fatalf("no line of the log has all of %q:\n%s", texts, b.all())
	}
	return line
}

func (b *logBook) find(patience <-chan time.Time, texts []string) (string, bool) {
	for seen := 0; ; {
		b.mu.Lock()
		added, lines := b.added, b.lines[seen:]
		seen = len(b.lines)
		b.mu.Unlock()
		for _, line := range lines {
			if hasAll(line, texts) {
				return line, true
			}
		}
		select {
		case <-added:
		case <-patience:
			return "", false
		}
	}
}

func hasAll(text string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// logHandler writes level, message and attributes into a logBook.
type logHandler struct {
	book  *logBook
	attrs string
}

func (h *logHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", r.Level, r.Message)
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&b, " %s=%v", a.Key, a.Value.Resolve())
		return true
	})
	h.book.add(b.String() + h.attrs)
	return nil
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := &logHandler{book: h.book, attrs: h.attrs}
	for _, a := range attrs {
		with.attrs += fmt.Sprintf(" %s=%v", a.Key, a.Value.Resolve())
	}
	return with
}

func (h *logHandler) WithGroup(string) slog.Handler { return h }
