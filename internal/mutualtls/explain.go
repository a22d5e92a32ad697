package mutualtls

import "strings"

// CertificateError says that Go cannot read a certificate of the other side, or
// one of our own, though other implementations accept it.
type CertificateError struct {
	// CriticalAuthorityKeyID is set for the known case: Halibut's certificate
	// generator of 2013 to 2016 marked the authority key identifier critical.
	CriticalAuthorityKeyID bool
	Err                    error
}

func (e *CertificateError) Error() string { return e.Err.Error() }

// Unwrap is the error of crypto/tls.
func (e *CertificateError) Unwrap() error { return e.Err }

// Hint says what to do about it.
func (e *CertificateError) Hint() string {
	if e.CriticalAuthorityKeyID {
		return "the certificate was made by the Halibut generator of 2013 to 2016, and Go refuses its critical authority key identifier: give its owner a new certificate (for example by 'halibut cert new') and trust that one"
	}
	return "Go cannot read this certificate: give its owner a new one (for example by 'halibut cert new') and trust that one"
}

// Explain gives an error of a handshake, or of reading a certificate, its type:
// a *CertificateError around err if a certificate could not be parsed, otherwise
// err. crypto/tls leaves only text to tell by.
func Explain(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	critical := strings.Contains(text, "authority key identifier incorrectly marked critical")
	if critical || strings.Contains(text, "failed to parse certificate") || strings.Contains(text, "failed to parse client certificate") {
		return &CertificateError{CriticalAuthorityKeyID: critical, Err: err}
	}
	return err
}
