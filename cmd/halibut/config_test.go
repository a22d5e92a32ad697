package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"

	"github.com/halibut-go/halibut"
)

// TestConfigure holds which of command line, environment and file wins.
func TestConfigure(t *testing.T) {
	const file = `
identity = "top"
verbose = true
connections = 7

[serve]
identity = "table"
trust = ["A", "B"]
reconnect = "1m"
`
	for _, tt := range []struct {
		name        string
		args        []string
		environment map[string]string
		want        string
	}{
		{"the file", nil, nil, "table [A B] 7 1m0s true"},
		{"environment over file", nil, map[string]string{"HALIBUT_IDENTITY": "env", "HALIBUT_TRUST": "C, D"}, "env [C D] 7 1m0s true"},
		{"command line over all", []string{"-i", "line", "--trust=E", "--verbose=false"}, map[string]string{"HALIBUT_TRUST": "C"}, "line [E] 7 1m0s false"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.toml")
			if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("HALIBUT_CONFIG", path)
			for name, value := range tt.environment {
				t.Setenv(name, value)
			}
			got := ""
			root := newRootCommand(new(bool))
			serve, _, err := root.Find([]string{"serve"})
			if err != nil {
				t.Fatal(err)
			}
			serve.RunE = func(cmd *cobra.Command, _ []string) error {
				f := cmd.Flags()
				identity, _ := f.GetString("identity")
				trust, _ := f.GetStringArray("trust")
				connections, _ := f.GetInt("connections")
				reconnect, _ := f.GetDuration("reconnect")
				verbose, _ := f.GetBool("verbose")
				got = fmt.Sprint(identity, " ", trust, " ", connections, " ", reconnect, " ", verbose)
				return nil
			}
			root.SetArgs(append([]string{"serve"}, tt.args...))
			if err := root.Execute(); err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestConfigureRefuses holds that each mistake is a usage error that says where.
func TestConfigureRefuses(t *testing.T) {
	for _, tt := range []struct{ file, environment, want string }{
		{"identity = \"x\"\nidentty = \"y\"\n", "", `FILE line 2: unknown key "identty"`},
		{"[serve]\ntrust = [\"a\"]\nfolders = \"x\"\n", "", `FILE line 3: unknown key "serve.folders"`},
		{"[serv]\n", "", `FILE line 1: unknown key "serv"`},
		{"[serve]\nconnections = \"many\"\n", "", "FILE line 2 column "},
		{"[serve\n", "", "FILE line 1 column "},
		{"[serve]\nreconnect = \"soon\"\n", "", "FILE: reconnect: duration: "},
		{"config = \"other.toml\"\n", "", `FILE line 1: unknown key "config"`},
		{"", "several", `HALIBUT_CONNECTIONS: int: `},
	} {
		path := filepath.Join(t.TempDir(), "config.toml")
		if err := os.WriteFile(path, []byte(tt.file), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("HALIBUT_CONNECTIONS", tt.environment)
		var stderr bytes.Buffer
		status := run(t.Context(), []string{"serve", "--config", path}, nil, &bytes.Buffer{}, &stderr)
		got := bytes.ReplaceAll(stderr.Bytes(), []byte(path), []byte("FILE"))
		if status != exitUsage || !bytes.HasPrefix(got, []byte("halibut: "+tt.want)) {
			t.Errorf("%q: status %d, %q; want %q", tt.file, status, got, tt.want)
		}
	}
	var stderr bytes.Buffer
	if status := run(t.Context(), []string{"serve", "--config", "nowhere.toml"}, nil, &bytes.Buffer{}, &stderr); status != exitUsage {
		t.Errorf("a missing file: status %d, %q", status, &stderr)
	}
}

// TestStatusOf holds which status each kind of error has.
func TestStatusOf(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	for _, tt := range []struct {
		ctx  context.Context
		err  error
		want int
	}{
		{t.Context(), nil, 0},
		{t.Context(), errors.New("x"), exitFailed},
		{t.Context(), usagef("x"), exitUsage},
		{t.Context(), fmt.Errorf("wrapped: %w", &statusError{exitUntrusted, errors.New("x")}), exitUntrusted},
		{t.Context(), &halibut.Error{Code: halibut.CodeConnect}, exitUnreachable},
		{t.Context(), &halibut.Error{Code: halibut.CodeQueueTimeout}, exitUnreachable},
		{t.Context(), &halibut.Error{Code: halibut.CodeDeadline, Phase: halibut.PhaseConnecting}, exitUnreachable},
		{t.Context(), &halibut.Error{Code: halibut.CodeDeadline, Phase: halibut.PhaseSent}, exitFailed},
		{t.Context(), &halibut.Error{Code: halibut.CodeProtocol, Phase: halibut.PhaseConnecting}, exitUnreachable},
		{t.Context(), &halibut.Error{Code: halibut.CodeTransfer, Phase: halibut.PhaseSent}, exitFailed},
		{t.Context(), &halibut.Error{Code: halibut.CodeUntrusted}, exitUntrusted},
		{t.Context(), &halibut.Error{Code: halibut.CodeServiceFailed}, exitRemote},
		{t.Context(), &halibut.Error{Code: halibut.CodeServiceNotFound}, exitRemote},
		{t.Context(), &halibut.Error{Code: halibut.CodeMethodNotFound}, exitRemote},
		{t.Context(), &halibut.Error{Code: halibut.CodeAmbiguousMethod}, exitRemote},
		{t.Context(), &halibut.Error{Code: halibut.CodeTypeNotAllowed, Remote: true}, exitRemote},
		{t.Context(), &halibut.Error{Code: halibut.CodeTypeNotAllowed}, exitFailed},
		{t.Context(), context.Canceled, exitFailed},
		{ended, context.Canceled, exitInterrupted},
		{ended, errors.New("x"), exitFailed},
	} {
		if got := exitStatus(tt.ctx, tt.err); got != tt.want {
			t.Errorf("%#v: status %d, want %d", tt.err, got, tt.want)
		}
	}
}
