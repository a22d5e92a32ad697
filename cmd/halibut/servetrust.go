package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/halibut-go/halibut"
)

// trustSource is whom a service trusts: what the flags say, and a file that is
// read again when it changes.
type trustSource struct {
	pins []halibut.Pin // of the flags
	held []held        // of the flags, too
	path string        // "" without a file
	list *halibut.TrustList
	log  *slog.Logger

	seen fs.FileInfo // the file as it was read last
}

// trustDocument is a trust file.
type trustDocument struct {
	Trust []struct {
		Name string      `toml:"name"`
		Pin  halibut.Pin `toml:"pin"`
	} `toml:"trust"`
}

func newTrustSource(pins []string, path string, held []held, log *slog.Logger) (*trustSource, error) {
	t := &trustSource{path: path, held: held, list: &halibut.TrustList{}, log: log}
	for _, text := range pins {
		pin, err := halibut.ParsePin(text)
		if err != nil {
			return nil, &usageError{err}
		}
		t.pins = append(t.pins, pin)
	}
	names, err := t.read()
	if err != nil {
		return nil, err
	}
	return t, t.list.Replace(t.entries(names))
}

// read gives the names of all trusted pins.
func (t *trustSource) read() (map[halibut.Pin]string, error) {
	names := make(map[halibut.Pin]string)
	for _, pin := range t.pins {
		names[pin] = "--trust"
	}
	if t.path == "" {
		return names, nil
	}
	f, err := os.Open(t.path)
	if err != nil {
		return nil, &usageError{fmt.Errorf("the trust file cannot be read: %w", err)}
	}
	defer f.Close()
	if t.seen, err = f.Stat(); err != nil {
		return nil, fmt.Errorf("the trust file cannot be read: %w", err)
	}
	var document trustDocument
	if err := toml.NewDecoder(f).DisallowUnknownFields().Decode(&document); err != nil {
		return nil, tomlError(t.path, err)
	}
	for i, entry := range document.Trust {
		if entry.Pin.IsZero() {
			return nil, usagef("%s: entry %d has no pin", t.path, i+1)
		}
		names[entry.Pin] = entry.Name
	}
	return names, nil
}

// entries are all that is trusted: who may call has a name, who may poll is held.
func (t *trustSource) entries(names map[halibut.Pin]string) []halibut.TrustEntry {
	byPin := make(map[halibut.Pin]*halibut.TrustEntry, len(names)+len(t.held))
	for pin := range names {
		byPin[pin] = &halibut.TrustEntry{Pin: pin, Calls: true}
	}
	for _, h := range t.held {
		if byPin[h.pin] == nil {
			byPin[h.pin] = &halibut.TrustEntry{Pin: h.pin}
		}
		byPin[h.pin].Subscriptions = append(byPin[h.pin].Subscriptions, h.subscription)
	}
	entries := make([]halibut.TrustEntry, 0, len(byPin))
	for _, entry := range byPin {
		entries = append(entries, *entry)
	}
	return entries
}

// watch reads the file again when it has changed or a SIGHUP has come, until
// ctx ends. It looks once a second: that finds every way in which editors and
// mounted volumes replace a file.
func (t *trustSource) watch(ctx context.Context) {
	hangUp := make(chan os.Signal, 1)
	signal.Notify(hangUp, syscall.SIGHUP)
	defer signal.Stop(hangUp)
	var look <-chan time.Time
	if t.path != "" {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		look = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangUp:
			t.reload("SIGHUP")
		case <-look:
			if t.changed() {
				t.reload("the file has changed")
			}
		}
	}
}

// changed reports whether the file is another one than was read. One that is
// gone for a moment is being replaced.
func (t *trustSource) changed() bool {
	now, err := os.Stat(t.path)
	return err == nil && (!os.SameFile(now, t.seen) || now.Size() != t.seen.Size() || !now.ModTime().Equal(t.seen.ModTime()))
}

// reload puts the new list in force and says what is different. A file that is
// wrong changes nothing.
func (t *trustSource) reload(why string) {
	names, err := t.read()
	if err == nil && len(names)+len(t.held) == 0 {
		err = errors.New("it trusts nobody; stop the service if that is meant")
	}
	if err != nil {
		t.log.Error("trust not changed: the last good list stays in force", "why", why, "error", err)
		return
	}
	before := t.list.All()
	if err := t.list.Replace(t.entries(names)); err != nil {
		t.log.Error("trust not changed: the last good list stays in force", "why", why, "error", err)
		return
	}
	var added, removed []string
	for pin, name := range names {
		if !trusts(before, pin) {
			added = append(added, strings.TrimSpace(pin.String()+" "+name))
		}
	}
	for _, entry := range before {
		if _, ok := names[entry.Pin]; !ok && entry.Calls {
			removed = append(removed, entry.Pin.String())
		}
	}
	slices.Sort(added)
	t.log.Info("trust read again", "why", why, "added", added, "removed", removed, "trusted", len(names))
}

func trusts(entries []halibut.TrustEntry, pin halibut.Pin) bool {
	return slices.ContainsFunc(entries, func(e halibut.TrustEntry) bool { return e.Pin == pin && e.Calls })
}
