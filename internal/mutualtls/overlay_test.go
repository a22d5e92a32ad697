package mutualtls

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// oldCertificate has a critical authority key identifier.
func oldCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2013), Subject: pkix.Name{CommonName: "old"}, NotAfter: time.Now().Add(time.Hour),
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 35}, Critical: true, Value: []byte{0x30, 0x03, 0x80, 0x01, 0x01}}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// No hook of crypto/tls has a say about an old certificate
// (docs/decisions/015-old-certificates.md). A Go that has one fails here.
func TestNoHookSeesOldCertificates(t *testing.T) {
	if _, err := x509.ParseCertificate(oldCertificate(t).Certificate[0]); err == nil {
		t.Skip("this Go takes them")
	}
	seen := func(what string) func([][]byte, [][]*x509.Certificate) error {
		return func([][]byte, [][]*x509.Certificate) error {
			t.Errorf("%s: VerifyPeerCertificate is reached", what)
			return nil
		}
	}
	connection := func(tls.ConnectionState) error {
		t.Error("VerifyConnection is reached")
		return nil
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		near, far := net.Pipe()
		server := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{oldCertificate(t)}, MaxVersion: version})
		done := make(chan struct{})
		go func() { defer close(done); _ = server.Handshake(); _ = far.Close() }()
		err := tls.Client(near, &tls.Config{InsecureSkipVerify: true, VerifyPeerCertificate: seen("client"), VerifyConnection: connection}).Handshake()
		_ = near.Close()
		<-done
		var unreadable *CertificateError
		if !errors.As(Explain(err), &unreadable) || !unreadable.CriticalAuthorityKeyID || unreadable.Hint() == "" {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
}

// TestOverlay builds a program by the command in the decision record.
func TestOverlay(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles crypto/x509 and what stands on it")
	}
	if runtime.GOOS == "windows" {
		t.Skip("the command is for a Unix shell")
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "src", "crypto", "x509", "parser.go"))
	if err != nil || !bytes.Contains(source, []byte(`"x509: authority key identifier incorrectly marked critical"`)) {
		t.Skipf("the source of this Go is another: %v", err)
	}
	page, err := os.ReadFile("../../docs/decisions/015-old-certificates.md")
	if err != nil {
		t.Fatal(err)
	}
	_, command, ok := strings.Cut(string(page), "```sh\n")
	command, _, closed := strings.Cut(command, "```")
	const build = "go build -overlay overlay/overlay.json ./...\n"
	if !ok || !closed || !strings.HasSuffix(command, build) {
		t.Fatal("the decision record has no such command")
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	command = "set -e\n" + strings.TrimSuffix(command, build) +
		"here=$PWD; cd \"$1\"; go build -overlay \"$here/overlay/overlay.json\" -o \"$here/\" ./testdata/oldcertificate; \"$here/oldcertificate\"\n"
	cmd := exec.Command("sh", "-c", command, "sh", dir)
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "hello true\n" {
		t.Errorf("%v: %s", err, out)
	}
	out, err = exec.Command("go", "run", "./testdata/oldcertificate").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "halibut cert new") {
		t.Errorf("without the overlay: %v: %s", err, out)
	}
}
