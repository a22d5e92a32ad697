package tentacletest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/contracts/tentacle"
)

// Script is a script that was started.
type Script struct {
	Ticket    tentacle.ScriptTicket
	TaskID    string
	Body      string // the one for Bash, where there is one
	Arguments []string
	Files     map[string][]byte

	ended  chan struct{}
	cancel context.CancelFunc

	mu       sync.Mutex
	log      []tentacle.ProcessOutput
	exitCode int
}

// Print adds a line to the log, from the script's standard output.
func (s *Script) Print(text string) { s.PrintTo(tentacle.SourceStdOut, text) }

// PrintTo adds a line to the log.
func (s *Script) PrintTo(source tentacle.ProcessOutputSource, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, tentacle.ProcessOutput{Source: source, Occurred: time.Now(), Text: text})
}

// command is what the three services are told alike.
type command struct {
	ticket    tentacle.ScriptTicket
	taskID    string
	body      string
	scripts   map[tentacle.ScriptType]string
	files     []tentacle.ScriptFile
	arguments []string
}

// start starts a script, unless one with that ticket was started already.
func (t *Tentacle) start(c command) (*Script, error) {
	files := make(map[string][]byte)
	for _, file := range c.files {
		content, err := file.Contents.Bytes(-1)
		if err != nil {
			return nil, fmt.Errorf("the file %s: %w", file.Name, err)
		}
		files[file.Name] = content
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.scripts[key(c.ticket)]; s != nil {
		return s, nil
	}
	if t.closed {
		return nil, errors.New("The Tentacle service is shutting down and cannot process this request.") //lint:ignore ST1005 as Tentacle says it
	}
	s := &Script{
		Ticket: c.ticket, TaskID: c.taskID, Body: c.body, Arguments: c.arguments, Files: files,
		ended: make(chan struct{}),
	}
	if bash, ok := c.scripts[tentacle.Bash]; ok {
		s.Body = bash
	}
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(context.Background())
	if t.scripts == nil {
		t.scripts = make(map[string]*Script)
	}
	t.scripts[key(c.ticket)] = s
	t.running.Go(func() { t.run(ctx, s) })
	return s, nil
}

func (t *Tentacle) run(ctx context.Context, s *Script) {
	defer s.cancel()
	exitCode := 0
	if t.Run == nil {
		s.Print(s.Body)
	} else {
		exitCode = t.Run(ctx, s)
	}
	if ctx.Err() != nil {
		exitCode = tentacle.ExitCanceled
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exitCode = exitCode
	close(s.ended)
}

// find returns nil for a ticket that is not known.
func (t *Tentacle) find(ticket tentacle.ScriptTicket) *Script {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.scripts[key(ticket)]
}

// cancelScript asks a script to end.
func (t *Tentacle) cancelScript(ticket tentacle.ScriptTicket) *Script {
	s := t.find(ticket)
	if s != nil {
		s.cancel()
	}
	return s
}

// forget removes a script, which is cancelled if it runs.
func (t *Tentacle) forget(ticket tentacle.ScriptTicket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.scripts[key(ticket)]; s != nil {
		s.cancel()
		delete(t.scripts, key(ticket))
	}
}

// wait waits for the script's end.
func (s *Script) wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-s.ended:
	case <-timer.C:
	case <-ctx.Done():
	}
}

func waitOf(span *halibut.TimeSpan) time.Duration {
	if span == nil {
		return 0
	}
	d, _ := span.Duration()
	return d
}

// status is what all services answer. A nil Script is one that nobody knows.
func (s *Script) status(from int64) (logs []tentacle.ProcessOutput, next int64, state tentacle.ProcessState, exitCode int32) {
	logs = []tentacle.ProcessOutput{}
	if s == nil {
		return logs, from, tentacle.StateComplete, tentacle.ExitUnknownScript
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if from = min(max(from, 0), int64(len(s.log))); from < int64(len(s.log)) {
		logs = append(logs, s.log[from:]...)
	}
	select {
	case <-s.ended:
		return logs, int64(len(s.log)), tentacle.StateComplete, int32(s.exitCode)
	default:
		return logs, int64(len(s.log)), tentacle.StateRunning, 0
	}
}
