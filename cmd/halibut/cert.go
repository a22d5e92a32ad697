package main

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/halibut-go/halibut"
)

func newCertCommand() *cobra.Command {
	return newGroupCommand("cert", "Make, show and convert identities: a certificate and its key",
		`An identity is a certificate that nobody else has signed, and its private key.
Peers know it by its thumbprint alone. It is kept as two PEM files, NAME.crt and
NAME.key, or as a PFX file with a password, as Windows and .NET have it.

Files are made with mode 0600, and none is ever overwritten: a lost key means that
every peer has to trust anew.`,
		newCertNewCommand(), newCertShowCommand(), newCertFingerprintCommand(), newCertImportCommand(), newCertExportCommand())
}

func newCertNewCommand() *cobra.Command {
	var (
		identity identityFlags
		name     string
		ecdsa    bool
		days     int
		legacy   bool
	)
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Make a new identity",
		Long: `Makes a key and a self-signed certificate, in NAME.crt and NAME.key, or in one PFX
file where NAME ends in .pfx.

The key is RSA with 2048 bits, which every .NET peer accepts; --ecdsa makes one of
P-256, which is faster. Peers do not look at the dates or the name.`,
		Example: "  halibut cert new build-7\n  halibut cert new --password-file secret.txt agent.pfx",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := newTarget(args[0])
			if err != nil {
				return err
			}
			if days < 0 {
				return usagef("--days is %d: expected a positive number, or 0 for 100 years", days)
			}
			if name == "" {
				name = strings.TrimSuffix(filepath.Base(args[0]), filepath.Ext(args[0]))
			}
			cert, err := halibut.GenerateCertificate(name, &halibut.CertificateOptions{
				ECDSA: ecdsa, Lifetime: time.Duration(days) * 24 * time.Hour,
			})
			if err != nil {
				return err
			}
			return target.write(cmd, &identity, cert, legacy)
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "the certificate's common `name`; without it NAME's last part")
	cmd.Flags().BoolVar(&ecdsa, "ecdsa", false, "make an ECDSA key of P-256 in place of RSA with 2048 bits")
	cmd.Flags().IntVar(&days, "days", 0, "how many `days` the certificate says that it is valid; 0 is 100 years")
	cmd.Flags().BoolVar(&legacy, "legacy", false, legacyUsage)
	identity.addPassword(cmd.Flags())
	return cmd
}

const legacyUsage = "encrypt a PFX file in the way that Windows before 2019 can read"

func newCertImportCommand() *cobra.Command {
	var identity identityFlags
	cmd := &cobra.Command{
		Use:     "import FILE.pfx NAME",
		Short:   "Make PEM files of a PFX file",
		Long:    "Writes the certificate and the key of a PFX file to NAME.crt and NAME.key.",
		Example: "  halibut cert import --password-file secret.txt tentacle.pfx tentacle",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := newTarget(args[1])
			if err != nil {
				return err
			}
			if target.pfx {
				return usagef("%s would be a PFX file again: give a name without .pfx", args[1])
			}
			cert, err := identity.loadPFX(cmd, args[0])
			if err != nil {
				return err
			}
			return target.write(cmd, &identity, cert, false)
		},
	}
	identity.addPassword(cmd.Flags())
	return cmd
}

func newCertExportCommand() *cobra.Command {
	var (
		identity identityFlags
		legacy   bool
	)
	cmd := &cobra.Command{
		Use:   "export NAME FILE.pfx",
		Short: "Make a PFX file of PEM files",
		Long: `Writes the certificate and the key in NAME.crt and NAME.key to a PFX file, for
Windows and .NET. Its password comes from --password-file, the environment or the
terminal.`,
		Example: "  halibut cert export build-7 build-7.pfx",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := newTarget(args[1])
			if err != nil {
				return err
			}
			if !target.pfx {
				return usagef("%s: the name of a PFX file ends in .pfx", args[1])
			}
			from := identity
			from.file = args[0]
			if isPFX(from.file) {
				return usagef("%s is a PFX file already", args[0])
			}
			cert, err := from.load(cmd)
			if err != nil {
				return err
			}
			return target.write(cmd, &identity, cert, legacy)
		},
	}
	cmd.Flags().StringVar(&identity.key, "key", "", "the private key's PEM `file`, where it is in none of the usual places")
	cmd.Flags().BoolVar(&legacy, "legacy", false, legacyUsage)
	identity.addPassword(cmd.Flags())
	return cmd
}

// certTarget is where an identity is to be written.
type certTarget struct {
	pfx       bool
	cert, key string
}

// newTarget finds out early that a file exists: keys take a while to make.
func newTarget(name string) (*certTarget, error) {
	t := &certTarget{pfx: isPFX(name), cert: name}
	if !t.pfx {
		base := strings.TrimSuffix(name, ".crt")
		t.cert, t.key = base+".crt", base+".key"
	}
	for _, file := range []string{t.cert, t.key} {
		if file == "" {
			continue
		}
		if _, err := os.Lstat(file); err == nil {
			return nil, fmt.Errorf("%s exists, and an identity is never overwritten: choose another name", file)
		}
	}
	return t, nil
}

func (t *certTarget) write(cmd *cobra.Command, identity *identityFlags, cert tls.Certificate, legacy bool) error {
	var err error
	if t.pfx {
		err = t.writePFX(cmd, identity, cert, legacy)
	} else {
		err = halibut.WriteCertificate(cert, t.cert, t.key)
	}
	if err != nil {
		return err
	}
	out := newTerminal(cmd.OutOrStdout())
	if t.pfx {
		out.printf("identity     %s\n", t.cert)
	} else {
		out.printf("certificate  %s\nprivate key  %s\n", t.cert, t.key)
	}
	out.printf("thumbprint   %s\nSHA-256      %s\n", halibut.PinOf(cert), halibut.PinSHA256(cert.Certificate[0]))
	return out.err
}

func (t *certTarget) writePFX(cmd *cobra.Command, identity *identityFlags, cert tls.Certificate, legacy bool) error {
	password, err := identity.newPassword(cmd)
	if err != nil {
		return err
	}
	chain := make([]*x509.Certificate, len(cert.Certificate))
	for i, der := range cert.Certificate {
		if chain[i], err = x509.ParseCertificate(der); err != nil {
			return fmt.Errorf("the certificate cannot be read: %w", err)
		}
	}
	encoder := pkcs12.Modern2023
	if legacy {
		encoder = pkcs12.LegacyDES
	}
	content, err := encoder.WithRand(rand.Reader).Encode(cert.PrivateKey, chain[0], chain[1:], password)
	if err != nil {
		return fmt.Errorf("make the PFX file: %w", err)
	}
	return writeNewFile(t.cert, content)
}

// writeNewFile writes a file that must not exist and that only the user may
// read. If it cannot be completed it is removed again.
func writeNewFile(name string, content []byte) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}
