package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/halibuttest"
)

// TestMain lets the test binary be the program, under its name, for the scripts.
func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){"halibut": main})
}

type leakChecked struct{ *testing.M }

func (m leakChecked) Run() int {
	status := m.M.Run()
	if status == 0 {
		if err := goleak.Find(); err != nil {
			println(err.Error())
			return 1
		}
	}
	return status
}

// TestScripts runs the program as a user would.
func TestScripts(t *testing.T) {
	if _, err := exec.LookPath("redis-server"); err != nil && strings.Contains(os.Getenv("HALIBUT_REQUIRE"), "redis") {
		t.Errorf("redis-server is missing, and HALIBUT_REQUIRE says that it must not be: %v", err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup:               setUpScript,
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %s", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": startProgram, "await": awaitOutput, "interrupt": interruptProgram, "finish": finishProgram, "hangup": hangUpProgram,
		},
	})
}

// setUpScript gives each script a folder for temporary files and the identities
// me, peer and stranger with their pins: $ME, $PEER and $STRANGER.
func setUpScript(env *testscript.Env) error {
	env.Setenv("TMPDIR", env.Getenv("WORK")+"/tmp")
	env.Setenv("TMP", env.Getenv("WORK")+"/tmp")
	for name, variable := range map[string]string{"me": "ME", "peer": "PEER", "stranger": "STRANGER"} {
		cert := halibuttest.Certificate(name)
		folder := env.Getenv("WORK") + string(os.PathSeparator)
		if err := halibut.WriteCertificate(cert, folder+name+".crt", folder+name+".key"); err != nil {
			return err
		}
		env.Setenv(variable, halibut.PinOf(cert).String())
	}
	if err := os.Mkdir(env.Getenv("WORK")+"/tmp", 0o700); err != nil {
		return err
	}
	setUpPrograms(env)
	return nil
}
