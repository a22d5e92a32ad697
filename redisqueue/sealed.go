package redisqueue

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Sealed is a Wrapper that encrypts and authenticates messages with a key that
// all nodes have: who can read Redis learns nothing of
// them, and who can write to it can neither make calls nor answer them. A
// message is bound to its endpoint, its id, what it is, who may collect it and
// its metadata: stored anywhere else, or beside the data streams of another
// message, it is refused. It does not hide how many and how long messages are,
// and not what a StreamStore keeps.
//
// .NET nodes do not have it.
type Sealed struct{ keys []sealingKey }

type sealingKey struct {
	id     [4]byte
	secret []byte
}

// aead is what seals the one message that has this salt: AES-256-GCM with a key
// derived by HKDF-SHA256. Since no two messages have the same key, the nonce can
// be zero, and no number of messages is too many.
func (k *sealingKey) aead(salt []byte) (cipher.AEAD, error) {
	key, err := hkdf.Expand(sha256.New, k.secret, "halibut redisqueue message key"+string(salt), SealingKeySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

var zeroNonce [12]byte

var _ Wrapper = (*Sealed)(nil)

// SealingKeySize is the length in bytes of a key for NewSealed, which must be
// random.
const SealingKeySize = 32

// NewSealed seals with the first key and opens what was sealed with any. To
// change the key, first give all nodes the new one as their second, then as
// their first, and then take the old one away.
func NewSealed(keys ...[]byte) (*Sealed, error) {
	if len(keys) == 0 {
		return nil, errors.New("sealing messages needs a key")
	}
	s := &Sealed{}
	for _, key := range keys {
		if len(key) != SealingKeySize {
			return nil, fmt.Errorf("a key for sealing has %d bytes, not %d", SealingKeySize, len(key))
		}
		sum := sha256.Sum256(append([]byte("halibut redisqueue key id"), key...))
		s.keys = append(s.keys, sealingKey{id: [4]byte(sum[:4]), secret: slices.Clone(key)})
	}
	return s, nil
}

const (
	sealedVersion = 1
	sealedSalt    = 24
	sealedHeader  = 1 + 4 + sealedSalt
)

// Wrap implements Wrapper: a version, the key's id, a random salt, and what was
// sealed.
func (s *Sealed) Wrap(m Message, plain []byte) ([]byte, error) {
	key := &s.keys[0]
	b := make([]byte, sealedHeader, sealedHeader+len(plain)+16)
	b[0] = sealedVersion
	copy(b[1:], key.id[:])
	if _, err := rand.Read(b[5:sealedHeader]); err != nil {
		return nil, err
	}
	aead, err := key.aead(b[5:sealedHeader])
	if err != nil {
		return nil, err
	}
	return aead.Seal(b, zeroNonce[:], plain, m.associated(b[:5])), nil
}

// Unwrap implements Wrapper. What comes out is shorter than what goes in.
func (s *Sealed) Unwrap(m Message, wrapped []byte, _ int64) ([]byte, error) {
	if len(wrapped) < sealedHeader || wrapped[0] != sealedVersion {
		return nil, errors.New("the message was not sealed")
	}
	for i := range s.keys {
		key := &s.keys[i]
		if key.id != [4]byte(wrapped[1:5]) {
			continue
		}
		aead, err := key.aead(wrapped[5:sealedHeader])
		if err != nil {
			return nil, err
		}
		plain, err := aead.Open(nil, zeroNonce[:], wrapped[sealedHeader:], m.associated(wrapped[:5]))
		if err != nil {
			return nil, errors.New("the message is not what a node has sealed for this endpoint, id and purpose")
		}
		return plain, nil
	}
	return nil, errors.New("the message was sealed with a key that this node does not have")
}

// Authenticates says that nobody without the key can make calls.
func (s *Sealed) Authenticates() bool { return true }

// associated is what a sealed message is bound to: each part with its length
// before it, so that no two messages have the same.
func (m Message) associated(header []byte) []byte {
	metadata := sha256.Sum256(m.Metadata)
	b := append([]byte("halibut redisqueue message"), header...)
	for _, part := range []string{m.Endpoint, m.ID.String(), string(m.Kind), m.Pins, string(metadata[:])} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	return b
}
