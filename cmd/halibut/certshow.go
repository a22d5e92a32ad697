package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/mutualtls"
)

func newCertShowCommand() *cobra.Command {
	var identity identityFlags
	cmd := &cobra.Command{
		Use:   "show FILE...",
		Short: "Show thumbprint, subject, dates and key, and what peers may refuse",
		Long: `Shows what is in a certificate: of a PEM, DER or PFX file, or of NAME.crt for NAME.
It warns of what some peers refuse, such as old signatures and short keys. A
certificate that Go cannot use is shown by its thumbprint and the reason.`,
		Example: "  halibut cert show build-7\n  halibut cert show tentacle.pfx",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			out := newTerminal(cmd.OutOrStdout())
			for i, name := range args {
				der, err := identity.readCertificate(cmd, name)
				if err != nil {
					return err
				}
				if i > 0 {
					out.printf("\n")
				}
				if len(args) > 1 {
					out.printf("%s\n", out.paint(bold, name))
				}
				showCertificate(out, der)
			}
			return out.err
		},
	}
	identity.addPassword(cmd.Flags())
	return cmd
}

func newCertFingerprintCommand() *cobra.Command {
	var (
		identity identityFlags
		sha256   bool
	)
	cmd := &cobra.Command{
		Use:   "fingerprint FILE...",
		Short: "Print the thumbprint alone, to be pinned",
		Long: `Prints the SHA-1 thumbprint of each certificate, as .NET has it, or with --sha256
its SHA-256, in the form that --pin and --trust take.`,
		Example: "  halibut cert fingerprint build-7\n  halibut ping https://build-7:10933 -i me --pin $(halibut cert fingerprint build-7.crt)",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			out := newTerminal(cmd.OutOrStdout())
			pinOf := halibut.PinSHA1
			if sha256 {
				pinOf = halibut.PinSHA256
			}
			for _, name := range args {
				der, err := identity.readCertificate(cmd, name)
				if err != nil {
					return err
				}
				out.printf("%s\n", pinOf(der))
			}
			return out.err
		},
	}
	cmd.Flags().BoolVar(&sha256, "sha256", false, "print the SHA-256 pin, for peers that are written in Go")
	identity.addPassword(cmd.Flags())
	return cmd
}

func showCertificate(out *terminal, der []byte) {
	out.printf("thumbprint  %s\nSHA-256     %s\n", halibut.PinSHA1(der), halibut.PinSHA256(der))
	certificate, err := x509.ParseCertificate(der)
	if err == nil {
		out.printf("subject     %s\n", harmless(certificate.Subject.String()))
		if issuer := certificate.Issuer.String(); issuer != certificate.Subject.String() {
			out.printf("issuer      %s\n", harmless(issuer))
		}
		out.printf("valid       %s to %s\n", certificate.NotBefore.UTC().Format(time.DateOnly), certificate.NotAfter.UTC().Format(time.DateOnly))
		out.printf("key         %s\n", describeKey(certificate))
		out.printf("signature   %s\n", certificate.SignatureAlgorithm)
	}
	for _, warning := range certificateWarnings(certificate, err, time.Now()) {
		out.printf("%s %s\n", out.paint(yellow, "warning:"), harmless(warning))
	}
}

func describeKey(certificate *x509.Certificate) string {
	switch key := certificate.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA, %d bits", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA, " + key.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	default:
		return certificate.PublicKeyAlgorithm.String()
	}
}

// certificateWarnings says what peers may refuse. err is why Go cannot parse
// the certificate.
func certificateWarnings(certificate *x509.Certificate, err error, now time.Time) (warnings []string) {
	if err != nil {
		explained := &mutualtls.CertificateError{Err: err}
		if found, ok := mutualtls.Explain(fmt.Errorf("failed to parse certificate: %w", err)).(*mutualtls.CertificateError); ok {
			explained = found
		}
		return []string{fmt.Sprintf("%v: %s", err, explained.Hint())}
	}
	add := func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }
	switch certificate.SignatureAlgorithm {
	case x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1, x509.MD5WithRSA, x509.MD2WithRSA:
		add("the signature is %s, which systems with a strict security policy refuse", certificate.SignatureAlgorithm)
	}
	switch key := certificate.PublicKey.(type) {
	case *rsa.PublicKey:
		switch bits := key.N.BitLen(); {
		case bits < 1024:
			add("the RSA key has %d bits: Go and Windows refuse less than 1024", bits)
		case bits < 2048:
			add("the RSA key has %d bits: many systems refuse less than 2048", bits)
		case bits > 8192:
			add("the RSA key has %d bits: Go refuses more than 8192", bits)
		}
	case *ecdsa.PublicKey:
	case ed25519.PublicKey:
		add("the key is Ed25519: .NET and Windows cannot use it")
	default:
		add("the key is neither RSA nor ECDSA: Go cannot use it")
	}
	switch {
	case now.Before(certificate.NotBefore):
		add("it is valid only from %s on; Halibut peers do not look, others may", certificate.NotBefore.UTC().Format(time.DateOnly))
	case now.After(certificate.NotAfter):
		add("it expired on %s; Halibut peers do not look, others may", certificate.NotAfter.UTC().Format(time.DateOnly))
	}
	return warnings
}
