package halibut_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
)

// pollWith starts a polling service with these options, beside newPolling's
// way of doing it.
func pollWith(t *testing.T, services *halibut.Services, clientLimits halibut.Limits, opts ...halibut.PollOption) pair {
	t.Helper()
	certs := certificates()
	var trust halibut.TrustList
	if err := trust.AllowPolling(halibut.PinOf(certs[1]), subscription); err != nil {
		t.Fatal(err)
	}
	p := pair{mode: "polling"}
	p.service = newRuntime(t, certs[1], &halibut.Options{Services: services})
	p.client = newRuntime(t, certs[0], &halibut.Options{Authorizer: &trust, Limits: clientLimits})
	to := endpoint(t, "https://"+serve(t, p.client), halibut.PinOf(certs[0]))
	polled := make(chan error, 1)
	go func() { polled <- p.service.Poll(context.Background(), subscription, to, opts...) }()
	t.Cleanup(func() {
		_ = p.service.Close()
		if err := <-polled; !errors.Is(err, halibut.ErrClosed) {
			t.Errorf("Poll returned %v, want ErrClosed", err)
		}
	})
	p.to = endpoint(t, subscription)
	return p
}

// slowServices has a method that runs until it is let go.
func slowServices() (services *halibut.Services, running chan struct{}, release chan struct{}) {
	services, running, release = echoServices(), make(chan struct{}, 10), make(chan struct{})
	services.Handle("IEchoService", "Wait", func(ctx context.Context) error {
		running <- struct{}{}
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	return services, running, release
}

func TestElasticPollingServesBesideABusyConnection(t *testing.T) {
	services, running, release := slowServices()
	p := pollWith(t, services, halibut.Limits{}, halibut.PollConnections(2))
	c := p.client.Client(p.to)
	waited := make(chan error, 1)
	go func() { waited <- c.Call(context.Background(), "IEchoService", "Wait", nil) }()
	<-running
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if got, err := halibut.Call[string](ctx, c, "IEchoService", "SayHello", "x"); err != nil || got != "x..." {
		t.Fatalf("a call beside a busy one: %q, %v", got, err)
	}
	eventually(t, "the client sees two connections, one busy", func() bool {
		s := p.client.Subscribers()
		return len(s) == 1 && s[0].Connections == 2 && s[0].Busy == 1
	})
	eventually(t, "the service sees two connections, one busy", func() bool {
		s := p.service.Pollers()
		return len(s) == 1 && s[0].Connections == 2 && s[0].Busy == 1 && s[0].Err == nil
	})
	close(release)
	if err := <-waited; err != nil {
		t.Error(err)
	}
}

func TestElasticPollingTakesARefusalAsTheLimit(t *testing.T) {
	services, running, release := slowServices()
	p := pollWith(t, services, halibut.Limits{SubscriptionConnections: 1}, halibut.PollConnections(3))
	c := p.client.Client(p.to)
	waited := make(chan error, 2)
	go func() { waited <- c.Call(context.Background(), "IEchoService", "Wait", nil) }()
	<-running
	go func() { waited <- c.Call(context.Background(), "IEchoService", "SayHello", nil, "x") }()
	eventually(t, "the client refuses the extra connection", func() bool {
		return slices.ContainsFunc(p.client.Rejections(), func(r halibut.Rejection) bool { return r.Subscription == "poll://sq-test/" })
	})
	if len(waited) > 0 {
		t.Fatalf("a call ended before the extra connection was refused: %v", <-waited)
	}
	close(release)
	for range 2 {
		if err := <-waited; err != nil {
			t.Error(err)
		}
	}
	if pollers := p.service.Pollers(); len(pollers) != 1 || pollers[0].Connections != 1 || pollers[0].Failures != 0 || pollers[0].Err != nil {
		t.Errorf("Pollers: %+v, want one connection and no failure", pollers)
	}
}

func TestOneConnectionRunsCallsInOrder(t *testing.T) {
	services, running, release := slowServices()
	p := pollWith(t, services, halibut.Limits{})
	c := p.client.Client(p.to)
	waited := make(chan error, 1)
	go func() { waited <- c.Call(context.Background(), "IEchoService", "Wait", nil) }()
	<-running
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := c.Call(ctx, "IEchoService", "SayHello", nil, "x")
	var e *halibut.Error
	if !errors.As(err, &e) || e.Code != halibut.CodeDeadline || e.Outcome != halibut.NotSent || e.Phase != halibut.PhaseQueued {
		t.Errorf("a call behind a busy one: %#v, want one that was never sent", err)
	}
	close(release)
	if err := <-waited; err != nil {
		t.Error(err)
	}
}
