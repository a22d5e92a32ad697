package replay

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Player plays one side of a recorded connection to the implementation under
// test: what its side said is written, what the other side said is awaited and
// compared. It reads all the time, so that neither side waits for the other in
// a write.
type Player struct {
	Dialler bool // plays the side that opens the connection
	Items   []Item
	Release string
	Renamed *strings.Replacer // as in [Flow]
	// EndOptional: the other side may just close where END was recorded.
	EndOptional bool
	// Lenient are the places of messages of the other side that may say
	// something else than was recorded. Differing are those that did.
	Lenient, Differing map[int]bool
	// Deaf: what the other side says is awaited and not compared.
	Deaf bool

	mu      sync.Mutex
	moved   sync.Cond
	at      int // items before this one are done
	done    bool
	request string // id of the last request, of either side
}

// NewPlayer plays one side of a connection of a flow. A polling service says
// END or closes, as it likes (docs/protocol.md section 2).
func NewPlayer(f *Flow, items []Item, dialler bool) *Player {
	p := &Player{Dialler: dialler, Items: items, Release: f.Release, Renamed: f.Renamed, EndOptional: f.Polling() && !dialler,
		Lenient: make(map[int]bool), Differing: make(map[int]bool)}
	p.moved.L = &p.mu
	return p
}

// Await waits until all items before the one at this place are done. It is
// false when the player ended before that.
func (p *Player) Await(at int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.at < at && !p.done {
		p.moved.Wait()
	}
	return p.at >= at
}

// AwaitEnd waits until the player has closed its side.
func (p *Player) AwaitEnd() { p.Await(len(p.Items) + 1) }

func (p *Player) advance(at int, done bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.done = at, done
	p.moved.Broadcast()
}

// Run plays over conn and closes it. It returns the first difference.
func (p *Player) Run(conn io.ReadWriteCloser) error {
	heard := p.listen(conn)
	at := 0
	var err error
	for ; at < len(p.Items) && err == nil; at++ {
		p.advance(at, false)
		item := p.Items[at]
		if item.Kind == Closed && item.Dialler == p.Dialler {
			break // what the other side said after that nobody has read
		}
		if err = p.play(conn, heard, at); err != nil {
			err = fmt.Errorf("item %d: %w", at, err)
		}
	}
	closed := conn.Close()
	for h := range heard {
		if err == nil && h.err == nil && at == len(p.Items) {
			err = fmt.Errorf("%v comes, and nothing is recorded any more", h.item)
		}
	}
	p.advance(at, true)
	return errors.Join(err, closed)
}

func (p *Player) play(conn io.Writer, heard <-chan heard, at int) error {
	item := p.Items[at]
	switch {
	case item.Kind == Disposed:
		return nil
	case item.Dialler == p.Dialler:
		_, err := conn.Write(p.bytes(item))
		return err
	case item.Kind == LateFrame, item.Kind == Rest:
		return nil // see Compare, and what was cut off is not waited for
	}
	h, open := <-heard
	if !open {
		h.err = io.EOF
	}
	return p.judge(at, h)
}

// judge compares what was heard with what was recorded.
func (p *Player) judge(at int, h heard) error {
	want := p.Items[at]
	ended := errors.Is(h.err, io.EOF)
	switch {
	case want.Kind == Closed && ended:
		return nil
	case want.Kind == Closed && h.err == nil:
		return fmt.Errorf("recorded is that the side closes, and now %v comes", h.item)
	case ended && p.EndOptional && want.Text == "END":
		return nil
	case ended:
		return fmt.Errorf("the side closes before %v", want)
	case h.err != nil:
		return h.err
	}
	if h.item.IsRequest() {
		p.request = h.item.ID()
	}
	if h.item.IsResponse() && h.item.ID() != p.request {
		return fmt.Errorf("the response to %q has the id %q", p.request, h.item.ID())
	}
	if p.Deaf {
		return nil
	}
	err := Compare(want, h.item, p.Release, p.Renamed)
	if err != nil && p.Lenient[at] && h.item.Kind == Message {
		p.Differing[at] = true
		return nil
	}
	return err
}

// bytes are what to write for an item of this side: as it was recorded, but a
// response has the id of the request that it answers now.
func (p *Player) bytes(item Item) []byte {
	switch {
	case item.IsRequest():
		p.request = item.ID()
	case item.IsResponse():
		written := item.WithID(p.request)
		for _, frame := range item.Frames {
			written = frame.appendTo(written)
		}
		return written
	}
	return item.Bytes
}

type heard struct {
	item Item
	err  error
}

// listen splits what the other side writes, to its end.
func (p *Player) listen(conn io.Reader) <-chan heard {
	items := make(chan heard, len(p.Items)+1) // all that is expected finds room
	go func() {
		defer close(items)
		splitter := NewSplitter(conn, !p.Dialler)
		for {
			item, err := splitter.Next()
			items <- heard{item, err}
			if err != nil {
				return
			}
		}
	}()
	return items
}
