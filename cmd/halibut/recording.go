package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"
)

// record is a line of a recording: what was read from a side at once.
type record struct {
	From   string     `json:"from,omitempty"`
	Hex    string     `json:"hex,omitempty"`
	Closed bool       `json:"closed,omitempty"`
	Text   string     `json:"text,omitempty"` // in place of the bytes, where values are left out
	Time   *time.Time `json:"time,omitempty"`
	Note   string     `json:"note,omitempty"`
}

// readRecording reads a recording: a JSON object with records, or one of them in
// each line. ok is false for anything else.
func readRecording(content []byte) (records []record, ok bool, err error) {
	trimmed := bytes.TrimSpace(content)
	if len(trimmed) == 0 || trimmed[0] != '{' {
		return nil, false, nil
	}
	var whole struct {
		Records []record `json:"records"`
	}
	if json.Unmarshal(trimmed, &whole) == nil && len(whole.Records) > 0 {
		return whole.Records, true, nil
	}
	lines := bufio.NewScanner(bytes.NewReader(trimmed))
	lines.Buffer(nil, len(trimmed)+1)
	for n := 1; lines.Scan(); n++ {
		var r record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, true, fmt.Errorf("line %d is no record: %w", n, err)
		}
		records = append(records, r)
	}
	return records, true, lines.Err()
}

// recordedItem is an item, and where in the recording it is complete.
type recordedItem struct {
	item
	from  string
	index int
}

// recordedItems takes all sides of a recording apart, and puts what they said
// into the order in which it was complete.
func recordedItems(records []record, redacted, whole bool) (items []recordedItem, err error) {
	type side struct {
		content []byte
		ends    []int64 // where in content each record ends
		indices []int
	}
	sides := map[string]*side{}
	var names []string
	for i, r := range records {
		switch {
		case r.Closed:
			items = append(items, recordedItem{item{begin: -1, title: "closes the connection"}, r.From, i})
		case r.Note != "":
			items = append(items, recordedItem{item{title: r.Note}, "", i})
		case r.Text != "":
			items = append(items, recordedItem{item{begin: -1, title: r.Text}, r.From, i})
		case r.Hex != "":
			b, err := hex.DecodeString(r.Hex)
			if err != nil {
				return nil, fmt.Errorf("record %d: %w", i+1, err)
			}
			s := sides[r.From]
			if s == nil {
				s = &side{}
				sides[r.From] = s
				names = append(names, r.From)
			}
			s.content = append(s.content, b...)
			s.ends, s.indices = append(s.ends, int64(len(s.content))), append(s.indices, i)
		}
	}
	for _, name := range names {
		s := sides[name]
		newSideReader(bytes.NewReader(s.content), redacted, whole, func(found item) {
			at, _ := slices.BinarySearch(s.ends, found.end)
			items = append(items, recordedItem{found, name, s.indices[min(at, len(s.indices)-1)]})
		}).read()
	}
	slices.SortStableFunc(items, func(a, b recordedItem) int { return cmp.Compare(a.index, b.index) })
	return items, nil
}

// recorder writes a recording, a line for each record. It may be used from any
// goroutine, and remembers the first error.
type recorder struct {
	mu  sync.Mutex
	w   io.WriteCloser // nil: nothing is kept
	err error
}

// newRecorder makes a file that only the user may read, and that must not exist.
func newRecorder(name string) (*recorder, error) {
	if name == "" {
		return &recorder{}, nil
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the recording cannot be made: %w", err)
	}
	return &recorder{w: f}, nil
}

func (r *recorder) write(one record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.w == nil || r.err != nil {
		return
	}
	now := time.Now().UTC()
	one.Time = &now
	line, err := json.Marshal(one)
	if err == nil {
		_, err = r.w.Write(append(line, '\n'))
	}
	if err != nil {
		r.err = fmt.Errorf("the recording is not complete: %w", err)
	}
}

func (r *recorder) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.w == nil {
		return nil
	}
	return errors.Join(r.err, r.w.Close())
}
