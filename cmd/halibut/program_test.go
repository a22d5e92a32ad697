package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// program is one that runs beside a script.
type program struct {
	cmd            *exec.Cmd
	stdout, stderr *watchedOutput
	ended          chan struct{} // closed when it has ended
	err            error
}

// programs are those of one script, by name.
type programs map[string]*program

type programsKey struct{}

func setUpPrograms(env *testscript.Env) {
	all := programs{}
	env.Values[programsKey{}] = all
	env.Defer(func() {
		for _, p := range all {
			_ = p.cmd.Process.Kill()
			<-p.ended
		}
	})
}

// watchedOutput keeps what a program writes and tells who waits for it.
type watchedOutput struct {
	mu      sync.Mutex
	content bytes.Buffer
	grown   chan struct{} // closed and made anew with each write
}

func newWatchedOutput() *watchedOutput { return &watchedOutput{grown: make(chan struct{})} }

func (o *watchedOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.grown)
	o.grown = make(chan struct{})
	return o.content.Write(p)
}

func (o *watchedOutput) read() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.content.String(), o.grown
}

// startProgram is "start NAME PROGRAM ARGS...": it runs beside the script until
// it is stopped.
func startProgram(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME PROGRAM ARGS...")
	}
	p := &program{cmd: exec.Command(args[1], args[2:]...), stdout: newWatchedOutput(), stderr: newWatchedOutput(), ended: make(chan struct{})}
	p.cmd.Dir = ts.MkAbs(".")
	p.cmd.Env = os.Environ()
	for _, name := range []string{"TMPDIR", "TMP", "HALIBUT_IDENTITY", "HALIBUT_CONFIG"} {
		p.cmd.Env = append(p.cmd.Env, name+"="+ts.Getenv(name))
	}
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	ts.Check(p.cmd.Start())
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	all := ts.Value(programsKey{}).(programs)
	if all[args[0]] != nil {
		ts.Fatalf("%s runs already", args[0])
	}
	all[args[0]] = p
}

func programOf(ts *testscript.TestScript, name string) *program {
	p := ts.Value(programsKey{}).(programs)[name]
	if p == nil {
		ts.Fatalf("no program %s was started", name)
	}
	return p
}

// awaitOutput is "await NAME REGEXP [VARIABLE...]": it waits until the program
// has written what matches, and sets variables to the groups.
func awaitOutput(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await NAME REGEXP [VARIABLE...]")
	}
	p, pattern := programOf(ts, args[0]), regexp.MustCompile("(?m)"+args[1])
	limit := time.After(20 * time.Second)
	for ended := false; ; {
		stdout, out := p.stdout.read()
		stderr, err := p.stderr.read()
		if m := pattern.FindStringSubmatch(stdout + "\n" + stderr); m != nil {
			for i, variable := range args[2:] {
				ts.Setenv(variable, m[i+1])
			}
			return
		}
		if ended {
			ts.Fatalf("%s has ended (%v) and has not written %s:\n%s\n%s", args[0], p.err, pattern, stdout, stderr)
		}
		select {
		case <-out:
		case <-err:
		case <-p.ended:
			ended = true
		case <-limit:
			ts.Fatalf("%s does not write %s:\n%s\n%s", args[0], pattern, stdout, stderr)
		}
	}
}

// interruptProgram is "[!] interrupt NAME": Ctrl-C, and then as finish.
func interruptProgram(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: [!] interrupt NAME")
	}
	_ = programOf(ts, args[0]).cmd.Process.Signal(os.Interrupt)
	finishProgram(ts, neg, args)
}

// finishProgram is "[!] finish NAME": it waits for the program's end, and keeps
// what it wrote in NAME.stdout and NAME.stderr. Its exit status must be 0, or
// with ! another one.
func finishProgram(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: [!] finish NAME")
	}
	p := programOf(ts, args[0])
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		ts.Fatalf("%s does not end", args[0])
	}
	delete(ts.Value(programsKey{}).(programs), args[0])
	stdout, _ := p.stdout.read()
	stderr, _ := p.stderr.read()
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".stdout"), []byte(stdout), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".stderr"), []byte(stderr), 0o600))
	if (p.err != nil) != neg {
		ts.Fatalf("%s ended with %v:\n%s\n%s", args[0], p.err, stdout, stderr)
	}
}

// hangUpProgram is "hangup NAME".
func hangUpProgram(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hangup NAME")
	}
	ts.Check(programOf(ts, args[0]).cmd.Process.Signal(syscall.SIGHUP))
}
