package websocket

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/halibut-go/halibut"
)

// Handler answers requests for a websocket and holds Halibut's conversation on
// it, as client or as service, whichever the peer wants: both directions work
// as over TLS alone. It serves until the conversation ends.
//
// The peer's certificate comes from the TLS connection of the request: a server
// of your own asks for one with tls.RequestClientCert, or RequireAnyClientCert,
// and does not verify it. Whom it belongs to and what it may do is for the
// runtime's Authorizer.
type Handler struct {
	// Runtime is whose conversation it is. Nil is that of the listener, for a
	// handler that is served by [HTTP].
	Runtime *halibut.Runtime
	// Origins are the Origin headers that are accepted, such as
	// "https://tools.example.com". Requests with another are refused: a browser
	// sends one, and presents certificates on behalf of any page.
	Origins []string
	// ReverseProxy, if not nil, is what ends TLS in front of this server. Then
	// connections are accepted from it alone.
	ReverseProxy *ReverseProxy
	// Page answers requests that are not for a websocket. Nil answers with a
	// short page.
	Page http.Handler
	// Ping is the pause between pings: 0 is 30 seconds, negative is none.
	Ping time.Duration
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		h.page(w, r)
		return
	}
	served := servedOn(r)
	peer, status, err := h.check(r, served)
	if err != nil {
		h.refused(r, served, err)
		w.Header().Set("Connection", "close") // a listener books what became of a connection at its end
		http.Error(w, err.Error(), status)
		return
	}
	capturing := &capturingWriter{ResponseWriter: w}
	var ws *websocket.Conn
	withSHA1(func() {
		ws, err = websocket.Accept(capturing, r, &websocket.AcceptOptions{
			Subprotocols: []string{subprotocol}, CompressionMode: websocket.CompressionDisabled,
			InsecureSkipVerify: true, // the origin was checked
		})
	})
	if err != nil {
		h.refused(r, served, err)
		return
	}
	c := newConn(ws, capturing.conn, h.Ping)
	c.awaitsOpening = true
	if served != nil && (h.Runtime == nil || h.Runtime == served.incoming.Runtime()) {
		err = served.incoming.Converse(r.Context(), c, peer)
	} else {
		err = h.Runtime.ServeConn(r.Context(), c, peer)
	}
	served.refused(err)
	_ = c.Close()
}

// refused tells the listener, or the runtime itself in a server of its own, why
// a request was refused.
func (h *Handler) refused(r *http.Request, served *served, err error) {
	switch {
	case served != nil:
		served.refused(err)
	case h.Runtime == nil:
	case r.TLS != nil:
		h.Runtime.Refuse(halibut.PeerOf(r.TLS, remoteAddr(r)), err)
	default:
		h.Runtime.Refuse(halibut.Peer{Addr: remoteAddr(r)}, err)
	}
}

// check says who asks, or why it is refused.
func (h *Handler) check(r *http.Request, served *served) (peer halibut.Peer, status int, err error) {
	if served == nil && h.Runtime == nil {
		return peer, http.StatusInternalServerError, errors.New("the handler has no Runtime")
	}
	if origins := r.Header.Values("Origin"); len(origins) > 1 || len(origins) == 1 && !slices.Contains(h.Origins, origins[0]) {
		return peer, http.StatusForbidden, errors.New("requests from web pages are refused")
	}
	if !slices.ContainsFunc(r.Header.Values("Sec-Websocket-Protocol"), offersSubprotocol) {
		return peer, http.StatusBadRequest, fmt.Errorf("the websocket sub-protocol %s is required", subprotocol)
	}
	if h.ReverseProxy != nil {
		if peer, err = h.ReverseProxy.peer(r); err != nil {
			return peer, http.StatusForbidden, err
		}
		return peer, 0, nil
	}
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return peer, http.StatusForbidden, errors.New("a client certificate is required")
	}
	return halibut.PeerOf(r.TLS, remoteAddr(r)), 0, nil
}

func offersSubprotocol(header string) bool {
	return slices.ContainsFunc(strings.Split(header, ","), func(name string) bool { return strings.TrimSpace(name) == subprotocol })
}

func (h *Handler) page(w http.ResponseWriter, r *http.Request) {
	if h.Page != nil {
		h.Page.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte("<html><body><p>Hello!</p></body></html>"))
}

// remoteAddr is the peer's address, of which net/http has only the text.
func remoteAddr(r *http.Request) net.Addr {
	if addr, err := net.ResolveTCPAddr("tcp", r.RemoteAddr); err == nil {
		return addr
	}
	return textAddr(r.RemoteAddr)
}

type textAddr string

func (textAddr) Network() string  { return "unix" }
func (a textAddr) String() string { return string(a) }

// capturingWriter keeps the connection that is taken over.
type capturingWriter struct {
	http.ResponseWriter
	conn *framedConn
}

// Hijack implements [http.Hijacker].
func (w *capturingWriter) Hijack() (conn net.Conn, buffered *bufio.ReadWriter, err error) {
	conn, buffered, err = http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if err := buffered.Flush(); err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	w.conn = &framedConn{Conn: conn}
	return w.conn, bufio.NewReadWriter(buffered.Reader, bufio.NewWriter(w.conn)), nil
}
