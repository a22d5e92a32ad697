package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/halibuttest"
	"github.com/halibut-go/halibut/internal/pseudoterminal"
)

// onTerminal runs the program on a terminal of its own and answers the questions
// that it asks there. It returns what stands there in the end, and the status.
func onTerminal(t *testing.T, folder string, answers map[string]string, args ...string) (shown string, status int) {
	t.Helper()
	terminal, err := pseudoterminal.Open(100, 40)
	if err != nil {
		t.Skip(err)
	}
	defer terminal.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Args = append([]string{"halibut"}, args...)
	cmd.Dir, cmd.Env = folder, append(os.Environ(), "TERM=xterm-256color", "NO_COLOR=")
	var all strings.Builder
	if err := terminal.Run(cmd, func(text string) {
		all.WriteString(text)
		for question, answer := range answers {
			if strings.HasSuffix(all.String(), question) {
				delete(answers, question)
				enter := terminal.Type
				if strings.Contains(question, "assword") || strings.Contains(question, "again") {
					enter = terminal.TypeUnseen
				}
				if err := enter(answer + "\n"); err != nil {
					t.Error(err)
				}
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	return all.String(), cmd.ProcessState.ExitCode()
}

// TestAcceptNew pins what was discovered after a yes, and nothing else.
func TestAcceptNew(t *testing.T) {
	addr := serveHalibut(t, nil)
	file := filepath.Join(t.TempDir(), "trust.toml")
	question := "Append " + pinOf("peer") + " to " + file + "? Type yes: "
	shown, status := onTerminal(t, "", map[string]string{question: "no"}, "discover", "--accept-new", file, addr)
	if status != exitFailed || !strings.HasSuffix(shown, "halibut: nothing was pinned\r\n") {
		t.Errorf("after a no: status %d, %s", status, shown)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("after a no there is a file")
	}
	if shown, status := onTerminal(t, "", map[string]string{question: "yes"}, "discover", "--accept-new", file, addr); status != 0 || !strings.Contains(shown, "Pinned: ") {
		t.Errorf("after a yes: status %d, %s", status, shown)
	}
	if shown, status := onTerminal(t, "", nil, "discover", "--accept-new", file, addr); status != 0 || !strings.Contains(shown, "has this pin already.") {
		t.Errorf("a second time: status %d, %s", status, shown)
	}
	trusted, err := newTrustSource(nil, file, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if all := trusted.list.All(); len(all) != 1 || all[0].Pin.String() != pinOf("peer") {
		t.Errorf("trusted are %v", all)
	}
}

// TestOnTerminal holds that there are colours and bars on a terminal; the scripts
// hold that there are none elsewhere.
func TestOnTerminal(t *testing.T) {
	trust := &halibut.TrustList{}
	trust.AllowCalls(halibut.PinOf(halibuttest.Certificate("me")))
	drop, folder := filepath.Join(t.TempDir(), "drop"), t.TempDir()
	if err := os.Mkdir(drop, 0o700); err != nil {
		t.Fatal(err)
	}
	files, err := openDropFolder(drop, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.close() })
	url := "https://" + serveHalibut(t, &halibut.Options{Authorizer: trust, Services: newServices(files)})
	if err := os.WriteFile(filepath.Join(folder, "file"), make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	peer := []string{"-i", identityFile(t, "me"), "--pin", pinOf("peer")}
	for _, tt := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"doctor", url}, 0, `\x1b\[32mok  \x1b\[0m call .*\x1b\[2m  \S+ .?s\x1b\[0m\r\n\x1b\[1m\x1b\[32mhttps://\S+ can be used\.`},
		{[]string{"send-file", url, "file"}, 0, `\r     sent \[\x1b\[36m#+\x1b\[0m-+\]  \d\d %  \S+ KiB of 1.0 MiB, .*/s, .* left`},
		{[]string{"get-file", url, "file", "copy"}, 0, `\r     received \[\x1b\[36m#+\x1b\[0m-*\] .*\r +\rfetched   file, 1.0 MiB in `},
		{[]string{"ping", url, "-c", "1", "-v"}, 0, `1: \S+ .?s\r\n1 answered, 0 failed`},
		{[]string{"call", "poll://nobody", "A.B", "--listen", "127.0.0.1:0", "--timeout", "20ms"}, exitUnreachable, `INF\S* waiting for the service to ask for work .*subscription=`},
	} {
		shown, status := onTerminal(t, folder, nil, append(tt.args, peer...)...)
		if status != tt.status || !regexp.MustCompile(tt.want).MatchString(shown) {
			t.Errorf("%s: status %d, %q", tt.args[0], status, shown)
		}
	}
}

// TestAsksForPassword reads a password from the terminal, which does not show it.
func TestAsksForPassword(t *testing.T) {
	folder := t.TempDir()
	shown, status := onTerminal(t, folder, map[string]string{"New password: ": "open sesame", "The same again: ": "open sesame"}, "cert", "new", "--ecdsa", "agent.pfx")
	if status != 0 || strings.Contains(shown, "sesame") {
		t.Fatalf("status %d, %s", status, shown)
	}
	shown, status = onTerminal(t, folder, map[string]string{"Password of agent.pfx: ": "open sesame"}, "cert", "show", "agent.pfx")
	if status != 0 || !strings.Contains(shown, "subject     CN=agent") || strings.Contains(shown, "sesame") {
		t.Errorf("status %d, %s", status, shown)
	}
	shown, status = onTerminal(t, folder, map[string]string{"Password of agent.pfx: ": "open barley"}, "cert", "show", "agent.pfx")
	if status != exitFailed || !strings.Contains(shown, "halibut: agent.pfx cannot be opened: the password is wrong") {
		t.Errorf("with a wrong one: status %d, %s", status, shown)
	}
	shown, status = onTerminal(t, folder, map[string]string{"New password: ": "one", "The same again: ": "two"}, "cert", "new", "--ecdsa", "other.pfx")
	if status == 0 || !strings.Contains(shown, "the two passwords differ") {
		t.Errorf("with two: status %d, %s", status, shown)
	}
}
