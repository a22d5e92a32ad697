package jsonrpc

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/wire"
)

// Protocol answers callers that speak the protocol of 2013, for
// Options.Protocols. They are told from others by their first five bytes, and
// their certificate is judged by the runtime's Authorizer before anything more
// is read.
type Protocol struct {
	// Services are the names of the runtime's services that may be called so,
	// such as "ICalculatorService", without regard to case. None of the others
	// exists for these callers.
	Services []string
	// InsecureOldTLS admits TLS 1.0 and 1.1 too, for callers on Windows that have
	// nothing newer. Both have known weaknesses: who listens and changes what
	// is on the way may read and alter calls. Such a Protocol is served on a
	// listener of its own, with halibut.ServeOnly, so that nobody else can be
	// made to fall back to them.
	InsecureOldTLS bool
}

var _ halibut.OldTLS = (*Protocol)(nil)

// Name implements [halibut.Protocol].
func (p *Protocol) Name() string { return "the protocol of 2013 (rpc://)" }

// NextProtos implements [halibut.Protocol]: in 2013 there was no ALPN.
func (p *Protocol) NextProtos() []string { return nil }

// MinTLS implements [halibut.OldTLS].
func (p *Protocol) MinTLS() uint16 {
	if p.InsecureOldTLS {
		return tls.VersionTLS10
	}
	return 0
}

const (
	startSize = 5       // of a document: its length, and the type of its first element
	startMax  = 1 << 29 // as a length: text has larger ones, whatever it says
)

// Match implements [halibut.Protocol].
func (p *Protocol) Match(start []byte) halibut.Match {
	if len(start) < startSize {
		return halibut.MaybeMatch
	}
	size, element := binary.LittleEndian.Uint32(start), wire.Kind(start[4])
	if size <= startSize || size >= startMax || element < wire.KindDouble || element > wire.KindInt64 {
		return halibut.NoMatch
	}
	return halibut.FullMatch
}

// Serve implements [halibut.Protocol]: one call, and the end of the connection.
func (p *Protocol) Serve(ctx context.Context, conn *halibut.Incoming) error {
	ctx, err := conn.Admit(ctx)
	if err != nil {
		return err
	}
	bounds := conn.Bounds()
	timed := bounds.Timed(conn)
	reader := wire.NewReader(timed, bounds.Reader)
	defer reader.Close()
	doc, err := reader.ReadPlainDocument()
	if err != nil {
		return fmt.Errorf("reading a request: %w", slow(err, "send the rest of it", "Limits.Read", bounds.Read))
	}
	request, err := parseRequest(doc, bounds.Reader.Limits.MaxDepth())
	if err != nil {
		return err
	}
	answer, err := p.answer(ctx, conn, request)
	if err != nil {
		return err
	}
	_, err = timed.Write(answer)
	return slow(err, "take the answer", "Limits.Write", bounds.Write)
}

// slow names the limit where one has ended the wait for the caller.
func slow(err error, what, name string, limit time.Duration) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return fmt.Errorf("the caller did not %s within %s (%s): %w", what, limit, name, err)
}

// answer runs the method while it watches the connection: a caller that is gone
// ends the method's context, and gets no answer.
func (p *Protocol) answer(ctx context.Context, conn *halibut.Incoming, request *wire.Request) ([]byte, error) {
	if refused := p.refuse(request); refused != nil {
		return appendResponse(nil, request.ID, wire.Raw{}, refused)
	}
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	_ = conn.SetReadDeadline(time.Time{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		_, _ = conn.Read(make([]byte, 1)) // nothing is due: it ends when the caller goes, or below
		cancel(errGone)
	}()
	response := conn.Answer(running, request)
	if context.Cause(running) == errGone {
		<-watched
		return nil, errGone
	}
	_ = conn.SetReadDeadline(time.Unix(1, 0))
	<-watched
	if response.Error != nil {
		return appendResponse(nil, request.ID, wire.Raw{}, failureOf(response.Error, request))
	}
	return appendResponse(nil, request.ID, response.Result, nil)
}

var errGone = errors.New("the caller is gone, or sent more than its request, before it had its answer")

// refuse says what the service of 2013 says before it looks for a method.
func (p *Protocol) refuse(request *wire.Request) *failure {
	switch {
	case request.Service == "" || request.Method == "":
		const message = "The request names no service or no method."
		return &failure{code: codeArgument, message: message, data: "System.ArgumentException: " + message}
	case !slices.ContainsFunc(p.Services, func(name string) bool { return strings.EqualFold(name, request.Service) }):
		return failureOf(&wire.ServerError{Type: laterNoService}, request)
	}
	return nil
}
