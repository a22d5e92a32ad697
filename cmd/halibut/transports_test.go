package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/halibuttest"
	"github.com/halibut-go/halibut/jsonrpc"
)

// TestRPC calls and pings a service that speaks the protocol of 2013.
func TestRPC(t *testing.T) {
	trust := &halibut.TrustList{}
	trust.AllowCalls(halibut.PinOf(halibuttest.Certificate("me")))
	url := "rpc://" + serveHalibut(t, &halibut.Options{
		Authorizer: trust, Services: newServices(nil),
		Protocols: []halibut.Protocol{&jsonrpc.Protocol{Services: []string{calculatorContract}}},
	})
	common := []string{"-i", identityFile(t, "me"), "--pin", pinOf("peer")}
	for _, tt := range []struct {
		args   []string
		status int
		stdout string
		stderr string
	}{
		{[]string{"call", url, "ICalculatorService.Add", "1", "2"}, 0, "3\n", ""},
		{[]string{"call", url, "ICalculatorService.Divide", "1", "0"}, exitRemote, "", "cannot divide 1 by zero"},
		{[]string{"ping", url, "-c", "2", "--interval", "0"}, 0, "2 answered, 0 failed", ""},
		{[]string{"call", url, "IEchoService.SayHello", `"Go"`}, exitRemote, "", "IEchoService"},
	} {
		var stdout, stderr bytes.Buffer
		status := run(t.Context(), append(tt.args, common...), nil, &stdout, &stderr)
		if status != tt.status || !strings.Contains(stdout.String(), tt.stdout) || !strings.Contains(stderr.String(), tt.stderr) {
			t.Errorf("%v: status %d, %q, %q", tt.args[:2], status, &stdout, &stderr)
		}
	}
}
