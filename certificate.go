package halibut

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"time"

	"github.com/halibut-go/halibut/internal/mutualtls"
)

// CertificateOptions are the choices of GenerateCertificate. The zero value and
// nil are valid.
type CertificateOptions struct {
	// ECDSA makes a P-256 key in place of RSA with 2048 bits, which .NET peers
	// accept everywhere.
	ECDSA bool
	// Lifetime is how long the certificate says that it is valid; 0 is 100
	// years. Halibut peers do not look at it: trust ends when a pin is removed.
	Lifetime time.Duration
}

const defaultLifetime = 100 * 365 * 24 * time.Hour

// GenerateCertificate makes a new identity: a key and a self-signed certificate
// whose subject is CN=commonName. Peers know it by its pins alone, see PinOf.
//
// The certificate is signed with SHA-256 and has no extensions, like those that
// Tentacle makes: some that Halibut's older generator wrote are refused by Go.
func GenerateCertificate(commonName string, opts *CertificateOptions) (tls.Certificate, error) {
	if opts == nil {
		opts = &CertificateOptions{}
	}
	key, algorithm, err := generateKey(opts.ECDSA)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("generate a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("generate a serial number: %w", err)
	}
	lifetime := opts.Lifetime
	if lifetime == 0 {
		lifetime = defaultLifetime
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:       serial.Add(serial, big.NewInt(1)),
		Subject:            pkix.Name{CommonName: commonName},
		NotBefore:          now.Add(-24 * time.Hour), // clocks differ
		NotAfter:           now.Add(lifetime),
		SignatureAlgorithm: algorithm,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("create a certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read back the new certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

func generateKey(useECDSA bool) (crypto.Signer, x509.SignatureAlgorithm, error) {
	if useECDSA {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		return key, x509.ECDSAWithSHA256, err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	return key, x509.SHA256WithRSA, err
}

// PinOf is the SHA-1 thumbprint of an identity, as .NET peers are told it, and
// the zero Pin if cert is empty. PinSHA256(cert.Certificate[0]) is the other pin.
func PinOf(cert tls.Certificate) Pin {
	if len(cert.Certificate) == 0 {
		return Pin{}
	}
	return PinSHA1(cert.Certificate[0])
}

// LoadCertificate reads an identity from two PEM files, which may be the same
// file: the certificate, or a chain that begins with it, and its private key
// without a password.
func LoadCertificate(certFile, keyFile string) (tls.Certificate, error) {
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		err = fmt.Errorf("load the identity from %s and %s: %w", certFile, keyFile, mutualtls.Explain(err))
		var unreadable *mutualtls.CertificateError
		if errors.As(err, &unreadable) {
			err = fmt.Errorf("%w (%s)", err, unreadable.Hint())
		}
		return tls.Certificate{}, err
	}
	return cert, nil
}

// WriteCertificate writes an identity to two new PEM files that only the user
// may read (mode 0600): the certificate with its chain, and the private key as
// PKCS #8. A file that exists is never overwritten, since a lost key means that
// every peer must trust anew: the error is then fs.ErrExist. After an error
// neither file is left.
func WriteCertificate(cert tls.Certificate, certFile, keyFile string) (err error) {
	if len(cert.Certificate) == 0 || cert.PrivateKey == nil {
		return errors.New("write the identity: it has no certificate or no private key")
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return fmt.Errorf("write the private key: %w", err)
	}
	if err := writeNew(keyFile, &pem.Block{Type: "PRIVATE KEY", Bytes: key}); err != nil {
		return fmt.Errorf("write the private key: %w", err)
	}
	blocks := make([]*pem.Block, len(cert.Certificate))
	for i, der := range cert.Certificate {
		blocks[i] = &pem.Block{Type: "CERTIFICATE", Bytes: der}
	}
	if err := writeNew(certFile, blocks...); err != nil {
		return errors.Join(fmt.Errorf("write the certificate: %w", err), os.Remove(keyFile))
	}
	return nil
}

// writeNew writes PEM blocks to a file that must not exist, and removes it again
// if it cannot be completed.
func writeNew(name string, blocks ...*pem.Block) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(name))
		}
	}()
	for _, block := range blocks {
		if err := pem.Encode(f, block); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}
