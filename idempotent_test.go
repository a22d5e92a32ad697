package halibut_test

import (
	"context"
	"testing"

	"github.com/halibut-go/halibut"
)

func TestIdempotentMark(t *testing.T) {
	ctx := t.Context()
	if halibut.IsIdempotent(ctx) {
		t.Error("a plain context is marked")
	}
	marked := halibut.WithIdempotent(ctx)
	if !halibut.IsIdempotent(marked) {
		t.Error("the mark is lost")
	}
	child, cancel := context.WithCancel(marked)
	defer cancel()
	if !halibut.IsIdempotent(child) {
		t.Error("the mark is lost in a derived context")
	}
}
