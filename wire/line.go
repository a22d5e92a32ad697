package wire

import (
	"bytes"
	"errors"
	"io"
)

// The control lines, without their line end.
const (
	// Next asks for the next exchange on the same connection.
	Next = "NEXT"
	// Proceed answers Next.
	Proceed = "PROCEED"
	// End says that no further exchange follows.
	End = "END"
)

const lineEnd = "\r\n"

// AppendLine appends a control line and its line end to dst.
func AppendLine(dst []byte, line string) []byte {
	dst = append(dst, line...)
	return append(dst, lineEnd...)
}

// ReadLine reads one line and returns it without its line end. An empty line
// is returned as such: what waits for a control line skips it.
//
// The connection's end before a line is io.EOF, inside one it wraps
// io.ErrUnexpectedEOF. After any other error of the connection, such as a
// deadline that has passed, nothing is consumed and the line can be asked for
// again.
func (r *Reader) ReadLine() (string, error) {
	limit := r.limits().MaxLine()
	b := r.buffered()
	for want := 1; ; want = b.Buffered() + 1 {
		_, err := b.Peek(min(want, limit+len(lineEnd)))
		have, _ := b.Peek(min(b.Buffered(), limit+len(lineEnd)))
		if i := bytes.IndexByte(have, '\n'); i >= 0 {
			return r.takeLine(have[:i+1])
		}
		if err := strayReturn(have); err != nil {
			return "", err
		}
		if len(have) >= limit+len(lineEnd) {
			return "", &LimitError{What: "length of a line in bytes (Limits.Line)", Limit: int64(limit), Actual: int64(len(have))}
		}
		if errors.Is(err, io.EOF) {
			if len(have) == 0 {
				return "", io.EOF
			}
			return "", &ProtocolError{Message: "the connection ended inside the line " + quote(string(have)), Err: io.ErrUnexpectedEOF}
		}
		if err != nil {
			return "", err
		}
	}
}

// takeLine consumes a line that ends with a line feed.
func (r *Reader) takeLine(line []byte) (string, error) {
	if err := strayReturn(line); err != nil {
		return "", err
	}
	n := len(line)
	if n < len(lineEnd) || line[n-2] != '\r' {
		return "", &ProtocolError{Expected: `"\r\n" at the end of a line`, Found: quote(string(line))}
	}
	s := lineText(line[:n-len(lineEnd)])
	_, err := r.buf.Discard(n)
	return s, err
}

// strayReturn finds a carriage return that is followed by something else than
// a line feed.
func strayReturn(have []byte) error {
	i := bytes.IndexByte(have, '\r')
	if i < 0 || i == len(have)-1 || have[i+1] == '\n' {
		return nil
	}
	return &ProtocolError{
		Message: `Unexpected byte after '\r' in control message: ` + quote(string(have[i+1:i+2])),
	}
}

// lineText returns the lines that every exchange has without allocating.
func lineText(b []byte) string {
	switch string(b) {
	case "":
		return ""
	case Next:
		return Next
	case Proceed:
		return Proceed
	case End:
		return End
	}
	return string(b)
}

// NextIs reports whether the next bytes are the given line with its line end.
// It consumes nothing, and waits for no byte beyond the first that differs.
func (r *Reader) NextIs(line string) (bool, error) {
	for n := 1; n <= len(line)+len(lineEnd); n++ {
		have, err := r.Peek(n)
		if len(have) < n {
			return false, err
		}
		c := have[n-1]
		if n <= len(line) && c != line[n-1] || n > len(line) && c != lineEnd[n-len(line)-1] {
			return false, nil
		}
	}
	return true, nil
}
