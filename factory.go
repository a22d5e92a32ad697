package halibut

import (
	"context"
	"errors"
	"fmt"
	"reflect"
)

// RegisterFactory is [Register] for services that have one instance for each
// call: open makes it, or takes it from a pool, and the function that it
// returns, which may be nil, gives it back. That one is called exactly once
// after the method, whether it returned or panicked, and before the response
// is sent: data streams in the result are read after it.
//
// open gets the context of the method, with its peer, deadline and metadata.
// Its error is the caller's answer, as the method's own would be. It runs
// within the interceptors, and only for calls whose method and arguments fit.
// RegisterFactory panics where Register does, and if open is nil.
func RegisterFactory[S any](s *Services, service string, open func(context.Context) (S, func(), error)) {
	contract := contractOf[S]("RegisterFactory")
	if open == nil {
		panic(fmt.Errorf("halibut: RegisterFactory[%s] got a nil function to open it with", contract))
	}
	for i := range contract.NumMethod() {
		of := contract.Method(i)
		m, err := newMethod(service, of.Name, of.Type, contract.String())
		if err != nil {
			panic(err)
		}
		m.open = func(ctx context.Context) (reflect.Value, func(), error) {
			instance, release, err := open(ctx)
			if err != nil {
				return reflect.Value{}, nil, err // what stands beside an error counts for nothing
			}
			value := reflect.ValueOf(&instance).Elem()
			if value.IsNil() {
				return reflect.Value{}, release, errNoInstance
			}
			return value.Method(i), release, nil
		}
		if err := s.addMethod(m, false); err != nil {
			panic(err)
		}
	}
}

// opener makes the instance for one call, and returns the method on it.
type opener func(context.Context) (fn reflect.Value, release func(), err error)

var errNoInstance = errors.New("the service could not be opened: its factory returned nil")

// contractOf is the interface that a registration names as its type argument.
func contractOf[S any](by string) reflect.Type {
	contract := reflect.TypeFor[S]()
	if contract.Kind() != reflect.Interface {
		panic(fmt.Errorf("halibut: %s needs an interface as its type argument, such as %s[EchoService], and got %s", by, by, contract))
	}
	return contract
}

// function is what a call of the method runs, and what ends the call's use of
// it.
func (m *method) function(ctx context.Context) (fn reflect.Value, release func(), err error) {
	if m.open == nil {
		return m.fn, func() {}, nil
	}
	fn, release, err = m.open(ctx)
	if release == nil {
		release = func() {}
	}
	return fn, release, err
}
