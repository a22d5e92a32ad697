package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the output of README.md's commands into README.md")

var tourBlock = regexp.MustCompile("(?s)```console\n(.*?)```\n")

// tourAddress is where the service listens in README.md. In the test it is
// somewhere else: the port may be taken.
const tourAddress = "127.0.0.1:10933"

// TestReadmeTour runs the commands of README.md in one shell and compares what
// they print.
func TestReadmeTour(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil || runtime.GOOS == "windows" {
		t.Skip("there is no shell for it")
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := tourBlock.FindSubmatch(readme)
	if block == nil {
		t.Fatal("README.md has no tour")
	}
	s := startShell(t, shell)
	var got strings.Builder
	for line := range strings.Lines(string(block[1])) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			fmt.Fprintf(&got, "%s%s", line, s.run(t, strings.TrimSpace(command)))
		}
	}
	if *update {
		changed := strings.Replace(string(readme), string(block[1]), got.String(), 1)
		if err := os.WriteFile("../../README.md", []byte(changed), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := untimed(string(block[1])); untimed(got.String()) != want {
		t.Errorf("the tour prints\n%s\nREADME.md has (go test ./cmd/halibut -run TestReadmeTour -update writes it)\n%s", &got, block[1])
	}
}

// untimed leaves out what differs from one run to the next.
func untimed(text string) string {
	text = regexp.MustCompile(`SHA256:[0-9A-F]{64}`).ReplaceAllString(text, "SHA256")
	text = regexp.MustCompile(`\d{4}-\d\d-\d\d`).ReplaceAllString(text, "DATE")
	text = regexp.MustCompile(`TLS_\w+`).ReplaceAllString(text, "CIPHER") // goes by the processor
	return unmeasured(text)
}

// shellSession is a shell that is given one command after another.
type shellSession struct {
	in      io.Writer
	out     *watchedOutput
	read    int    // of out
	address string // of the service, once it is known
}

func startShell(t *testing.T, shell string) *shellSession {
	t.Helper()
	s := &shellSession{out: newWatchedOutput()}
	cmd := exec.Command(shell)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "HALIBUT_LISTEN=127.0.0.1:0", "NO_COLOR=1")
	cmd.Stdout, cmd.Stderr = s.out, s.out
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.in = in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = io.WriteString(in, "kill $! 2> /dev/null\nwait\n")
		_ = in.Close()
		defer time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() }).Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the shell: %v", err)
		}
	})
	return s
}

// done is written after each command.
const done = "--- done ---\n"

// run gives the shell a command and returns what it prints. One in the
// background is waited for until it has said all that 'serve' says.
func (s *shellSession) run(t *testing.T, command string) string {
	t.Helper()
	if s.address != "" {
		command = strings.ReplaceAll(command, tourAddress, s.address)
	}
	end := done
	if strings.HasSuffix(command, "&") {
		end = "thumbprint  "
	} else {
		command += "\necho '" + strings.TrimSpace(done) + "'"
	}
	if _, err := io.WriteString(s.in, command+"\n"); err != nil {
		t.Fatal(err)
	}
	limit := time.After(30 * time.Second)
	for {
		all, grown := s.out.read()
		output, rest, found := strings.Cut(all[s.read:], end)
		if found && end != done {
			line, _, whole := strings.Cut(rest, "\n")
			output, found = output+end+line+"\n", whole
		}
		if found {
			s.read += len(output)
			if end == done {
				s.read += len(done)
			}
			if m := regexp.MustCompile(`(?m)^listening +https://(\S+)/$`).FindStringSubmatch(output); m != nil {
				s.address = m[1]
			}
			if s.address != "" {
				output = strings.ReplaceAll(output, s.address, tourAddress)
			}
			return output
		}
		select {
		case <-grown:
		case <-limit:
			t.Fatalf("%s does not end: %s", command, all[s.read:])
		}
	}
}
