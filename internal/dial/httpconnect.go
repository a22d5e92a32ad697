package dial

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// replyLimit caps the head of a proxy's reply. What real ones send is below 2 KiB.
const replyLimit = 16 << 10

// httpConnect asks an HTTP proxy for a tunnel to addr (RFC 9110 section 9.3.6).
func httpConnect(conn net.Conn, user *url.Userinfo, addr string) (net.Conn, error) {
	var hidden secrets
	request := "CONNECT " + addr + " HTTP/1.1\r\nHost: " + addr + "\r\n"
	if user != nil {
		password, _ := user.Password()
		credentials := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		request += "Proxy-Authorization: Basic " + credentials + "\r\n"
		hidden = secrets{credentials, password}
	}
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		return nil, fmt.Errorf("the proxy took no request: %w", err)
	}
	head, rest, err := readHead(conn, hidden)
	if err != nil {
		return nil, err
	}
	if err := checkReply(head, user != nil, hidden); err != nil {
		return nil, err
	}
	if len(rest) == 0 {
		return conn, nil
	}
	return &readAheadConn{Conn: conn, ahead: rest}, nil
}

// readHead reads a reply up to its blank line, in however many pieces it comes.
// rest is what came after it, which is the peer's.
func readHead(conn net.Conn, hidden secrets) (head string, rest []byte, err error) {
	var buf []byte
	for {
		if len(buf) == replyLimit {
			return "", nil, fmt.Errorf("the head of the proxy's answer is longer than %d bytes", replyLimit)
		}
		buf = slices.Grow(buf, min(1024, replyLimit-len(buf)))
		n, err := conn.Read(buf[len(buf):min(cap(buf), replyLimit)])
		buf = buf[:len(buf)+n]
		if end := headEnd(buf); end > 0 {
			return string(buf[:end]), bytes.Clone(buf[end:]), nil
		}
		switch {
		case errors.Is(err, io.EOF) && len(buf) == 0:
			return "", nil, errors.New("the proxy closed the connection without an answer")
		case errors.Is(err, io.EOF):
			return "", nil, fmt.Errorf("the proxy closed the connection in the middle of its answer %q", hidden.firstLine(string(buf)))
		case err != nil:
			return "", nil, fmt.Errorf("reading the proxy's answer: %w", err)
		}
		if len(buf) >= len(httpStart) && string(buf[:len(httpStart)]) != httpStart {
			return "", nil, &ProxyError{Lasts: true, Err: fmt.Errorf("the proxy's answer is not HTTP: it begins with %q", hidden.firstLine(string(buf))),
				Advice: "What listens at the proxy's address may be no HTTP proxy"}
		}
	}
}

const httpStart = "HTTP/1."

// headEnd is where the body begins, 0 if the head has not ended.
func headEnd(b []byte) int {
	crlf, lf := bytes.Index(b, []byte("\r\n\r\n")), bytes.Index(b, []byte("\n\n"))
	switch {
	case crlf >= 0 && (lf < 0 || crlf < lf):
		return crlf + 4
	case lf >= 0:
		return lf + 2
	default:
		return 0
	}
}

// checkReply accepts any 2xx.
func checkReply(head string, authorized bool, hidden secrets) error {
	line, _, _ := strings.Cut(head, "\n")
	_, rest, _ := strings.Cut(strings.TrimRight(line, "\r"), " ")
	digits, _, _ := strings.Cut(rest, " ")
	code, err := strconv.Atoi(digits)
	status := hidden.firstLine(head)
	if !strings.HasPrefix(line, httpStart) || err != nil || code < 100 || code > 999 {
		return &ProxyError{Status: status, Lasts: true, Err: fmt.Errorf("the proxy's answer is not HTTP: %q", status)}
	}
	if code/100 == 2 {
		return nil
	}
	refused := &ProxyError{Status: status, Err: fmt.Errorf("the proxy answered %q", status)}
	switch {
	case code == 407 && authorized:
		refused.Lasts, refused.Advice = true, "The proxy does not accept the user and password in its URL, or wants another kind of authentication than Basic"
	case code == 407:
		refused.Lasts, refused.Advice = true, "The proxy wants a user and password: give them in its URL, http://user:password@host:port"
	case code == 502, code == 503, code == 504:
		refused.Advice = "The proxy could not reach the peer: the name may be unknown to it, or the peer not be listening"
	case code/100 == 4:
		refused.Lasts, refused.Advice = true, "The proxy's rules may not allow this host or port: many allow CONNECT to port 443 alone"
	}
	return refused
}

// secrets are what a proxy may repeat and an error must not.
type secrets []string

// firstLine is the first line of what a proxy sent, for an error: without the
// secrets, and cut to a length that an error can hold.
func (hidden secrets) firstLine(text string) string {
	line, _, whole := strings.Cut(text, "\n")
	line = strings.TrimRight(line, "\r")
	for _, secret := range hidden {
		if secret == "" {
			continue
		}
		line = strings.ReplaceAll(line, secret, mask)
		for n := len(secret) - 1; n > 0 && !whole; n-- { // the rest of it had yet to come
			if start, ok := strings.CutSuffix(line, secret[:n]); ok {
				line = start + mask
				break
			}
		}
	}
	if len(line) > 200 {
		line = line[:200] + "..."
	}
	return line
}

const mask = "xxxxx"

// readAheadConn is a connection of which some bytes were read already.
type readAheadConn struct {
	net.Conn
	ahead []byte
}

func (c *readAheadConn) Read(p []byte) (int, error) {
	if len(c.ahead) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.ahead)
	c.ahead = c.ahead[n:]
	return n, nil
}

// NetConn is the connection beneath, for [Tune].
func (c *readAheadConn) NetConn() net.Conn { return c.Conn }
