package halibut

import (
	"context"
	"time"
)

// CallLimits are the limits of single calls, in place of those of their client.
// Zero fields leave the client's as they are.
type CallLimits struct {
	Response time.Duration // see [ResponseWait]
	PickUp   time.Duration // see [PickUpWait]
	Tries    int           // connections that are tried, the first one counted; see [Retries]
}

type callLimitsKey struct{}

// WithCallLimits returns a context whose calls have these limits.
func WithCallLimits(ctx context.Context, limits CallLimits) context.Context {
	return context.WithValue(ctx, callLimitsKey{}, limits)
}

// limits are those of a call with this context.
func (c *Client) limits(ctx context.Context) CallLimits {
	limits := c.options.limits
	own, _ := ctx.Value(callLimitsKey{}).(CallLimits)
	if own.Response != 0 {
		limits.Response = own.Response
	}
	if own.PickUp != 0 {
		limits.PickUp = own.PickUp
	}
	if own.Tries != 0 {
		limits.Tries = max(own.Tries, 1)
	}
	return limits
}
