package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/halibut-go/halibut/cmd/internal/contract"
)

// TestLoad reads a package in which the file to be written is in ruins.
func TestLoad(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(folder, "out.go")
	write("go.mod", "module example.com/ruin\n\ngo 1.26\n")
	write("out.go", "package } not Go")
	if _, err := load(folder, out); err == nil || !strings.Contains(err.Error(), "no Go file but out.go") {
		t.Errorf("a folder without a contract: %v", err)
	}
	write("contract.go", "package ruin\n\nimport \"context\"\n\ntype Contract interface{ M(context.Context) error }\n\nvar _ = NewContractClient\n")
	write("contract_test.go", "package ruin_test\n")
	p, err := load(folder, out)
	if err != nil {
		t.Fatal(err)
	}
	contracts, err := contract.Read(p, contract.NewImports(), contract.Options{Types: []string{"Contract"}})
	if err != nil || len(contracts) != 1 || contracts[0].Wire != "IContract" {
		t.Errorf("got %v, %v", contracts, err)
	}
	if _, err := load(folder, filepath.Join(folder, "other.go")); err == nil {
		t.Error("a package with a ruined file was accepted")
	}
	write("contract.go", "package")
	if _, err := load(folder, out); err == nil {
		t.Error("a folder without a Go package was accepted")
	}
	if _, err := load(filepath.Join(folder, "none"), out); err == nil {
		t.Error("a folder that does not exist was accepted")
	}
}
