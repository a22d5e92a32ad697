package main

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestCertificateWarnings holds what is said of certificates that peers may refuse.
func TestCertificateWarnings(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	_, odd, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made := func(key crypto.Signer, change func(*x509.Certificate)) *x509.Certificate {
		form := template("warned")
		if change != nil {
			change(form)
		}
		der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return certificate
	}
	for _, tt := range []struct {
		certificate *x509.Certificate
		want        []string
	}{
		{made(newKey(t), nil), nil},
		{made(small, nil), []string{"the RSA key has 1024 bits: many systems refuse less than 2048"}},
		{made(small, func(form *x509.Certificate) { form.SignatureAlgorithm = x509.SHA1WithRSA }), []string{
			"the signature is SHA1-RSA, which systems with a strict security policy refuse", "the RSA key has 1024 bits: many systems refuse less than 2048",
		}},
		{made(odd, nil), []string{"the key is Ed25519: .NET and Windows cannot use it"}},
		{made(newKey(t), func(form *x509.Certificate) {
			form.NotAfter = time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC)
			form.NotBefore = form.NotAfter.Add(-1)
		}), []string{
			"it expired on 2020-01-02; Halibut peers do not look, others may",
		}},
		{made(newKey(t), func(form *x509.Certificate) {
			form.NotBefore = time.Date(2120, 1, 2, 0, 0, 0, 0, time.UTC)
			form.NotAfter = form.NotBefore.Add(time.Hour)
		}), []string{
			"it is valid only from 2120-01-02 on; Halibut peers do not look, others may",
		}},
	} {
		if got := certificateWarnings(tt.certificate, nil, time.Now()); !slices.Equal(got, tt.want) {
			t.Errorf("the warnings are %q, want %q", got, tt.want)
		}
	}
	_, err = x509.ParseCertificate(criticalCertificate(t).Certificate[0])
	if got := certificateWarnings(nil, err, time.Now()); len(got) != 1 || !strings.Contains(got[0], "marked critical") {
		t.Errorf("for a critical authority key identifier the warnings are %q", got)
	}
}
