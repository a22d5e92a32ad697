package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/dial"
	"github.com/halibut-go/halibut/internal/mutualtls"
	"github.com/halibut-go/halibut/wire"
)

// verdict names what is wrong. Programs may switch on them.
type verdict string

const (
	verdictOK                  verdict = "ok"
	verdictNameNotFound        verdict = "name-not-found"
	verdictRefused             verdict = "refused"
	verdictFiltered            verdict = "filtered"
	verdictUnreachable         verdict = "unreachable"
	verdictProxy               verdict = "proxy"
	verdictProxyPassword       verdict = "proxy-authentication"
	verdictNotTLS              verdict = "not-tls"
	verdictTLSVersion          verdict = "tls-version"
	verdictTLSFailed           verdict = "tls-failed"
	verdictCertificate         verdict = "certificate-unreadable"
	verdictIntercepted         verdict = "intercepted"
	verdictWrongCertificate    verdict = "wrong-certificate"
	verdictNotWebsocket        verdict = "not-websocket"
	verdictNotTrusted          verdict = "not-trusted"
	verdictSubscriptionRefused verdict = "subscription-refused"
	verdictConnectionLimit     verdict = "connection-limit"
	verdictNotHalibut          verdict = "not-halibut"
	verdictNeverPolls          verdict = "never-polls"
	verdictCallFailed          verdict = "call-failed"
)

// finding is what a step came to that did not go well: what failed, and what to
// do about it.
type finding struct {
	verdict verdict
	reason  string
	advice  string
	err     error
}

func (f *finding) Error() string {
	if f.advice == "" {
		return f.reason
	}
	return f.reason + ". " + f.advice
}

func (f *finding) Unwrap() error { return f.err }

// status is the exit status that goes with the verdict.
func (f *finding) status() int {
	switch f.verdict {
	case verdictIntercepted, verdictWrongCertificate, verdictNotTrusted, verdictSubscriptionRefused, verdictCertificate:
		return exitUntrusted
	case verdictCallFailed:
		return exitFailed
	default:
		return exitUnreachable
	}
}

// asError gives an error the exit status of its finding.
func (f *finding) asError(what string) error {
	return &statusError{f.status(), fmt.Errorf("%s: %w", what, f)}
}

// diagnoseName explains a name that was not resolved.
func diagnoseName(err error) *finding {
	var lookup *net.DNSError
	if errors.As(err, &lookup) && lookup.IsNotFound {
		return &finding{verdictNameNotFound, "the name has no address", "Check the spelling, and whether this machine asks the right name server", err}
	}
	return &finding{verdictNameNotFound, "the name cannot be resolved: " + err.Error(), "The name server does not answer; try again, or give the address in place of the name", err}
}

// diagnoseConnect explains a connection that was not made.
func diagnoseConnect(err error) *finding {
	var proxy *dial.ProxyError
	switch {
	case errors.As(err, &proxy):
		return diagnoseProxy(proxy)
	case errors.Is(err, syscall.ECONNREFUSED):
		return &finding{verdictRefused, "the connection is refused", "The machine is there, and nothing listens at this port: is the service running, is the port right?", err}
	case isTimeout(err):
		return &finding{verdictFiltered, "nothing answers", "A firewall that drops packets, a wrong address, or a machine that is off: ask who runs the network whether the port is open from here", err}
	default:
		return &finding{verdictUnreachable, "no connection: " + err.Error(), "Is there a way from this network to that address?", err}
	}
}

// diagnoseProxy explains a proxy that did not lead to the peer.
func diagnoseProxy(err *dial.ProxyError) *finding {
	f := &finding{verdictProxy, err.Error(), err.Advice, err}
	if strings.Contains(err.Status, " 407") {
		f.verdict = verdictProxyPassword
	}
	if f.advice == "" && errors.Is(err, syscall.ECONNREFUSED) {
		f.advice = "Nothing listens at the proxy's address: is it the right one?"
	}
	return f
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || (errors.As(err, &timeout) && timeout.Timeout())
}

// diagnoseHandshake explains a TLS handshake that failed.
func diagnoseHandshake(err error) *finding {
	var (
		wrong       *wrongCertificateError
		unreadable  *mutualtls.CertificateError
		notTLS      tls.RecordHeaderError
		text        = err.Error()
		tlsVersions = "protocol version not supported|unsupported protocol version|no supported versions"
	)
	switch {
	case errors.As(err, &wrong):
		return diagnoseCertificate(wrong)
	case errors.As(err, &unreadable):
		return &finding{verdictCertificate, "the peer's certificate cannot be used: " + text, sentence(unreadable.Hint()), err}
	case errors.As(err, &notTLS):
		return &finding{verdictNotTLS, "what listens there does not speak TLS" + quoted(notTLS.RecordHeader[:]), "Is the port right?", err}
	case containsAny(text, tlsVersions):
		return &finding{verdictTLSVersion, "there is no TLS version that both sides speak: " + text, "This side speaks TLS 1.2 and 1.3. The peer's system may have them switched off, or be too old for them", err}
	case isTimeout(err):
		return &finding{verdictTLSFailed, "the peer says nothing in the TLS handshake", "What listens there may wait for something else than TLS, or something between holds the bytes back", err}
	case rejection(err):
		return &finding{verdictTLSFailed, "the peer closed the connection in the TLS handshake", "A firewall that looks into connections does so, and so does a peer that accepts no certificate of our kind", err}
	default:
		return &finding{verdictTLSFailed, "the TLS handshake failed: " + text, "", err}
	}
}

func diagnoseCertificate(wrong *wrongCertificateError) *finding {
	f := &finding{verdictWrongCertificate, wrong.Error(), "The peer may have a new certificate, or the address may lead to another machine: compare the pin with the peer's own before you trust it", wrong}
	if c := wrong.certificate; c != nil {
		f.reason += fmt.Sprintf(" of %q", c.Subject.String())
		if c.Subject.String() != c.Issuer.String() {
			f.verdict = verdictIntercepted
			f.reason += fmt.Sprintf(", issued by %q", c.Issuer.String())
			f.advice = "Halibut's certificates are issued by nobody else: something between intercepts TLS, such as a firewall or a virus scanner, or this is another kind of server. Have the connection excepted from interception"
		}
	}
	return f
}

// diagnoseUpgrade explains a request for a websocket that was not granted.
func diagnoseUpgrade(err error, own halibut.Pin) *finding {
	var answer *wire.ProtocolError
	text := err.Error()
	f := &finding{verdict: verdictNotWebsocket, err: err}
	switch {
	case strings.Contains(text, "remote error: tls: "):
		return diagnoseIdentify(err, own)
	case errors.As(err, &answer):
		f.reason = "there is no websocket for Halibut: the server's " + strings.TrimPrefix(answer.Found, "the ")
		f.advice = adviceOn(answer.Found)
	case isTimeout(err):
		f.reason, f.advice = "the server does not answer the request for a websocket", "What listens there speaks TLS, and may wait for something else than HTTP"
	case rejection(err):
		f.reason, f.advice = "the server closed the connection when a websocket was asked for", "It may not speak HTTP, or not accept our certificate "+own.String()
	default:
		f.reason, f.advice = "what listens there speaks TLS, but gives no websocket: "+text, "Is the port right? An endpoint without a websocket begins with https://"
	}
	return f
}

// adviceOn says what the status of an HTTP answer means here.
func adviceOn(answer string) string {
	switch {
	case strings.Contains(answer, `"404`):
		return "Is the path right? It is what the other side has, for example in 'halibut serve --websocket PATH'"
	case strings.Contains(answer, `"401`), strings.Contains(answer, `"403`):
		return "No client certificate has arrived there, or a firewall refuses websockets: does a reverse proxy end TLS between? It must pass the certificate on"
	case strings.Contains(answer, `"30`):
		return "The server sends us elsewhere: ask for the endpoint that it means"
	case strings.Contains(answer, `"5`):
		return "A gateway there does not reach what is behind it: ask who runs it"
	case strings.Contains(answer, `"200`), strings.Contains(answer, `"4`):
		return "A web server answers, which has no websocket at this path, or something between takes the upgrade away"
	default:
		return "It answers for another use of websockets: is the path right?"
	}
}

// diagnoseRPC explains a call in the protocol of 2013, in which it shows with
// the answer alone whether the peer trusts us.
func diagnoseRPC(err error, own halibut.Pin) *finding {
	text := err.Error()
	switch {
	case strings.Contains(text, "remote error: tls: "), strings.Contains(text, "closed the connection without an answer"), errors.Is(err, syscall.ECONNRESET):
		return &finding{verdictNotTrusted, "the peer closed the connection without an answer",
			"It does not trust our certificate " + own.String() + ", or does not speak the protocol of 2013: try https:// in place of rpc://", err}
	case isTimeout(err):
		return &finding{verdictNotHalibut, "a call is not answered", "What listens there may not speak the protocol of 2013: try https:// in place of rpc://", err}
	default:
		return diagnoseCall(err)
	}
}

// diagnoseIdentify explains a peer that did not say who it is.
func diagnoseIdentify(err error, own halibut.Pin) *finding {
	var protocol *wire.ProtocolError
	switch {
	case errors.Is(err, errRejected), strings.Contains(err.Error(), "remote error: tls: "):
		return &finding{verdictNotTrusted, "the peer closed the connection when we had said who we are", "It does not trust our certificate: have " + own.String() + " added to those that it trusts", err}
	case errors.As(err, &protocol):
		return &finding{verdictNotHalibut, "what listens there speaks TLS, but not Halibut: " + err.Error(), "Is the port right?", err}
	case isTimeout(err):
		return &finding{verdictNotHalibut, "the peer does not say who it is", "What listens there speaks TLS, and may wait for something else than Halibut", err}
	default:
		return &finding{verdictNotHalibut, "the peer did not say who it is: " + err.Error(), "", err}
	}
}

// diagnoseCall explains a call that was not answered as it should be.
func diagnoseCall(err error) *finding {
	var answer *remoteAnswer
	switch {
	case errors.As(err, &answer):
		return &finding{verdictCallFailed, "the peer answers a call with another error than that the service is missing: " + answer.Error(), "", err}
	case isTimeout(err):
		return &finding{verdictCallFailed, "a call is not answered", "The peer is there, and is too busy or hangs", err}
	default:
		return &finding{verdictCallFailed, "a call fails: " + err.Error(), "", err}
	}
}

// rejection reports whether the peer closed the connection.
func rejection(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || strings.HasSuffix(err.Error(), "EOF")
}

func containsAny(text, alternatives string) bool {
	for one := range strings.SplitSeq(alternatives, "|") {
		if strings.Contains(text, one) {
			return true
		}
	}
	return false
}

// quoted shows the beginning of an answer if it is text.
func quoted(b []byte) string {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return ""
		}
	}
	return fmt.Sprintf(": it answers %q", b)
}

func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
