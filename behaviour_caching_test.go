package halibut_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/halibut-go/halibut"
)

// cachingCaller keeps what some methods return for a while: the reference does
// so for methods with an attribute. The library has no cache, since a Caller
// around a Caller does all of it, and knows what a key is and who may share the
// values.
type cachingCaller struct {
	halibut.Caller
	keep map[string]time.Duration // by "IContract.Method"

	mu     sync.Mutex
	values map[string]cachedValue
}

type cachedValue struct {
	value reflect.Value
	until time.Time
}

func (c *cachingCaller) Call(ctx context.Context, service, method string, result any, args ...any) error {
	keep := c.keep[service+"."+method]
	if keep <= 0 || result == nil {
		return c.Caller.Call(ctx, service, method, result, args...)
	}
	key, into := fmt.Sprintf("%s.%s(%#v)", service, method, args), reflect.ValueOf(result).Elem()
	c.mu.Lock()
	kept, ok := c.values[key]
	c.mu.Unlock()
	if ok && time.Now().Before(kept.until) {
		into.Set(kept.value)
		return nil
	}
	if err := c.Caller.Call(ctx, service, method, result, args...); err != nil {
		return err
	}
	if into.Kind() == reflect.Pointer && into.IsNil() {
		return nil // there may be something next time
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.values == nil {
		c.values = make(map[string]cachedValue)
	}
	value := reflect.New(into.Type()).Elem()
	value.Set(into)
	c.values[key] = cachedValue{value, time.Now().Add(keep)}
	return nil
}

// TestCachingByACaller: what the reference's cache of responses does can be done
// around a client.
func TestCachingByACaller(t *testing.T) {
	var runs atomic.Int64
	services := new(halibut.Services)
	next := func(context.Context) (int64, error) { return runs.Add(1), nil }
	services.Handle("ICached", "Uncached", next)
	services.Handle("ICached", "Cached", next)
	services.Handle("ICached", "Other", next)
	services.Handle("ICached", "ByName", func(_ context.Context, name string) (string, error) {
		return fmt.Sprint(name, runs.Add(1)), nil
	})
	services.Handle("ICached", "Fails", func(context.Context) (int64, error) { return 0, errors.New("Exception " + fmt.Sprint(runs.Add(1))) })
	services.Handle("ICached", "Null", func(context.Context) (*int64, error) { runs.Add(1); return nil, nil })
	eachModeInBubble(t, setting{services: services}, func(t *testing.T, p pair) {
		two := time.Duration(2 * time.Second)
		newCaller := func() halibut.Caller {
			return &cachingCaller{Caller: p.client.Client(p.to), keep: map[string]time.Duration{
				"ICached.Cached": two, "ICached.Other": two, "ICached.ByName": two, "ICached.Fails": two, "ICached.Null": two,
			}}
		}
		c := newCaller()
		call := func(c halibut.Caller, method string) int64 {
			n, err := halibut.Call[int64](t.Context(), c, "ICached", method)
			if err != nil {
				t.Error(err)
			}
			return n
		}
		t.Log("an uncached method runs each time, a cached one once, another has its own value")
		first := call(c, "Uncached")
		if call(c, "Uncached") == first {
			t.Error("a method that is not cached was")
		}
		first = call(c, "Cached")
		if call(c, "Cached") != first || call(c, "Other") == first || call(newCaller(), "Cached") == first {
			t.Error("a value is not kept, or for too much")
		}
		names := map[string]bool{}
		for _, name := range []string{"a", "a", "b"} {
			text, err := halibut.Call[string](t.Context(), c, "ICached", "ByName", name)
			if err != nil {
				t.Error(err)
			}
			names[text] = true
		}
		if len(names) != 2 {
			t.Errorf("values by argument: %v", names)
		}
		time.Sleep(3 * time.Second)
		if call(c, "Cached") == first {
			t.Error("a value does not expire")
		}
		_, err1 := halibut.Call[int64](t.Context(), c, "ICached", "Fails")
		_, err2 := halibut.Call[int64](t.Context(), c, "ICached", "Fails")
		if err1 == nil || err2 == nil || err1.Error() == err2.Error() {
			t.Errorf("errors: %v, %v", err1, err2)
		}
		before := runs.Load()
		for range 2 {
			if _, err := halibut.Call[*int64](t.Context(), c, "ICached", "Null"); err != nil {
				t.Error(err)
			}
		}
		if runs.Load() != before+2 {
			t.Error("null was kept")
		}
	})
}
