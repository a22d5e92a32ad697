package dial

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strconv"
)

// The numbers of SOCKS 5 (RFC 1928) and of its user and password
// authentication (RFC 1929).
const (
	socksVersion     = 5
	socksNoAuth      = 0
	socksPassword    = 2
	socksNoneFits    = 0xff
	socksAuthVersion = 1
	socksConnectVerb = 1
	socksIPv4        = 1
	socksName        = 3
	socksIPv6        = 4
	socksTextLimit   = 255
)

var socksReplies = map[byte]string{
	1: "it failed", 2: "its rules do not allow this connection", 3: "the network is unreachable",
	4: "the host is unreachable", 5: "the peer refused the connection", 6: "the time to live expired",
	7: "it does not know the command", 8: "it does not know the kind of address",
}

// socksConnect asks a SOCKS 5 proxy for a connection to addr. It reads not a
// byte beyond the answer.
func socksConnect(conn net.Conn, user *url.Userinfo, addr string) error {
	request, err := socksRequest(addr)
	if err != nil {
		return &ProxyError{Lasts: true, Err: err}
	}
	if err := socksGreet(conn, user); err != nil {
		return err
	}
	if _, err := conn.Write(request); err != nil {
		return fmt.Errorf("the proxy took no request: %w", err)
	}
	var head [4]byte
	if err := socksRead(conn, head[:]); err != nil {
		return err
	}
	if head[0] != socksVersion {
		return notSocks(head[0])
	}
	if head[1] != 0 {
		reason, ok := socksReplies[head[1]]
		if !ok {
			reason = fmt.Sprintf("it answered with the unknown code %d", head[1])
		}
		return &ProxyError{Lasts: head[1] == 2 || head[1] == 7 || head[1] == 8, Err: errors.New("the proxy says that " + reason)}
	}
	return socksSkipAddress(conn, head[3])
}

func socksGreet(conn net.Conn, user *url.Userinfo) error {
	methods := []byte{socksVersion, 1, socksNoAuth}
	if user != nil {
		methods = []byte{socksVersion, 2, socksNoAuth, socksPassword}
	}
	if _, err := conn.Write(methods); err != nil {
		return fmt.Errorf("the proxy took no request: %w", err)
	}
	var chosen [2]byte
	if err := socksRead(conn, chosen[:]); err != nil {
		return err
	}
	switch {
	case chosen[0] != socksVersion:
		return notSocks(chosen[0])
	case chosen[1] == socksNoAuth:
		return nil
	case chosen[1] == socksPassword && user != nil:
		return socksAuthenticate(conn, user)
	case chosen[1] == socksNoneFits && user == nil:
		return &ProxyError{Lasts: true, Err: errors.New("the proxy lets nobody in who does not say who it is"),
			Advice: "Give a user and password in the proxy's URL, socks5://user:password@host:port"}
	default:
		return &ProxyError{Lasts: true, Err: errors.New("the proxy wants a kind of authentication that is not supported")}
	}
}

func socksAuthenticate(conn net.Conn, user *url.Userinfo) error {
	password, _ := user.Password()
	if len(user.Username()) > socksTextLimit || len(password) > socksTextLimit {
		return &ProxyError{Lasts: true, Err: fmt.Errorf("a user and a password for SOCKS have at most %d bytes", socksTextLimit)}
	}
	request := append([]byte{socksAuthVersion, byte(len(user.Username()))}, user.Username()...)
	request = append(append(request, byte(len(password))), password...)
	if _, err := conn.Write(request); err != nil {
		return fmt.Errorf("the proxy took no request: %w", err)
	}
	var answer [2]byte
	if err := socksRead(conn, answer[:]); err != nil {
		return err
	}
	if answer[1] != 0 {
		return &ProxyError{Lasts: true, Err: errors.New("the proxy does not accept the user and password in its URL")}
	}
	return nil
}

// socksRequest names the peer as it was given, so that the proxy resolves it.
func socksRequest(addr string) ([]byte, error) {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, err
	}
	request := []byte{socksVersion, socksConnectVerb, 0}
	switch ip, err := netip.ParseAddr(host); {
	case err != nil && len(host) > socksTextLimit:
		return nil, fmt.Errorf("a host name for SOCKS has at most %d bytes", socksTextLimit)
	case err != nil:
		request = append(append(request, socksName, byte(len(host))), host...)
	case ip.Is4():
		request = append(append(request, socksIPv4), ip.AsSlice()...)
	default:
		request = append(append(request, socksIPv6), ip.AsSlice()...)
	}
	return binary.BigEndian.AppendUint16(request, uint16(port)), nil
}

// socksSkipAddress reads the address that the proxy has bound, which is of no
// use here.
func socksSkipAddress(conn net.Conn, kind byte) error {
	var size int
	switch kind {
	case socksIPv4:
		size = 4
	case socksIPv6:
		size = 16
	case socksName:
		var length [1]byte
		if err := socksRead(conn, length[:]); err != nil {
			return err
		}
		size = int(length[0])
	default:
		return fmt.Errorf("the proxy answered with an unknown kind of address, %d", kind)
	}
	return socksRead(conn, make([]byte, size+2))
}

func socksRead(conn net.Conn, p []byte) error {
	if _, err := io.ReadFull(conn, p); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.New("the proxy closed the connection before its answer was complete")
		}
		return fmt.Errorf("reading the proxy's answer: %w", err)
	}
	return nil
}

func notSocks(first byte) error {
	return &ProxyError{Lasts: true, Err: fmt.Errorf("the proxy's answer is not SOCKS 5: it begins with the byte 0x%02x", first),
		Advice: "What listens at the proxy's address may be no SOCKS proxy"}
}
