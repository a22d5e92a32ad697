package tentacle

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/halibut-go/halibut"
)

// Client does with one Tentacle what people want of it. It may be used from any
// goroutine, and any number of scripts may run through it at once; the Tentacle
// itself lets those with [FullIsolation] run one after another.
//
// Errors of calls are *halibut.Error, some of them wrapped: [halibut.CodeOf] and
// errors.Is work on all.
type Client struct {
	caller  halibut.Caller // makes each call once
	repeat  halibut.Interceptor
	options Options

	mu    sync.Mutex
	known *CapabilitiesResponseV2
	until time.Time
}

// NewClient returns a client of the Tentacle that c calls, most often a
// *halibut.Client. The client repeats calls by itself (see Options.Repeat): c
// needs no interceptor for that.
func NewClient(c halibut.Caller, opts *Options) *Client {
	client := &Client{caller: c, options: opts.withDefaults()}
	client.repeat = halibut.RepeatCalls(client.options.Repeat)
	return client
}

// Capabilities asks which services the Tentacle has, unless it was asked within
// Options.KeepCapabilities. One that is too old to know the question has
// [ScriptService] and [FileTransferService], which is then the answer.
func (c *Client) Capabilities(ctx context.Context) (*CapabilitiesResponseV2, error) {
	c.mu.Lock()
	known, until := c.known, c.until
	c.mu.Unlock()
	if known != nil && time.Now().Before(until) {
		return known, nil
	}
	asked, err := NewCapabilitiesServiceV2Client(c.repeating(c.caller)).GetCapabilities(ctx)
	switch {
	case isTooOld(err):
		asked = &CapabilitiesResponseV2{SupportedCapabilities: []string{ScriptServiceName, FileTransferServiceName}}
	case err != nil:
		return nil, err
	case asked == nil:
		return nil, errors.New("the Tentacle answered null when it was asked for its capabilities")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.until = asked, time.Now().Add(c.options.KeepCapabilities)
	return asked, nil
}

// isTooOld tells the error of a Tentacle without [CapabilitiesServiceV2] by what
// Tentacles of all times have said there.
func isTooOld(err error) bool {
	switch halibut.CodeOf(err) {
	case halibut.CodeServiceNotFound, halibut.CodeMethodNotFound, halibut.CodeAmbiguousMethod:
		return true
	}
	var e *halibut.Error
	if !errors.As(err, &e) || !e.Remote {
		return false
	}
	said := e.Message + "\n" + e.Details
	for _, mark := range []string{"The Tentacle service is shutting down", "ObjectDisposedException"} {
		if strings.Contains(said, mark) {
			return false
		}
	}
	for _, mark := range []string{"UnknownServiceNameException", "CreateService(", "NotRegistered", CapabilitiesServiceV2Name} {
		if strings.Contains(said, mark) {
			return true
		}
	}
	return false
}

// repeating makes calls through caller as Options.Repeat says.
func (c *Client) repeating(caller halibut.Caller) halibut.Caller { return repeatingCaller{c, caller} }

type repeatingCaller struct {
	client *Client
	caller halibut.Caller
}

func (r repeatingCaller) Call(ctx context.Context, service, method string, result any, args ...any) error {
	info := &halibut.CallInfo{
		Side: halibut.ClientSide, Service: service, Method: method, Idempotent: halibut.IsIdempotent(ctx),
	}
	return r.client.repeat(ctx, info, func(ctx context.Context) error {
		info.Try++
		return r.caller.Call(ctx, service, method, result, args...)
	})
}
