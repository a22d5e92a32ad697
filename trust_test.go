package halibut

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// peerOf is a peer that showed der, as a connection would give it.
func peerOf(der string, role Role, subscription string) Peer {
	p := newPeerDER([]byte(der), nil, TLSInfo{})
	p.Role, p.Subscription = role, subscription
	return p
}

func TestTrustList(t *testing.T) {
	abc := mustPin(t, abcSHA1)
	client := peerOf("abc", RoleClient, "")
	poller := func(subscription string) Peer { return peerOf("abc", RolePoller, subscription) }
	tests := []struct {
		name  string
		trust func(*TrustList) error
		peer  Peer
		want  string // part of the error, "" to admit
	}{
		{"zero list", nil, client, "certificate " + abcSHA1 + " (" + abcSHA256 + ") is not trusted"},
		{"zero list, poller", nil, poller("poll://a/"), "is not trusted"},
		{"calls", func(l *TrustList) error { l.AllowCalls(abc); return nil }, client, ""},
		{"calls by SHA-256", func(l *TrustList) error { l.AllowCalls(mustPin(t, abcSHA256)); return nil }, client, ""},
		{"calls of another", func(l *TrustList) error { l.AllowCalls(mustPin(t, aliceSHA1)); return nil }, client, "is not trusted"},
		{"no certificate", func(l *TrustList) error { l.AllowCalls(abc, Pin{}); return nil }, Peer{Role: RoleClient}, "no certificate"},
		{"calls, then polls", func(l *TrustList) error { l.AllowCalls(abc); return nil }, poller("poll://a/"), "is trusted to call but not to poll poll://a/"},
		{"polls", func(l *TrustList) error { return l.AllowPolling(abc, "poll://A", "poll://b/") }, poller("poll://a/"), ""},
		{"polls, other spelling", func(l *TrustList) error { return l.AllowPolling(abc, "poll://a/") }, poller("POLL://A"), ""},
		{"polls another", func(l *TrustList) error { return l.AllowPolling(abc, "poll://b", "poll://a") }, poller("poll://c/"), "is trusted to poll poll://a/, poll://b/ but not to poll poll://c/"},
		{"polls, then calls", func(l *TrustList) error { return l.AllowPolling(abc, "poll://a") }, client, "is trusted to poll poll://a/ but not to call"},
		{"polls any", func(l *TrustList) error { return l.AllowPolling(abc, AnySubscription) }, poller("poll://a/"), ""},
		{"polls any, then calls", func(l *TrustList) error { return l.AllowPolling(abc, AnySubscription) }, client, "not to call"},
		{"claims any", func(l *TrustList) error { return l.AllowPolling(abc, AnySubscription) }, poller(AnySubscription), "no scheme"},
		{"polls none", func(l *TrustList) error { return l.AllowPolling(abc) }, poller("poll://a/"), "is not trusted"},
		{"both", func(l *TrustList) error { l.AllowCalls(abc); return l.AllowPolling(abc, "poll://a") }, poller("poll://b/"), "is trusted to call and to poll poll://a/ but not to poll poll://b/"},
		{"both pins of one certificate", func(l *TrustList) error {
			l.AllowCalls(abc)
			return l.AllowPolling(mustPin(t, abcSHA256), "poll://a")
		}, poller("poll://a/"), ""},
		{"no role", func(l *TrustList) error { l.AllowCalls(abc); return l.AllowPolling(abc, AnySubscription) }, peerOf("abc", RoleUnknown, ""), "role unknown"},
		{"removed", func(l *TrustList) error { l.AllowCalls(abc); l.Remove(abc); return nil }, client, "is not trusted"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var list TrustList
			if test.trust != nil {
				if err := test.trust(&list); err != nil {
					t.Fatal(err)
				}
			}
			err := list.Authorize(t.Context(), test.peer)
			if test.want == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error that holds %q", err, test.want)
			}
		})
	}
}

func TestTrustListRefusesWrongSubscriptions(t *testing.T) {
	var list TrustList
	abc := mustPin(t, abcSHA1)
	if err := list.AllowPolling(abc, "poll://a", "https://b"); err == nil {
		t.Error("https://b was taken as a subscription")
	}
	if all := list.All(); len(all) != 0 {
		t.Errorf("the error left %v", all)
	}
	list.AllowCalls(abc)
	err := list.Replace([]TrustEntry{{Pin: abc}, {Pin: abc, Subscriptions: []string{"b"}}})
	if err == nil || !strings.Contains(err.Error(), abcSHA1) {
		t.Errorf("got %v, want an error that names the entry", err)
	}
	if all := list.All(); len(all) != 1 || !all[0].Calls {
		t.Errorf("the error left %v", all)
	}
}

func TestTrustListAllAndReplace(t *testing.T) {
	var list TrustList
	abc, abc256, alice := mustPin(t, abcSHA1), mustPin(t, abcSHA256), mustPin(t, aliceSHA1)
	list.AllowCalls(abc256, alice)
	if err := list.AllowPolling(abc, "poll://B", "poll://a", "poll://b/"); err != nil {
		t.Fatal(err)
	}
	want := []TrustEntry{
		{Pin: alice, Calls: true},
		{Pin: abc, Subscriptions: []string{"poll://a/", "poll://b/"}},
		{Pin: abc256, Calls: true},
	}
	got := list.All()
	compare := cmp.AllowUnexported(Pin{})
	if diff := cmp.Diff(want, got, compare); diff != "" {
		t.Fatal(diff)
	}

	// A list survives JSON, and what All gave is a copy.
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	got[1].Subscriptions[0] = "changed"
	var entries []TrustEntry
	if err := json.Unmarshal(text, &entries); err != nil {
		t.Fatal(err)
	}
	var other TrustList
	if err := other.Replace(entries); err != nil {
		t.Fatal(err)
	}
	for _, l := range []*TrustList{&list, &other} {
		if diff := cmp.Diff(want, l.All(), compare); diff != "" {
			t.Error(diff)
		}
	}

	// Entries of one pin add up; those that allow nothing are not kept.
	err = other.Replace([]TrustEntry{{Pin: abc, Calls: true}, {Pin: alice}, {Calls: true}, {Pin: abc, Subscriptions: []string{AnySubscription}}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]TrustEntry{{Pin: abc, Calls: true, Subscriptions: []string{"*"}}}, other.All(), compare); diff != "" {
		t.Error(diff)
	}
}

func TestTrustListChanged(t *testing.T) {
	var list TrustList
	abc, alice := mustPin(t, abcSHA1), mustPin(t, aliceSHA1)
	isClosed := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	steps := []struct {
		name    string
		step    func() error
		changes bool
	}{
		{"AllowCalls", func() error { list.AllowCalls(abc); return nil }, true},
		{"the same", func() error { list.AllowCalls(abc); return nil }, false},
		{"zero pin", func() error { list.AllowCalls(Pin{}); return nil }, false},
		{"AllowPolling", func() error { return list.AllowPolling(abc, "poll://a") }, true},
		{"the same", func() error { return list.AllowPolling(abc, "poll://A/") }, false},
		{"Remove of a stranger", func() error { list.Remove(alice); return nil }, false},
		{"Replace with the same", func() error { return list.Replace(list.All()) }, false},
		{"Replace", func() error { return list.Replace([]TrustEntry{{Pin: abc, Calls: true}}) }, true},
		{"Remove", func() error { list.Remove(abc, alice); return nil }, true},
		{"Replace of nothing with nothing", func() error { return list.Replace(nil) }, false},
	}
	for _, step := range steps {
		before := list.Changed()
		if isClosed(before) {
			t.Fatalf("%s: Changed gave a closed channel", step.name)
		}
		if err := step.step(); err != nil {
			t.Fatal(err)
		}
		if got := isClosed(before); got != step.changes {
			t.Errorf("%s: changed is %t, want %t", step.name, got, step.changes)
		}
		if step.changes && list.Changed() == before {
			t.Errorf("%s: Changed still gives the channel that was closed", step.name)
		}
	}
}

// TestTrustListReplaceIsOneStep: who stands in both lists is never refused.
func TestTrustListReplaceIsOneStep(t *testing.T) {
	var list TrustList
	abc := mustPin(t, abcSHA1)
	list.AllowCalls(abc)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := list.Authorize(context.Background(), peerOf("abc", RoleClient, "")); err != nil {
					t.Error(err)
					return
				}
				_, _ = list.Changed(), list.All()
			}
		})
	}
	for i := range 200 {
		entries := []TrustEntry{{Pin: PinSHA1(fmt.Append(nil, i)), Calls: true}, {Pin: abc, Calls: true}}
		if err := list.Replace(entries); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	readers.Wait()
}

func TestAuthorizerFunc(t *testing.T) {
	refused := errors.New("refused")
	var authorizer Authorizer = AuthorizerFunc(func(_ context.Context, p Peer) error {
		if p.Is(mustPin(t, abcSHA256)) {
			return nil
		}
		return refused
	})
	if err := authorizer.Authorize(t.Context(), peerOf("abc", RoleClient, "")); err != nil {
		t.Error(err)
	}
	if err := authorizer.Authorize(t.Context(), peerOf("abd", RoleClient, "")); err != refused {
		t.Error(err)
	}
}
