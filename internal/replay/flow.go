package replay

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Flow is a recording: some calls, and the connections that they took.
type Flow struct {
	File                        string // without folder and extension
	Release, Mode, Subscription string
	Calls                       []Call
	Connections                 []*Connection
	// Renamed are type names, as they are recorded, that the implementation
	// under test writes otherwise. Nil: none.
	Renamed *strings.Replacer `json:"-"`
}

// Call is what the recorded caller did.
type Call struct {
	Service, Method, Note string
	Args                  []string // JSON
	Outcome               string   // JSON, a description of streams, or "throws …"
}

func (c Call) String() string { return fmt.Sprintf("%s.%s (%s)", c.Service, c.Method, c.Note) }

// Connection is one recorded connection: the items of both sides, in the order
// in which each was complete, and the events.
type Connection struct {
	Number int // from 1
	Items  []Item
}

// Polling reports whether the service opened the connections.
func (f *Flow) Polling() bool { return f.Mode == "polling" }

// Load reads the recordings that match a pattern.
func Load(pattern string) ([]*Flow, error) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		return nil, errors.Join(err, fmt.Errorf("no recordings match %s", pattern))
	}
	var flows []*Flow
	for _, file := range files {
		flow, err := load(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		flows = append(flows, flow)
	}
	return flows, nil
}

type record struct {
	From, Hex, Note string
	Closed          bool
}

func load(file string) (*Flow, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var recorded struct {
		Flow
		Records []record
	}
	if err := json.Unmarshal(text, &recorded); err != nil {
		return nil, err
	}
	flow := &recorded.Flow
	flow.File = strings.TrimSuffix(filepath.Base(file), ".json")
	flow.Connections, err = connections(recorded.Records)
	return flow, err
}

// connections sorts records into connections.
func connections(records []record) ([]*Connection, error) {
	sides := make(map[string]*side)
	var order []string
	var disposed []int
	for i, r := range records {
		if r.Note != "" {
			disposed = append(disposed, i)
			continue
		}
		s := sides[r.From]
		if s == nil {
			s = new(side)
			sides[r.From] = s
			order = append(order, r.From)
		}
		if err := s.add(i, r); err != nil {
			return nil, err
		}
	}
	byNumber := make(map[int][]event)
	count := 0
	for _, name := range order {
		number, dialler, err := parseSide(name)
		if err != nil {
			return nil, err
		}
		events, err := sides[name].events(dialler)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		byNumber[number] = append(byNumber[number], events...)
		count = max(count, number)
	}
	var all []*Connection
	for number := 1; number <= count; number++ {
		events := byNumber[number]
		for _, at := range disposed {
			events = append(events, event{at, Item{Kind: Disposed}})
		}
		slices.SortStableFunc(events, func(a, b event) int { return a.at - b.at })
		c := &Connection{Number: number}
		for _, e := range events {
			c.Items = append(c.Items, e.item)
		}
		all = append(all, c.untilClosed())
	}
	return all, nil
}

// untilClosed drops a disposal that came when the connection was gone.
func (c *Connection) untilClosed() *Connection {
	if n := len(c.Items); n > 0 && c.Items[n-1].Kind == Disposed {
		c.Items = c.Items[:n-1]
	}
	return c
}

func parseSide(name string) (number int, dialler bool, err error) {
	rest, dialler := strings.CutPrefix(name, "dialler")
	if !dialler {
		var ok bool
		if rest, ok = strings.CutPrefix(name, "acceptor"); !ok {
			return 0, false, fmt.Errorf("a record from %q", name)
		}
	}
	if rest == "" {
		return 1, dialler, nil
	}
	number, err = strconv.Atoi(rest)
	return number, dialler, err
}

// side is what one side of a connection wrote, and in which records it came.
type side struct {
	data   []byte
	ends   []int // of the records in data
	at     []int // their places in the recording
	closed int   // place of its end, 0 for none
}

func (s *side) add(at int, r record) error {
	if r.Closed {
		s.closed = at
	}
	data, err := hex.DecodeString(r.Hex)
	if err != nil || len(data) == 0 {
		return err
	}
	s.data = append(s.data, data...)
	s.ends = append(s.ends, len(s.data))
	s.at = append(s.at, at)
	return nil
}

// event is an item with the place in the recording where it was complete.
type event struct {
	at   int
	item Item
}

func (s *side) events(dialler bool) ([]event, error) {
	var events []event
	splitter := NewSplitter(bytes.NewReader(s.data), dialler)
	for offset := 0; ; {
		item, err := splitter.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("at byte %d: %w", offset, err)
		}
		offset += len(item.Bytes)
		i, _ := slices.BinarySearch(s.ends, offset)
		events = append(events, event{s.at[i], item})
	}
	if s.closed > 0 {
		events = append(events, event{s.closed, Item{Kind: Closed, Dialler: dialler}})
	}
	return events, nil
}

// Size is how many bytes both sides wrote.
func (f *Flow) Size() int {
	size := 0
	for _, c := range f.Connections {
		for _, item := range c.Items {
			size += len(item.Bytes)
		}
	}
	return size
}
