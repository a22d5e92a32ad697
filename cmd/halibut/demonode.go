package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/halibut-go/halibut"
)

// demoNode is a node of the cluster that the demo shows: this program as a
// process of its own, so that it can be killed.
type demoNode struct {
	name   string
	pin    halibut.Pin
	url    string // where it listens, "" if it does not
	cmd    *exec.Cmd
	stderr bytes.Buffer
	ended  chan error
}

// startNode starts "halibut serve" with these arguments, and waits until it
// serves.
func startNode(ctx context.Context, name string, args ...string) (*demoNode, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	n := &demoNode{name: name, cmd: exec.Command(program, append([]string{"serve"}, args...)...), ended: make(chan error, 1)}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, environmentPrefix) { // it would be a flag
			n.cmd.Env = append(n.cmd.Env, variable)
		}
	}
	n.cmd.Stderr = &n.stderr
	output, err := n.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := n.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s does not start: %w", name, err)
	}
	ready := make(chan bool, 1)
	go func() {
		n.readOutput(output, ready)
		n.ended <- n.cmd.Wait()
	}()
	var serves bool
	select {
	case serves = <-ready:
	case <-ctx.Done():
	}
	if !serves {
		n.kill()
		return nil, errors.Join(ctx.Err(), fmt.Errorf("%s ended: %s", name, strings.TrimSpace(n.stderr.String())))
	}
	return n, nil
}

// readOutput reads what the program writes, up to its thumbprint and beyond.
func (n *demoNode) readOutput(output io.Reader, ready chan<- bool) {
	for lines := bufio.NewScanner(output); lines.Scan(); {
		switch fields := strings.Fields(lines.Text()); {
		case len(fields) == 2 && fields[0] == "listening":
			n.url = fields[1]
		case len(fields) == 2 && fields[0] == "thumbprint":
			ready <- true
		}
	}
	close(ready)
}

// kill ends the process as a power cut would.
func (n *demoNode) kill() {
	_ = n.cmd.Process.Kill() // it has ended already, or does now
	n.ended <- <-n.ended
}

// stop asks it to end.
func (n *demoNode) stop() {
	_ = n.cmd.Process.Signal(os.Interrupt)
	select {
	case err := <-n.ended:
		n.ended <- err
	case <-time.After(drainTime):
		n.kill()
	}
}
