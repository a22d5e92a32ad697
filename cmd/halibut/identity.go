package main

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/internal/mutualtls"
)

// passwordVariable holds the password of a PFX file. There is no flag for it:
// every user of the machine can read a command line.
const passwordVariable = environmentPrefix + "PASSWORD"

// identityFlags say who we are.
type identityFlags struct {
	file, key    string
	passwordFile string
}

func (f *identityFlags) add(flags *pflag.FlagSet) {
	flags.StringVarP(&f.file, "identity", "i", "", "our certificate and key: a PFX `file`, a PEM file, or NAME for NAME.crt and NAME.key")
	flags.StringVar(&f.key, "key", "", "the private key's PEM `file`, where it is in none of the usual places")
	f.addPassword(flags)
}

func (f *identityFlags) addPassword(flags *pflag.FlagSet) {
	flags.StringVar(&f.passwordFile, "password-file", "", "read a PFX file's password from the first line of `file`; without it "+passwordVariable+" is asked, then the terminal")
}

// load reads the identity.
func (f *identityFlags) load(cmd *cobra.Command) (tls.Certificate, error) {
	if f.file == "" {
		return tls.Certificate{}, usagef("who are we? Give --identity, or set %s; 'halibut cert new NAME' makes one", environmentName("identity"))
	}
	if isPFX(f.file) {
		return f.loadPFX(cmd, f.file)
	}
	certFile, keyFile, err := pemPair(f.file)
	if err != nil {
		return tls.Certificate{}, err
	}
	if f.key != "" {
		keyFile = f.key
	}
	cert, err := halibut.LoadCertificate(certFile, keyFile)
	if content, unreadable := os.ReadFile(keyFile); err != nil && unreadable == nil && bytes.Contains(content, []byte("ENCRYPTED")) {
		return cert, fmt.Errorf("the private key in %s is encrypted: make a PFX file of it, or decrypt it (openssl pkey -in %s -out NEW)", keyFile, keyFile)
	}
	return cert, err
}

func isPFX(name string) bool {
	ext := strings.ToLower(filepath.Ext(name))
	return ext == ".pfx" || ext == ".p12"
}

// pemPair finds the two files of a PEM identity. The key may be in the
// certificate's file, or beside it under the same name with .key.
func pemPair(name string) (certFile, keyFile string, err error) {
	certFile = name
	if _, err := os.Stat(name); err != nil && filepath.Ext(name) == "" {
		certFile = name + ".crt"
	}
	content, err := os.ReadFile(certFile)
	if err != nil {
		return "", "", fmt.Errorf("the identity cannot be read: %w", err)
	}
	for rest := content; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return certFile, certFile, nil
		}
	}
	return certFile, strings.TrimSuffix(certFile, filepath.Ext(certFile)) + ".key", nil
}

func (f *identityFlags) loadPFX(cmd *cobra.Command, name string) (tls.Certificate, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("the identity cannot be read: %w", err)
	}
	cert := tls.Certificate{}
	err = f.withPassword(cmd, name, func(password string) error {
		key, leaf, chain, err := pkcs12.DecodeChain(content, password)
		if err != nil {
			return err
		}
		cert = tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
		for _, c := range chain {
			cert.Certificate = append(cert.Certificate, c.Raw)
		}
		return nil
	})
	return cert, err
}

// withPassword calls decode with the password of a PFX file: none if that will
// do, otherwise the one that the user has told or is asked for.
func (f *identityFlags) withPassword(cmd *cobra.Command, name string, decode func(password string) error) error {
	password, told, err := f.password()
	if err != nil {
		return err
	}
	err = decode(password)
	if wrongPassword(err) && !told {
		if password, err = askPassword(cmd, "Password of "+name+": "); err != nil {
			return fmt.Errorf("%s has a password: %w", name, err)
		}
		err = decode(password)
	}
	return explainPFX(name, err)
}

func wrongPassword(err error) bool {
	return errors.Is(err, pkcs12.ErrIncorrectPassword) || errors.Is(err, pkcs12.ErrDecryption)
}

func explainPFX(name string, err error) error {
	var unreadable *mutualtls.CertificateError
	switch {
	case err == nil:
		return nil
	case wrongPassword(err):
		return fmt.Errorf("%s cannot be opened: the password is wrong", name)
	case errors.As(mutualtls.Explain(err), &unreadable):
		return fmt.Errorf("%s cannot be used: %w (%s)", name, err, unreadable.Hint())
	default:
		return fmt.Errorf("%s is not a PFX file that can be read: %s", name, strings.TrimPrefix(err.Error(), "pkcs12: "))
	}
}

// password is what the user has told without being asked.
func (f *identityFlags) password() (password string, told bool, err error) {
	if f.passwordFile == "" {
		password = os.Getenv(passwordVariable)
		return password, password != "", nil
	}
	content, err := os.ReadFile(f.passwordFile)
	if err != nil {
		return "", false, fmt.Errorf("the password cannot be read: %w", err)
	}
	line, _, _ := strings.Cut(string(content), "\n")
	return strings.TrimSuffix(line, "\r"), true, nil
}

// askPassword asks at the terminal, without showing what is typed.
func askPassword(cmd *cobra.Command, prompt string) (string, error) {
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return "", usagef("give it by --password-file or %s", passwordVariable)
	}
	fmt.Fprint(cmd.ErrOrStderr(), prompt)
	password, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(cmd.ErrOrStderr())
	if err != nil {
		return "", fmt.Errorf("the password cannot be read: %w", err)
	}
	return string(password), nil
}

// newPassword is the password for a PFX file that is being made.
func (f *identityFlags) newPassword(cmd *cobra.Command) (string, error) {
	password, told, err := f.password()
	if err != nil || told {
		return password, err
	}
	if password, err = askPassword(cmd, "New password: "); err != nil {
		return "", fmt.Errorf("the PFX file needs a password: %w", err)
	}
	again, err := askPassword(cmd, "The same again: ")
	if err == nil && again != password {
		err = errors.New("the two passwords differ")
	}
	return password, err
}

// readCertificate reads the first certificate of a PEM, DER or PFX file. No key
// is needed, and the certificate need not be one that Go can parse.
func (f *identityFlags) readCertificate(cmd *cobra.Command, name string) (der []byte, err error) {
	content, err := readFileOrCertificate(name)
	if err != nil {
		return nil, fmt.Errorf("the certificate cannot be read: %w", err)
	}
	if block := firstCertificate(content); block != nil {
		return block, nil
	}
	if isPFX(name) {
		err := f.withPassword(cmd, name, func(password string) error {
			//lint:ignore SA1019 only it gives the bytes of a certificate that Go cannot parse
			blocks, err := pkcs12.ToPEM(content, password)
			if err != nil {
				return err
			}
			der = pfxLeaf(blocks)
			return nil
		})
		if err == nil && der == nil {
			err = fmt.Errorf("%s holds no certificate", name)
		}
		return der, err
	}
	if len(content) > 4 && content[0] == 0x30 && content[1] == 0x82 { // a DER sequence
		return content, nil
	}
	return nil, fmt.Errorf("%s holds no certificate: expected PEM, DER, or PFX with a name that ends in .pfx", name)
}

const largestCertificateFile = 16 << 20

// readFileOrCertificate reads NAME, or NAME.crt.
func readFileOrCertificate(name string) ([]byte, error) {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) && filepath.Ext(name) == "" {
		f, err = os.Open(name + ".crt")
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, largestCertificateFile))
}

func firstCertificate(content []byte) []byte {
	for {
		var block *pem.Block
		if block, content = pem.Decode(content); block == nil {
			return nil
		}
		if block.Type == "CERTIFICATE" {
			return block.Bytes
		}
	}
}

// pfxLeaf is the certificate that belongs to the key: they have the same local
// key id. Without one it is the first.
func pfxLeaf(blocks []*pem.Block) []byte {
	id := ""
	for _, block := range blocks {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			id = block.Headers["localKeyId"]
		}
	}
	certificates := slices.DeleteFunc(slices.Clone(blocks), func(b *pem.Block) bool { return b.Type != "CERTIFICATE" })
	for _, block := range certificates {
		if id != "" && block.Headers["localKeyId"] == id {
			return block.Bytes
		}
	}
	if len(certificates) == 0 {
		return nil
	}
	return certificates[0].Bytes
}
