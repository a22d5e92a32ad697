package tentacle_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/contracts/tentacle"
	"github.com/halibut-go/halibut/contracts/tentacle/tentacletest"
	"github.com/halibut-go/halibut/halibuttest"
)

func bubble(t *testing.T, test func(*testing.T)) {
	halibuttest.Certificate("client") // making a key is no matter of a bubble's time
	halibuttest.Certificate("service")
	synctest.Test(t, test)
}

// slowly prints what the script was given, with pauses.
func slowly(ctx context.Context, s *tentacletest.Script) int {
	s.Print("body " + s.Body)
	pauseIn(ctx, 10*time.Second)
	s.PrintTo(tentacle.SourceStdErr, "arguments "+strings.Join(s.Arguments, ","))
	pauseIn(ctx, 10*time.Second)
	s.Print(fmt.Sprintf("file %s", s.Files["data.txt"]))
	return 0
}

func pauseIn(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func TestRunScript(t *testing.T) {
	eachKind(t, func(t *testing.T, d halibuttest.Direction, g generation) {
		played, caller := connected(t, d, g, slowly)
		var log bytes.Buffer
		var sources []tentacle.ProcessOutputSource
		start := time.Now()
		err := tentacle.NewClient(caller, nil).RunScript(t.Context(), &tentacle.Script{
			Body: "powershell", Scripts: map[tentacle.ScriptType]string{tentacle.Bash: "bash"},
			Arguments: []string{"--one", "two three"},
			Files:     []tentacle.ScriptFile{{Name: "data.txt", Contents: halibut.StreamBytes([]byte("content"))}},
			OnOutput:  func(line tentacle.ProcessOutput) { sources = append(sources, line.Source) },
		}, &log)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := log.String(), "body bash\narguments --one,two three\nfile content\n"; got != want {
			t.Errorf("the log is %q, want %q", got, want)
		}
		if want := []tentacle.ProcessOutputSource{tentacle.SourceStdOut, tentacle.SourceStdErr, tentacle.SourceStdOut}; !slices.Equal(sources, want) {
			t.Errorf("the sources are %v, want %v", sources, want)
		}
		if took := time.Since(start); took < 20*time.Second || took > 30*time.Second {
			t.Errorf("it took %v", took)
		}
		if n := played.Scripts(); n != 0 {
			t.Errorf("%d scripts are left", n)
		}
	})
}

// TestOrderOfCalls holds what each kind of Tentacle is asked against what
// .NET callers ask (the README of the recordings of Tentacle).
func TestOrderOfCalls(t *testing.T) {
	quick := func(context.Context, *tentacletest.Script) int { return 0 }
	want := map[string][]string{
		"oldest": {
			"ICapabilitiesServiceV2.GetCapabilities", "IScriptService.StartScript",
			"IScriptService.GetStatus", "IScriptService.GetStatus", "IScriptService.CompleteScript",
		},
		"today": {
			"ICapabilitiesServiceV2.GetCapabilities", "IScriptServiceV2.StartScript", "IScriptServiceV2.CompleteScript",
		},
		"kubernetes": {
			"ICapabilitiesServiceV2.GetCapabilities", "IKubernetesScriptServiceV1.StartScript",
			"IKubernetesScriptServiceV1.GetStatus", "IKubernetesScriptServiceV1.CompleteScript",
		},
	}
	eachKind(t, func(t *testing.T, d halibuttest.Direction, g generation) {
		_, caller := connected(t, d, g, quick)
		caller.after = func(_, _ string, err error) error {
			synctest.Wait() // so that the script has ended when it is asked about
			return err
		}
		if err := tentacle.NewClient(caller, nil).RunScript(t.Context(), &tentacle.Script{Body: "x"}, nil); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(withoutFirstStatus(want[g.name]), withoutFirstStatus(caller.made)); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}

// withoutFirstStatus leaves out the first GetStatus of a Kubernetes agent: the
// answer to StartScript may have said already that the script is complete.
func withoutFirstStatus(made []string) []string {
	return slices.DeleteFunc(slices.Clone(made), func(call string) bool { return call == "IKubernetesScriptServiceV1.GetStatus" })
}

func TestExitCode(t *testing.T) {
	eachKind(t, func(t *testing.T, d halibuttest.Direction, g generation) {
		_, caller := connected(t, d, g, func(_ context.Context, s *tentacletest.Script) int {
			s.Print("going to fail")
			return 3
		})
		var log bytes.Buffer
		err := tentacle.NewClient(caller, nil).RunScript(t.Context(), &tentacle.Script{Ticket: tentacle.ScriptTicket{TaskID: "mine"}}, &log)
		var exit *tentacle.ExitError
		if !errors.As(err, &exit) || exit.Code != 3 || !strings.HasSuffix(err.Error(), " ended with exit code 3") {
			t.Errorf("the error is %v", err)
		}
		if own := g.name != "oldest"; exit != nil && (exit.Ticket.TaskID == "mine") != own {
			t.Errorf("the ticket is %s", exit.Ticket)
		}
		if log.String() != "going to fail\n" {
			t.Errorf("the log is %q", &log)
		}
	})
}

func TestExitErrorTellsWhatTentacleMeans(t *testing.T) {
	for code, want := range map[int]string{
		1: "the script t ended with exit code 1", -41: "could not run it", -42: "could not be started", -43: "was cancelled",
		-44: "mutex", -45: "does not know it", -46: "lost its result", -47: "never came", -81: "its pod is gone",
	} {
		got := (&tentacle.ExitError{Ticket: tentacle.ScriptTicket{TaskID: "t"}, Code: code}).Error()
		if !strings.Contains(got, want) {
			t.Errorf("%d: %q does not say %q", code, got, want)
		}
	}
}

// until waits for a script's own end or its cancellation.
func until(ctx context.Context, s *tentacletest.Script) int {
	s.Print("started")
	<-ctx.Done()
	s.Print("ending")
	time.Sleep(2 * time.Second)
	s.PrintTo(tentacle.SourceDebug, "ended")
	return 0
}

func TestContextEnds(t *testing.T) {
	eachKind(t, func(t *testing.T, d halibuttest.Direction, g generation) {
		played, caller := connected(t, d, g, until)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Second, cancel)
		var log bytes.Buffer
		err := tentacle.NewClient(caller, nil).RunScript(ctx, &tentacle.Script{}, &log)
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "was cancelled: ") {
			t.Errorf("the error is %v", err)
		}
		if want := "started\nending\nended\n"; log.String() != want {
			t.Errorf("the log is %q, want %q", &log, want)
		}
		if n := played.Scripts(); n != 0 {
			t.Errorf("%d scripts are left", n)
		}
		if n := caller.count(g.service + ".CancelScript"); n < 2 {
			t.Errorf("the Tentacle was asked %d times to cancel", n)
		}
	})
}

func TestContextEndsForAReason(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, caller := connected(t, halibuttest.Listening, generations()[1], until)
		reason := errors.New("the operator said so")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { cancel(reason) })
		err := tentacle.NewClient(caller, nil).RunScript(ctx, &tentacle.Script{}, nil)
		if !errors.Is(err, context.Canceled) || !errors.Is(err, reason) {
			t.Errorf("the error is %v", err)
		}
	})
}

// TestContextEndsWhileStarting cancels during the start, whose answer is lost
// with the connection.
func TestContextEndsWhileStarting(t *testing.T) {
	eachKind(t, func(t *testing.T, d halibuttest.Direction, g generation) {
		played, caller := connected(t, d, g, until)
		ctx, cancel := context.WithCancel(t.Context())
		caller.after = func(_, method string, err error) error {
			if method == "StartScript" {
				cancel()
				if g.name != "oldest" {
					return &halibut.Error{Code: halibut.CodeCanceled, Outcome: halibut.Unknown}
				}
			}
			return err
		}
		err := tentacle.NewClient(caller, nil).RunScript(ctx, &tentacle.Script{StartWait: -1}, nil)
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "was cancelled: ") {
			t.Errorf("the error is %v", err)
		}
		if n := played.Scripts(); n != 0 {
			t.Errorf("%d scripts are left", n)
		}
	})
}

// TestGrace gives up on a script that does not end.
func TestGrace(t *testing.T) {
	eachKind(t, func(t *testing.T, d halibuttest.Direction, g generation) {
		release := make(chan struct{})
		_, caller := connected(t, d, g, func(context.Context, *tentacletest.Script) int {
			<-release
			return 0
		})
		defer close(release)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		err := tentacle.NewClient(caller, &tentacle.Options{Grace: 30 * time.Second}).RunScript(ctx, &tentacle.Script{}, nil)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "may still run") {
			t.Errorf("the error is %v", err)
		}
		if took := time.Since(start); took != 40*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// failingLog fails after some lines.
type failingLog struct{ left int }

var errDisk = errors.New("the disk is full")

func (f *failingLog) Write(p []byte) (int, error) {
	if f.left--; f.left < 0 {
		return 0, errDisk
	}
	return len(p), nil
}

func TestLogFails(t *testing.T) {
	eachKind(t, func(t *testing.T, d halibuttest.Direction, g generation) {
		played, caller := connected(t, d, g, until)
		err := tentacle.NewClient(caller, nil).RunScript(t.Context(), &tentacle.Script{}, &failingLog{})
		if !errors.Is(err, errDisk) || !strings.Contains(err.Error(), "was cancelled: its log: ") {
			t.Errorf("the error is %v", err)
		}
		if n := played.Scripts(); n != 0 {
			t.Errorf("%d scripts are left", n)
		}
	})
}

// TestLastLineFails has a log fail when the script has ended.
func TestLastLineFails(t *testing.T) {
	eachKind(t, func(t *testing.T, d halibuttest.Direction, g generation) {
		played, caller := connected(t, d, g, func(_ context.Context, s *tentacletest.Script) int {
			s.Print("one")
			return 0
		})
		err := tentacle.NewClient(caller, nil).RunScript(t.Context(), &tentacle.Script{}, &failingLog{})
		if !errors.Is(err, errDisk) {
			t.Errorf("the error is %v", err)
		}
		if n := played.Scripts(); n != 0 {
			t.Errorf("%d scripts are left", n)
		}
	})
}

// lost is the error of a call whose connection broke under it.
func lost() error {
	return &halibut.Error{Code: halibut.CodeTransfer, Outcome: halibut.Unknown, Phase: halibut.PhaseSent, Message: "connection reset"}
}

// TestConnectionBreaks loses the answer to the first call of each method. Starts
// by a ticket of our own are repeated, and the script runs once all the same;
// ScriptService's start is not.
func TestConnectionBreaks(t *testing.T) {
	eachKind(t, func(t *testing.T, d halibuttest.Direction, g generation) {
		ran := make(chan struct{}, 10)
		played, caller := connected(t, d, g, func(ctx context.Context, s *tentacletest.Script) int {
			ran <- struct{}{}
			return slowly(ctx, s)
		})
		seen := make(map[string]bool)
		caller.after = func(_, method string, err error) error {
			if !seen[method] && method != "CompleteScript" {
				seen[method] = true
				return lost()
			}
			return err
		}
		var log bytes.Buffer
		err := tentacle.NewClient(caller, nil).RunScript(t.Context(), &tentacle.Script{Body: "b"}, &log)
		if g.name == "oldest" {
			if err == nil || !strings.Contains(err.Error(), "the script may run, and cannot be cancelled") || halibut.CodeOf(err) != halibut.CodeTransfer {
				t.Errorf("the error is %v", err)
			}
			if n := caller.count("IScriptService.StartScript"); n != 1 {
				t.Errorf("StartScript was called %d times", n)
			}
			return
		}
		if want := "body b\narguments \nfile \n"; err != nil || log.String() != want {
			t.Errorf("the log is %q, want %q; %v", &log, want, err)
		}
		if len(ran) != 1 || played.Scripts() != 0 {
			t.Errorf("the script ran %d times, %d are left", len(ran), played.Scripts())
		}
	})
}

// TestTentacleVanishes fails all calls from some moment on, but for those that
// cancel and complete in one of the cases.
func TestTentacleVanishes(t *testing.T) {
	for _, reachable := range []bool{true, false} {
		t.Run(fmt.Sprintf("reachable again %v", reachable), func(t *testing.T) {
			eachKind(t, func(t *testing.T, d halibuttest.Direction, g generation) {
				played, caller := connected(t, d, g, until)
				caller.before = func(_, method string) error {
					if method == "GetStatus" || !reachable && method == "CancelScript" {
						return lost()
					}
					return nil
				}
				err := tentacle.NewClient(caller, nil).RunScript(t.Context(), &tentacle.Script{StartWait: -1}, nil)
				if halibut.CodeOf(err) != halibut.CodeTransfer || !strings.Contains(err.Error(), "may still run") {
					t.Errorf("the error is %v", err)
				}
				n := caller.count(g.service + ".CancelScript")
				if reachable && n != 1 || !reachable && n < 2 {
					t.Errorf("the Tentacle was asked %d times to cancel", n)
				}
				played.Close()
			})
		})
	}
}

// TestCleaningUpFails holds that a script's outcome is not harmed by it.
func TestCleaningUpFails(t *testing.T) {
	eachKind(t, func(t *testing.T, d halibuttest.Direction, g generation) {
		_, caller := connected(t, d, g, nil)
		caller.before = func(_, method string) error {
			if method == "CompleteScript" {
				return lost()
			}
			return nil
		}
		if err := tentacle.NewClient(caller, nil).RunScript(t.Context(), &tentacle.Script{}, io.Discard); err != nil {
			t.Error(err)
		}
		if n := caller.count(g.service + ".CompleteScript"); n != 1 {
			t.Errorf("CompleteScript was called %d times", n)
		}
	})
}

// TestStartFails holds that nothing is cancelled that was refused.
func TestStartFails(t *testing.T) {
	eachKind(t, func(t *testing.T, d halibuttest.Direction, g generation) {
		played, caller := connected(t, d, g, nil)
		played.Close()
		err := tentacle.NewClient(caller, nil).RunScript(t.Context(), &tentacle.Script{}, nil)
		if halibut.CodeOf(err) != halibut.CodeServiceFailed || !strings.Contains(err.Error(), "shutting down") {
			t.Errorf("the error is %v", err)
		}
		if n := caller.count(g.service + ".CancelScript"); n != 0 {
			t.Errorf("CancelScript was called %d times", n)
		}
	})
}
