package wire

import (
	"fmt"
	"slices"
	"strings"
)

// A Role is what a side of a connection is.
type Role uint8

const (
	// RoleClient dialled in order to make calls.
	RoleClient Role = iota + 1
	// RoleSubscriber dialled in order to be given work: a polling service.
	RoleSubscriber
	// RoleServer accepted the connection, whatever it does with it.
	RoleServer
)

func (r Role) String() string {
	switch r {
	case RoleClient:
		return "client"
	case RoleSubscriber:
		return "subscriber"
	case RoleServer:
		return "server"
	}
	return fmt.Sprintf("Role(%d)", uint8(r))
}

// The first words of the identity lines, and the version that every release
// writes and none checks.
const (
	identityClient     = "MX-CLIENT"
	identitySubscriber = "MX-SUBSCRIBER"
	identityServer     = "MX-SERVER"

	// IdentityVersion is the version in every identity line.
	IdentityVersion = "1.0"
)

// An Identity is what a side says about itself before the first exchange. The
// dialler identifies itself first, the acceptor answers.
type Identity struct {
	Role Role
	// Version is IdentityVersion. Empty means that when written.
	Version string
	// Subscription is the URI that a subscriber asks for work under, in the
	// form of [NormalizeSubscription]. It is empty in the other roles.
	Subscription string
	// Words are what follows the known words of the line: capabilities, which
	// count between two sides that both say them. Other implementations
	// ignore them. A word is made of a-z, 0-9 and =/.-
	Words []string
}

// Has reports whether word is among the capability words.
func (id Identity) Has(word string) bool { return slices.Contains(id.Words, word) }

// Value returns the value of a capability word such as instance=1f3a.
func (id Identity) Value(name string) (string, bool) {
	for _, w := range id.Words {
		if key, value, ok := strings.Cut(w, "="); ok && key == name {
			return value, true
		}
	}
	return "", false
}

// String is the identity line, for a log.
func (id Identity) String() string {
	line, err := AppendIdentity(nil, id)
	if err != nil {
		return fmt.Sprintf("invalid identity: %v", err)
	}
	return strings.TrimRight(string(line), lineEnd)
}

// AppendIdentity appends the identity line and the empty line behind it to
// dst. Both have to leave in one write: old services break otherwise. The
// error says what cannot stand in an identity line.
func AppendIdentity(dst []byte, id Identity) ([]byte, error) {
	var role, subscription string
	switch id.Role {
	case RoleClient:
		role = identityClient
	case RoleServer:
		role = identityServer
	case RoleSubscriber:
		role = identitySubscriber
		var err error
		if subscription, err = NormalizeSubscription(id.Subscription); err != nil {
			return dst, err
		}
	default:
		return dst, fmt.Errorf("an identity needs a role, not %v", id.Role)
	}
	if id.Role != RoleSubscriber && id.Subscription != "" {
		return dst, fmt.Errorf("a %v has no subscription, not %s", id.Role, quote(id.Subscription))
	}
	version := id.Version
	if version == "" {
		version = IdentityVersion
	}
	if !isVersion(version) {
		return dst, fmt.Errorf("%s is no version of an identity", quote(version))
	}
	for _, w := range id.Words {
		if !isCapability(w) {
			return dst, fmt.Errorf("%s is no capability word: a-z, 0-9 and =/.- may stand in it", quote(w))
		}
	}
	dst = append(dst, role...)
	dst = append(dst, ' ')
	dst = append(dst, version...)
	if subscription != "" {
		dst = append(dst, ' ')
		dst = append(dst, subscription...)
	}
	for _, w := range id.Words {
		dst = append(dst, ' ')
		dst = append(dst, w...)
	}
	return append(dst, lineEnd+lineEnd...), nil
}

func isCapability(w string) bool {
	for _, c := range []byte(w) {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("=/.-", c) >= 0) {
			return false
		}
	}
	return w != ""
}

func isVersion(v string) bool {
	for _, c := range []byte(v) {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// The texts of a bad identity are those of .NET, for people who search for
// them. See ParseIdentity and ReadIdentity.
const (
	emptyIdentity      = "Unable to receive the remote identity; the identity line was empty."
	noBlankLine        = "Unable to receive the remote identity; the following line was not empty."
	noSubscription     = "Unable to receive the remote identity; the client identified as a subscriber, but did not supply a subscription ID."
	unknownIdentity    = "Unable to process remote identity; unknown identity type: "
	invalidSubscribing = "Unable to receive the remote identity; the subscription ID is not a URI"
)

// ReadIdentity reads an identity line and the empty line behind it.
func (r *Reader) ReadIdentity() (Identity, error) {
	line, err := r.ReadLine()
	if err != nil {
		return Identity{}, err
	}
	if line == "" {
		return Identity{}, &ProtocolError{Message: emptyIdentity}
	}
	blank, err := r.ReadLine()
	if err != nil {
		return Identity{}, err
	}
	if blank != "" {
		return Identity{}, &ProtocolError{Message: noBlankLine}
	}
	return ParseIdentity(line)
}

// ParseIdentity takes an identity line apart. The version is not checked, as
// no release does; words that are no capability words are left out.
func ParseIdentity(line string) (Identity, error) {
	if line == "" {
		return Identity{}, &ProtocolError{Message: emptyIdentity}
	}
	words := strings.Split(line, " ")
	var id Identity
	known := 2
	switch words[0] {
	case identityClient:
		id.Role = RoleClient
	case identityServer:
		id.Role = RoleServer
	case identitySubscriber:
		id.Role, known = RoleSubscriber, 3
		if len(words) < known || words[2] == "" {
			return Identity{}, &ProtocolError{Message: noSubscription}
		}
		uri, err := NormalizeSubscription(words[2])
		if err != nil {
			return Identity{}, &ProtocolError{Message: invalidSubscribing, Err: err}
		}
		id.Subscription = uri
	default:
		return Identity{}, &ProtocolError{Message: unknownIdentity + "'" + unquoted(words[0]) + "'"}
	}
	if len(words) > 1 {
		id.Version = words[1]
	}
	for _, w := range words[min(known, len(words)):] {
		if isCapability(w) {
			id.Words = append(id.Words, w)
		}
	}
	return id, nil
}

// unquoted is quote without the quotation marks.
func unquoted(s string) string {
	q := quote(s)
	if i := strings.LastIndexByte(q, '"'); i > 0 {
		return q[1:i] + q[i+1:]
	}
	return q
}

// NormalizeSubscription returns a subscription's URI in the one form that all
// releases print: scheme and host in lower case, a slash behind the host. Two
// subscriptions are the same when their normal forms are.
func NormalizeSubscription(uri string) (string, error) {
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok || !isScheme(scheme) {
		return "", fmt.Errorf("subscription %s is no absolute URI such as poll://name/", quote(uri))
	}
	for _, c := range []byte(rest) {
		if c <= ' ' || c == 0x7f {
			return "", fmt.Errorf("subscription %s holds a space or a control character", quote(uri))
		}
	}
	end := strings.IndexAny(rest, `/\?#`)
	if end < 0 {
		end = len(rest)
	}
	authority, path := rest[:end], rest[end:]
	if path == "" || path[0] != '/' {
		path = "/" + strings.TrimPrefix(path, `\`)
	}
	user := strings.LastIndexByte(authority, '@') + 1
	if authority[user:] == "" {
		return "", fmt.Errorf("subscription %s has no name behind its scheme", quote(uri))
	}
	normal := strings.ToLower(scheme) + "://" + authority[:user] + strings.ToLower(authority[user:]) + path
	return normal, nil
}

func isScheme(s string) bool {
	for i, c := range []byte(s) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || (c < '0' || c > '9') && strings.IndexByte("+-.", c) < 0) {
			return false
		}
	}
	return s != ""
}
