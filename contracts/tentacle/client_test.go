package tentacle_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/contracts/tentacle"
	"github.com/halibut-go/halibut/contracts/tentacle/tentacletest"
	"github.com/halibut-go/halibut/halibuttest"
)

func TestCapabilitiesAreKept(t *testing.T) {
	eachKind(t, func(t *testing.T, d halibuttest.Direction, g generation) {
		_, caller := connected(t, d, g, nil)
		client := tentacle.NewClient(caller, nil)
		for range 3 {
			capabilities, err := client.Capabilities(t.Context())
			if err != nil || !capabilities.Has(g.service) || capabilities.Kubernetes() != (g.name == "kubernetes") {
				t.Fatalf("%+v, %v", capabilities, err)
			}
			time.Sleep(4 * time.Minute)
		}
		asked := func() int { return caller.count("ICapabilitiesServiceV2.GetCapabilities") }
		if n := asked(); n != 1 {
			t.Errorf("asked %d times within 8 minutes", n)
		}
		if _, err := client.Capabilities(t.Context()); err != nil || asked() != 2 {
			t.Errorf("asked %d times after 12 minutes, %v", asked(), err)
		}
		each := tentacle.NewClient(caller, &tentacle.Options{KeepCapabilities: -1})
		for range 2 {
			if _, err := each.Capabilities(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if n := asked(); n != 4 {
			t.Errorf("asked %d times, and none was to be kept", n)
		}
	})
}

// answering fails each call with one error.
type answering struct{ err error }

func (a answering) Call(context.Context, string, string, any, ...any) error { return a.err }

// TestTooOldToTell reads what Tentacles of different times answer to a question
// that they do not know.
func TestTooOldToTell(t *testing.T) {
	remote := func(message string) error {
		return &halibut.Error{Code: halibut.CodeServiceFailed, Outcome: halibut.Unknown, Remote: true, Message: message}
	}
	for _, test := range []struct {
		err error
		old bool
	}{
		{&halibut.Error{Code: halibut.CodeServiceNotFound, Outcome: halibut.NotRun, Remote: true}, true},
		{&halibut.Error{Code: halibut.CodeMethodNotFound, Outcome: halibut.NotRun, Remote: true}, true},
		{remote("Octopus.Tentacle.Communications.UnknownServiceNameException: no"), true},
		{remote("at Halibut.ServiceModel.IServiceFactory.CreateService(String name)"), true},
		{remote("Autofac: ComponentNotRegisteredException, NotRegistered"), true},
		{remote("Error: ICapabilitiesServiceV2 has not been registered"), true},
		{remote("CreateService(): The Tentacle service is shutting down and cannot process this request."), false},
		{remote("CreateService(): System.ObjectDisposedException"), false},
		{remote("the disk is full"), false},
		{&halibut.Error{Code: halibut.CodeUntrusted, Message: "CreateService("}, false},
		{errors.New("CreateService("), false},
	} {
		capabilities, err := tentacle.NewClient(answering{test.err}, nil).Capabilities(t.Context())
		if test.old && (err != nil || !capabilities.Has("IScriptService") || !capabilities.Has("IFileTransferService") || capabilities.Has("IScriptServiceV2")) {
			t.Errorf("%v: %+v, %v", test.err, capabilities, err)
		}
		if !test.old && !errors.Is(err, test.err) {
			t.Errorf("%v became %v", test.err, err)
		}
	}
	if capabilities, err := tentacle.NewClient(answering{}, nil).Capabilities(t.Context()); err == nil {
		t.Errorf("null became %+v", capabilities)
	}
}

// capable has these capabilities and nothing else.
type capable []string

func (c capable) GetCapabilities(context.Context) (*tentacle.CapabilitiesResponseV2, error) {
	return &tentacle.CapabilitiesResponseV2{SupportedCapabilities: c}, nil
}

func TestAgentOfAnotherTime(t *testing.T) {
	var services halibut.Services
	tentacle.RegisterCapabilitiesServiceV2(&services, capable{"IFileTransferService", "IKubernetesScriptServiceV9"})
	pair := halibuttest.NewPair(t, halibuttest.Listening, &services, nil)
	err := tentacle.NewClient(pair.Client, nil).RunScript(t.Context(), &tentacle.Script{}, nil)
	if err == nil || !strings.Contains(err.Error(), "IKubernetesScriptServiceV9") {
		t.Errorf("the error is %v", err)
	}
}

// startedWith keeps the command of a start.
type startedWith struct {
	v2         *tentacle.StartScriptCommandV2
	kubernetes *tentacle.StartKubernetesScriptCommandV1
}

func (s *startedWith) Call(_ context.Context, _, method string, result any, args ...any) error {
	switch arg := append(args, nil)[0].(type) {
	case *tentacle.StartScriptCommandV2:
		s.v2 = arg
		*result.(**tentacle.ScriptStatusResponseV2) = &tentacle.ScriptStatusResponseV2{State: tentacle.StateComplete}
	case *tentacle.StartKubernetesScriptCommandV1:
		s.kubernetes = arg
		*result.(**tentacle.KubernetesScriptStatusResponseV1) = &tentacle.KubernetesScriptStatusResponseV1{State: tentacle.StateComplete}
	case nil:
		service := tentacle.ScriptServiceV2Name
		if s.kubernetes != nil {
			service = tentacle.KubernetesScriptServiceV1Name
		}
		*result.(**tentacle.CapabilitiesResponseV2) = &tentacle.CapabilitiesResponseV2{SupportedCapabilities: []string{service}}
	}
	return nil
}

// TestDefaultsOfAScript holds what is sent for what a script leaves open.
func TestDefaultsOfAScript(t *testing.T) {
	s := &startedWith{}
	if err := tentacle.NewClient(s, nil).RunScript(t.Context(), &tentacle.Script{}, nil); err != nil {
		t.Fatal(err)
	}
	c := s.v2
	if c.IsolationMutexName != "RunningScript" || c.ScriptIsolationMutexTimeout.String() != "24.20:31:23.6470000" ||
		c.DurationToWaitForScriptToFinish.String() != "00:00:05" || c.Isolation != tentacle.NoIsolation ||
		c.Scripts == nil || c.Files == nil || c.Arguments == nil || len(c.ScriptTicket.TaskID) < 18 {
		t.Errorf("%+v", c)
	}
	if err := tentacle.NewClient(s, nil).RunScript(t.Context(), &tentacle.Script{
		StartWait: -1, MutexTimeout: time.Minute, Mutex: "own", Isolation: tentacle.FullIsolation,
	}, nil); err != nil {
		t.Fatal(err)
	}
	if c = s.v2; c.DurationToWaitForScriptToFinish != nil || c.ScriptIsolationMutexTimeout.String() != "00:01:00" ||
		c.IsolationMutexName != "own" || c.Isolation != tentacle.FullIsolation {
		t.Errorf("%+v", c)
	}
	s.kubernetes = &tentacle.StartKubernetesScriptCommandV1{}
	image := &tentacle.PodImageConfigurationV1{Image: "tools:6"}
	if err := tentacle.NewClient(s, nil).RunScript(t.Context(), &tentacle.Script{
		Kubernetes: tentacle.KubernetesOptions{Raw: true, Image: image, ServiceAccount: "a", Platform: "linux/arm64"},
	}, nil); err != nil {
		t.Fatal(err)
	}
	if k := s.kubernetes; !k.IsRawScript || k.PodImageConfiguration != image || k.ScriptPodServiceAccountName != "a" ||
		k.ScriptPodPlatform != "linux/arm64" || k.IsolationMutexName != "RunningScript" || k.Arguments == nil {
		t.Errorf("%+v", k)
	}
}

func TestTickets(t *testing.T) {
	seen := make(map[string]bool)
	for range 200 {
		text := tentacle.NewScriptTicket().String()
		if strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != "" || len(text) < 15 || seen[text] {
			t.Fatalf("the ticket %q", text)
		}
		seen[text] = true
	}
}

// TestPauses holds that a Tentacle is not asked more often than said.
func TestPauses(t *testing.T) {
	for _, g := range generations() {
		t.Run(g.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				_, caller := connected(t, halibuttest.Listening, g, func(ctx context.Context, _ *tentacletest.Script) int {
					pauseIn(ctx, time.Hour)
					return 0
				})
				if err := tentacle.NewClient(caller, nil).RunScript(t.Context(), &tentacle.Script{}, nil); err != nil {
					t.Fatal(err)
				}
				if n := caller.count(g.service + ".GetStatus"); n < 720 || n > 745 {
					t.Errorf("asked %d times within an hour", n)
				}
			})
		})
	}
}

func TestEnumsAsText(t *testing.T) {
	for value, want := range map[fmt.Stringer]string{
		tentacle.PowerShell: "PowerShell", tentacle.Bash: "Bash", tentacle.ScriptType(7): "7",
		tentacle.NoIsolation: "NoIsolation", tentacle.FullIsolation: "FullIsolation", tentacle.ScriptIsolationLevel(-1): "-1",
		tentacle.StatePending: "Pending", tentacle.StateRunning: "Running", tentacle.StateComplete: "Complete", tentacle.ProcessState(9): "9",
		tentacle.SourceStdOut: "StdOut", tentacle.SourceStdErr: "StdErr", tentacle.SourceDebug: "Debug", tentacle.ProcessOutputSource(3): "3",
	} {
		if got := value.String(); got != want {
			t.Errorf("%#v prints as %q, want %q", value, got, want)
		}
	}
	for text, want := range map[string]tentacle.ScriptType{"PowerShell": 0, "Bash": 1, "7": 7} {
		var got tentacle.ScriptType
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q reads as %v, %v", text, got, err)
		}
	}
	if err := new(tentacle.ScriptType).UnmarshalText([]byte("Fish")); err == nil {
		t.Error("Fish is a shell")
	}
}
