package wire

import (
	"fmt"

	"github.com/halibut-go/halibut/internal/bson"
)

// Endpoint is the service endpoint that a request carries (wire protocol,
// section 3). Receivers never use it; it is there because old .NET readers
// want to see one. The members and their order are those of .NET Halibut 8.1.
type Endpoint struct {
	PollingRequestQueueTimeout  TimeSpan
	RetryListeningSleepInterval TimeSpan
	RetryCountLimit             int32
	ConnectionErrorRetryTimeout TimeSpan
	TCPClientConnectTimeout     TimeSpan
	BaseURI                     string // never null on the wire: old readers need it
	RemoteThumbprint            string // "" is null on the wire
	Proxy                       *Proxy
	IsWebSocketEndpoint         bool
}

// Proxy is the proxy of an [Endpoint]. It has no password: that would reach
// every peer the request is sent to.
type Proxy struct {
	Host     string
	Port     int32
	UserName string // "" is null on the wire
	Type     int32
}

func (e *Endpoint) appendTo(dst []byte) []byte {
	dst, start := bson.Begin(dst)
	dst = appendSpan(dst, "PollingRequestQueueTimeout", e.PollingRequestQueueTimeout)
	dst = appendSpan(dst, "RetryListeningSleepInterval", e.RetryListeningSleepInterval)
	dst = bson.AppendInt32(dst, "RetryCountLimit", e.RetryCountLimit)
	dst = appendSpan(dst, "ConnectionErrorRetryTimeout", e.ConnectionErrorRetryTimeout)
	dst = appendSpan(dst, "TcpClientConnectTimeout", e.TCPClientConnectTimeout)
	dst = bson.AppendString(dst, "BaseUri", e.BaseURI)
	dst = appendOptional(dst, "RemoteThumbprint", e.RemoteThumbprint)
	dst = e.Proxy.appendTo(dst)
	dst = bson.AppendNull(dst, "ForceResolveHost")
	dst = bson.AppendBool(dst, "IsWebSocketEndpoint", e.IsWebSocketEndpoint)
	return bson.End(dst, start)
}

func (p *Proxy) appendTo(dst []byte) []byte {
	if p == nil {
		return bson.AppendNull(dst, "Proxy")
	}
	dst, start := bson.Begin(bson.AppendHeader(dst, bson.Document, "Proxy"))
	dst = bson.AppendString(dst, "Host", p.Host)
	dst = bson.AppendInt32(dst, "Port", p.Port)
	dst = appendOptional(dst, "UserName", p.UserName)
	dst = bson.AppendNull(dst, "Password")
	dst = bson.AppendInt32(dst, "Type", p.Type)
	return bson.End(dst, start)
}

func appendSpan(dst []byte, name string, t TimeSpan) []byte {
	dst, start := bson.Begin(bson.AppendHeader(dst, bson.String, name))
	dst = t.appendText(dst)
	// A string's length counts its terminator but not itself.
	return endString(dst, start)
}

func appendOptional(dst []byte, name, text string) []byte {
	if text == "" {
		return bson.AppendNull(dst, name)
	}
	return bson.AppendString(dst, name, text)
}

// ParseEndpoint reads the endpoint that came with a request, kept in
// [Request.RawEndpoint]; nil when the request has none. Passwords are not read.
func ParseEndpoint(raw Raw) (*Endpoint, error) {
	if raw.IsNull() {
		return nil, nil
	}
	if raw.Type != KindDocument {
		return nil, fmt.Errorf("the request's endpoint is %s, not a document", withArticle(raw.Type))
	}
	e := &Endpoint{}
	var m members
	for it := raw.Elements(); it.Next(); {
		switch name := it.Name(); {
		case foldEqual(name, "PollingRequestQueueTimeout"):
			e.PollingRequestQueueTimeout = m.span("PollingRequestQueueTimeout", it.Value())
		case foldEqual(name, "RetryListeningSleepInterval"):
			e.RetryListeningSleepInterval = m.span("RetryListeningSleepInterval", it.Value())
		case foldEqual(name, "RetryCountLimit"):
			e.RetryCountLimit = m.int32("RetryCountLimit", it.Value())
		case foldEqual(name, "ConnectionErrorRetryTimeout"):
			e.ConnectionErrorRetryTimeout = m.span("ConnectionErrorRetryTimeout", it.Value())
		case foldEqual(name, "TcpClientConnectTimeout"):
			e.TCPClientConnectTimeout = m.span("TcpClientConnectTimeout", it.Value())
		case foldEqual(name, "BaseUri"):
			e.BaseURI = m.text("BaseUri", it.Value())
		case foldEqual(name, "RemoteThumbprint"):
			e.RemoteThumbprint = m.text("RemoteThumbprint", it.Value())
		case foldEqual(name, "Proxy"):
			e.Proxy = m.proxy("Proxy", it.Value())
		case foldEqual(name, "IsWebSocketEndpoint"):
			e.IsWebSocketEndpoint = m.bool("IsWebSocketEndpoint", it.Value())
		}
	}
	if m.err != nil {
		return nil, fmt.Errorf("the request's endpoint: %w", m.err)
	}
	return e, nil
}

func (m *members) proxy(name string, v Raw) *Proxy {
	if v.IsNull() || m.wrong(name, v, KindDocument) {
		return nil
	}
	p := &Proxy{}
	for it := v.Elements(); it.Next(); {
		switch name := it.Name(); {
		case foldEqual(name, "Host"):
			p.Host = m.text("Host", it.Value())
		case foldEqual(name, "Port"):
			p.Port = m.int32("Port", it.Value())
		case foldEqual(name, "UserName"):
			p.UserName = m.text("UserName", it.Value())
		case foldEqual(name, "Type"):
			p.Type = m.int32("Type", it.Value())
		}
	}
	return p
}
