package halibut

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

const (
	schemePoll  = "poll"
	schemeQueue = "queue"
	schemeHTTPS = "https"
	schemeWSS   = "wss"
	schemeRPC   = "rpc"

	maxNameLength = 255
)

// normalSubscription writes a subscription as .NET prints its Uri: poll://name/
// in lower case with the slash at the end. Two texts name the same subscription
// exactly when their normal forms are equal.
func normalSubscription(text string) (string, error) {
	if isNormalSubscription(text) {
		return text, nil
	}
	u, err := parseURL("subscription", text)
	if err != nil {
		return "", err
	}
	if u.Scheme != schemePoll {
		return "", fmt.Errorf("subscription %s: expected poll://name", quoteStart(text))
	}
	return normalName("subscription", text, u)
}

// isNormalSubscription is the fast path for text that .NET or we printed.
func isNormalSubscription(text string) bool {
	name, ok := strings.CutPrefix(text, schemePoll+"://")
	if !ok || len(name) > maxNameLength || !strings.HasSuffix(name, "/") {
		return false
	}
	return checkName(name[:len(name)-1]) == nil && strings.ToLower(name) == name
}

// normalName is the normal form of poll://name and queue://name. What says what
// the text is, for errors.
func normalName(what, text string, u *url.URL) (string, error) {
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", fmt.Errorf("%s %s has a path: expected %s://name alone", what, quoteStart(text), u.Scheme)
	}
	name := u.Hostname()
	if err := checkName(name); err != nil {
		return "", fmt.Errorf("%s %s: %w", what, quoteStart(text), err)
	}
	normal := u.Scheme + "://" + strings.ToLower(name)
	if port := u.Port(); port != "" {
		port, err := normalPort(port)
		if err != nil {
			return "", fmt.Errorf("%s %s: %w", what, quoteStart(text), err)
		}
		normal += ":" + port
	}
	return normal + "/", nil
}

// checkName admits the names that .NET's Uri leaves as they are but for case.
func checkName(name string) error {
	if name == "" {
		return errors.New("the name is empty")
	}
	if len(name) > maxNameLength {
		return fmt.Errorf("the name is %d bytes long: at most %d", len(name), maxNameLength)
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		case c == '.' && i > 0 && name[i-1] != '.':
		default:
			return fmt.Errorf("the name holds %q: expected letters, digits, '-', '_' and single '.'", c)
		}
	}
	return nil
}

// normalPort is a port without leading zeros.
func normalPort(text string) (string, error) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return "", fmt.Errorf("port %s: expected 1 to 65535", quoteStart(text))
	}
	return strconv.FormatUint(port, 10), nil
}

// parseURL parses text without ever repeating a password in an error.
func parseURL(what, text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		return nil, fmt.Errorf("%s %s has no scheme: expected for example https://host:port or poll://name", what, redact(text))
	}
	u, err := url.Parse(text)
	if strings.ContainsRune(text, '@') && (err != nil || u.User != nil) {
		return nil, fmt.Errorf("%s %s holds a user name: certificates say who is who, remove it", what, redact(text))
	}
	if err != nil {
		var parseError *url.Error
		if errors.As(err, &parseError) {
			err = parseError.Err
		}
		return nil, fmt.Errorf("%s %s is not a URL: %w", what, quoteStart(text), err)
	}
	return u, nil
}

// redact quotes text up to where a user name and password may start.
func redact(text string) string {
	at := strings.LastIndexByte(text, '@')
	if at < 0 {
		return quoteStart(text)
	}
	scheme, _, ok := strings.Cut(text[:at], "://")
	if !ok {
		return quoteStart("..." + text[at:])
	}
	return quoteStart(scheme + "://..." + text[at:])
}
