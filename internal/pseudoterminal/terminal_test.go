package pseudoterminal

import (
	"os/exec"
	"strings"
	"testing"
)

// TestTerminal runs a program that finds itself on a terminal.
func TestTerminal(t *testing.T) {
	terminal, err := Open(80, 24)
	if err != nil {
		t.Skip(err)
	}
	defer terminal.Close()
	var shown strings.Builder
	if err := terminal.Run(exec.Command("sh", "-c", "test -t 1 && echo 'on a terminal ü'; exit 3"), func(text string) { shown.WriteString(text) }); err != nil {
		t.Fatal(err)
	}
	if got, want := shown.String(), "on a terminal ü\r\n"; got != want {
		t.Errorf("shown is %q, want %q", got, want)
	}
}

// TestType answers a program that asks.
func TestType(t *testing.T) {
	terminal, err := Open(80, 24)
	if err != nil {
		t.Skip(err)
	}
	defer terminal.Close()
	var shown strings.Builder
	err = terminal.Run(exec.Command("sh", "-c", "printf 'Name: '; read name; echo \"Hello, $name\""), func(text string) {
		shown.WriteString(text)
		if strings.HasSuffix(shown.String(), "Name: ") {
			if err := terminal.Type("Ada\n"); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil || !strings.HasSuffix(shown.String(), "Hello, Ada\r\n") {
		t.Errorf("shown is %q, %v", shown.String(), err)
	}
}
