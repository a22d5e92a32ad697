package wire

import (
	"errors"
	"io"
)

// PreambleText is what a dialler writes first. Releases on Linux write bare
// line feeds; every release reads either.
const PreambleText = "MX\r\n\r\n"

// dotnetPreambleLimit is where .NET stops looking for the blank line.
const dotnetPreambleLimit = 20_000

// A Preamble says what a dialler began with.
type Preamble uint8

const (
	// PreambleEmpty means that the connection ended without a byte.
	PreambleEmpty Preamble = iota
	// PreambleHalibut means that an identity follows.
	PreambleHalibut
	// PreambleOther is anything else, a browser's request most likely: it is
	// answered with a page for people.
	PreambleOther
)

func (p Preamble) String() string {
	switch p {
	case PreambleEmpty:
		return "empty"
	case PreambleHalibut:
		return "Halibut"
	}
	return "other"
}

// ReadPreamble reads what comes before the identity: everything up to a blank
// line, or to the end of the connection. What follows stays in the Reader.
//
// A request that is not Halibut's is read up to Limits.Preamble and no
// further; the rest of it may be left unread when the page is sent.
func (r *Reader) ReadPreamble() (Preamble, error) {
	limit := r.limits().MaxPreamble()
	b := r.buffered()
	var start [2]byte
	text := 0 // bytes other than carriage returns
	blank := false
	for range limit {
		c, err := b.ReadByte()
		if errors.Is(err, io.EOF) {
			return classify(start, text), nil
		}
		if err != nil {
			return PreambleEmpty, err
		}
		if c == '\r' {
			continue
		}
		if text < len(start) {
			start[text] = c
		}
		text++
		if c != '\n' {
			blank = false
			continue
		}
		if blank {
			return classify(start, text), nil
		}
		blank = true
	}
	kind := classify(start, text)
	if kind == PreambleHalibut {
		return kind, &LimitError{What: "bytes before the blank line that ends the preamble (Limits.Preamble)", Limit: int64(limit), Actual: int64(limit) + 1}
	}
	return PreambleOther, nil
}

func classify(start [2]byte, text int) Preamble {
	switch {
	case text == 0:
		return PreambleEmpty
	case start == [2]byte{'M', 'X'}:
		return PreambleHalibut
	}
	return PreambleOther
}
