// Package proxyproto reads the header of the PROXY protocol, version 2, by which a
// proxy in front of a listener tells where a connection comes from.
package proxyproto

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
)

// signature begins each header.
const signature = "\r\n\r\n\x00\r\nQUIT\n"

const (
	fixedSize = 16
	// maxSize caps what follows the fixed part: addresses, and extensions that are
	// read over. HAProxy sends some hundred bytes.
	maxSize = 4 << 10

	version2     = 2
	commandLocal = 0
	commandProxy = 1
	tcp4         = 0x11
	tcp6         = 0x21
)

// Read reads a header, and not one byte beyond it. The address is that of the
// client, invalid where the header does not tell: the connection is the proxy's
// own, such as a health check, or came over something else than TCP.
func Read(r io.Reader) (client netip.AddrPort, err error) {
	var fixed [fixedSize]byte
	if _, err := io.ReadFull(r, fixed[:1]); err != nil {
		return client, err
	}
	if _, err := io.ReadFull(r, fixed[1:]); err != nil {
		return client, cut(err)
	}
	if string(fixed[:len(signature)]) != signature {
		return client, errors.New("the connection does not begin with a PROXY protocol header of version 2")
	}
	if version := fixed[12] >> 4; version != version2 {
		return client, fmt.Errorf("version %d of the PROXY protocol: only 2 is read", version)
	}
	size := int(binary.BigEndian.Uint16(fixed[14:]))
	if size > maxSize {
		return client, fmt.Errorf("a PROXY protocol header of %d bytes: at most %d are read", size, maxSize)
	}
	rest := make([]byte, size)
	if _, err := io.ReadFull(r, rest); err != nil {
		return client, cut(err)
	}
	switch command := fixed[12] & 0xf; command {
	case commandLocal:
		return client, nil
	case commandProxy:
		return source(fixed[13], rest)
	default:
		return client, fmt.Errorf("unknown command %d in a PROXY protocol header", command)
	}
}

// source is the first of the two addresses.
func source(family byte, rest []byte) (client netip.AddrPort, err error) {
	width := 0
	switch family {
	case tcp4:
		width = 4
	case tcp6:
		width = 16
	default:
		return client, nil
	}
	if len(rest) < 2*width+4 {
		return client, fmt.Errorf("a PROXY protocol header with %d bytes of addresses: %d are due", len(rest), 2*width+4)
	}
	ip, _ := netip.AddrFromSlice(rest[:width])
	return netip.AddrPortFrom(ip.Unmap(), binary.BigEndian.Uint16(rest[2*width:])), nil
}

func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the connection ended inside a PROXY protocol header: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// Conn is a connection whose peer's address came in a header.
type Conn struct {
	net.Conn
	Client netip.AddrPort
}

// RemoteAddr is the client's address, where it is known.
func (c *Conn) RemoteAddr() net.Addr {
	if !c.Client.IsValid() {
		return c.Conn.RemoteAddr()
	}
	return net.TCPAddrFromAddrPort(c.Client)
}

// NetConn is the connection to the proxy.
func (c *Conn) NetConn() net.Conn { return c.Conn }
