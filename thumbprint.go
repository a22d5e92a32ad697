package halibut

import (
	"crypto/fips140"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// Pin names one certificate by a digest of its DER bytes: the SHA-1 thumbprint
// that .NET Halibut uses, or SHA-256.
//
// A Pin is a comparable value: it is fit for == and as a map key. The two
// digests of one certificate are different pins. The zero Pin names nothing and
// matches nothing.
type Pin struct {
	digest digestKind
	sum    [sha256.Size]byte // a SHA-1 sum fills the first 20 bytes
}

type digestKind uint8

const (
	noDigest digestKind = iota
	digestSHA1
	digestSHA256
)

const sha256Prefix = "SHA256:"

// ParsePin reads a pin: 40 hexadecimal digits are a SHA-1 thumbprint, the
// prefix "SHA256:" and 64 digits the SHA-256 of the certificate.
//
// Case does not matter. Spaces, colons and hyphens between the digits, and the
// invisible direction mark that Windows' certificate dialog puts in front of a
// copied thumbprint, are skipped. SHA-256 is not taken without its prefix, nor
// in the base64 form that SSH prints: that form names a public key and would
// never match a certificate.
func ParsePin(s string) (Pin, error) {
	text := strings.TrimSpace(strings.Trim(s, "\u200e\u200f\ufeff \t\r\n"))
	if text == "" {
		return Pin{}, errors.New("pin is empty: expected 40 hexadecimal digits (SHA-1 thumbprint) or SHA256: and 64")
	}
	kind, size, name := digestSHA1, sha1.Size, "a SHA-1 thumbprint"
	if len(text) >= len(sha256Prefix) && strings.EqualFold(text[:len(sha256Prefix)], sha256Prefix) {
		kind, size, name = digestSHA256, sha256.Size, "a SHA-256 pin"
		text = text[len(sha256Prefix):]
	}

	var digits [2 * sha256.Size]byte
	n := 0
	for _, c := range text {
		switch {
		case c == ' ' || c == ':' || c == '-':
			continue
		case !isHexDigit(c):
			return Pin{}, fmt.Errorf("pin %s holds %q: expected hexadecimal digits", quoteStart(s), c)
		}
		if n < len(digits) {
			digits[n] = byte(c)
		}
		n++
	}
	if n != 2*size {
		hint := ""
		if kind == digestSHA1 && n == 2*sha256.Size {
			hint = "; write SHA256: in front of a SHA-256"
		}
		return Pin{}, fmt.Errorf("pin %s has %d hexadecimal digits: %s has %d%s", quoteStart(s), n, name, 2*size, hint)
	}
	pin := Pin{digest: kind}
	if _, err := hex.Decode(pin.sum[:], digits[:n]); err != nil {
		return Pin{}, fmt.Errorf("pin %s: %w", quoteStart(s), err)
	}
	return pin, nil
}

func isHexDigit(c rune) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// quoteStart quotes text for an error message, cut to a length that fits one.
func quoteStart(s string) string {
	const most = 100
	if len(s) > most {
		return fmt.Sprintf("%q...", s[:most])
	}
	return fmt.Sprintf("%q", s)
}

// PinSHA1 is the SHA-1 thumbprint of a certificate in DER, as .NET prints it.
// For no bytes it is the zero Pin.
//
// It also works where GODEBUG=fips140=only forbids SHA-1; pin by SHA-256 where
// that rule is meant to cover the trust decision.
func PinSHA1(der []byte) Pin {
	if len(der) == 0 {
		return Pin{}
	}
	pin := Pin{digest: digestSHA1}
	sum := func() {
		digest := sha1.Sum(der)
		copy(pin.sum[:], digest[:])
	}
	if fips140.Enforced() {
		fips140.WithoutEnforcement(sum)
	} else {
		sum()
	}
	return pin
}

// PinSHA256 is the SHA-256 pin of a certificate in DER. For no bytes it is the
// zero Pin.
func PinSHA256(der []byte) Pin {
	if len(der) == 0 {
		return Pin{}
	}
	return Pin{digest: digestSHA256, sum: sha256.Sum256(der)}
}

// IsZero reports whether p is the zero Pin, which matches nothing.
func (p Pin) IsZero() bool { return p.digest == noDigest }

// Matches reports whether p names the certificate whose DER bytes are given.
func (p Pin) Matches(der []byte) bool {
	switch p.digest {
	case digestSHA1:
		return p == PinSHA1(der)
	case digestSHA256:
		return p == PinSHA256(der)
	default:
		return false
	}
}

// String is the pin as ParsePin reads it, in upper case: 40 digits as .NET
// prints a thumbprint, or "SHA256:" and 64 digits. The zero Pin is "".
func (p Pin) String() string {
	switch p.digest {
	case digestSHA1:
		return fmt.Sprintf("%X", p.sum[:sha1.Size])
	case digestSHA256:
		return fmt.Sprintf(sha256Prefix+"%X", p.sum[:])
	default:
		return ""
	}
}

// MarshalText is String, for JSON, flags and configuration files.
func (p Pin) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is ParsePin, except that no text at all gives the zero Pin.
func (p *Pin) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*p = Pin{}
		return nil
	}
	pin, err := ParsePin(string(text))
	if err != nil {
		return err
	}
	*p = pin
	return nil
}

// LogValue makes a Pin its text in a log.
func (p Pin) LogValue() slog.Value { return slog.StringValue(p.String()) }

// parsePins reads several pins, sorted by their text and without duplicates.
func parsePins(texts []string) ([]Pin, error) {
	pins := make([]Pin, 0, len(texts))
	for _, text := range texts {
		pin, err := ParsePin(text)
		if err != nil {
			return nil, err
		}
		pins = append(pins, pin)
	}
	return sortPins(pins), nil
}
