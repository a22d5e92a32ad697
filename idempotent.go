package halibut

import "context"

type idempotentKey struct{}

// WithIdempotent returns a context that marks the calls made with it as
// idempotent: the service may run such a call twice with the same effect as
// once. The mark is what generated clients hand over for methods that have the
// directive //halibut:idempotent. It makes nothing be retried by itself: an
// interceptor sees it and may repeat a call whose outcome is unknown.
//
// Everything called with the returned context is marked, so give it to one
// call and to nothing else.
func WithIdempotent(ctx context.Context) context.Context {
	return context.WithValue(ctx, idempotentKey{}, true)
}

// IsIdempotent tells whether the calls made with ctx are marked as idempotent.
func IsIdempotent(ctx context.Context) bool {
	marked, _ := ctx.Value(idempotentKey{}).(bool)
	return marked
}
