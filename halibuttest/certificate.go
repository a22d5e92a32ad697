package halibuttest

import (
	"crypto/tls"
	"fmt"
	"sync"

	"github.com/halibut-go/halibut"
)

var certificates sync.Map // of names to func() tls.Certificate

// Certificate is a throwaway identity whose subject is CN=name. For one name it
// is the same certificate throughout the process. Its key is ECDSA P-256, which
// takes no time to make. It may be called from any goroutine.
func Certificate(name string) tls.Certificate {
	generate, _ := certificates.LoadOrStore(name, sync.OnceValue(func() tls.Certificate {
		cert, err := halibut.GenerateCertificate(name, &halibut.CertificateOptions{ECDSA: true})
		if err != nil {
			panic(fmt.Errorf("halibuttest: %w", err)) // the system gives no random numbers
		}
		return cert
	}))
	return generate.(func() tls.Certificate)()
}
