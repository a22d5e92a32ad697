package halibut

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/halibut-go/halibut/wire"
)

// Services are the services that a runtime offers to its peers. The zero value
// is ready; it may be used by several runtimes, from any goroutine, and
// registering while serving is allowed.
//
// Service and method names are matched without case, as .NET peers do
// (docs/protocol.md section 3). A service's .NET name is that of its contract,
// such as IEchoService.
type Services struct {
	mu     sync.RWMutex
	byName map[string]*service // by the name as registered, and by it in lower case
	dotNet map[string]bool     // names in lower case, see RequireDotNet
}

// service is one registered service.
type service struct {
	name    string
	methods map[string][]*method // by name as registered, and in lower case; the overloads of each
}

// method is one function that answers calls.
type method struct {
	service, name string
	implemented   string // the type that has the method, for the error texts
	open          opener // nil: the function itself is known, and is fn
	fn            reflect.Value
	params        []reflect.Type // without the context
	live          bool           // the last parameter is an io.Reader over the connection
	result        reflect.Type   // nil: none
}

// Handle registers fn as a method. fn is a func(ctx context.Context, A, B…) error
// or a func(ctx context.Context, A, B…) (T, error). Registering another
// signature under the same name makes an overload. A last parameter of type
// io.Reader takes a data stream straight from the connection, unspooled.
// Handle panics where Check returns an error.
func (s *Services) Handle(service, method string, fn any) {
	if err := s.add(service, method, fn, false); err != nil {
		panic(err)
	}
}

// Check tells what Handle would refuse: an empty name, a function of another
// shape, a type that cannot travel, a signature that is registered already, and
// what [Services.RequireDotNet] says.
func (s *Services) Check(service, method string, fn any) error {
	return s.add(service, method, fn, true)
}

// Register registers each method of the interface S, and nothing else of impl,
// under the name service. It panics if S is not an interface or has a method
// that [Services.Handle] would refuse.
func Register[S any](s *Services, service string, impl S) {
	contract := contractOf[S]("Register")
	value := reflect.ValueOf(impl)
	if !value.IsValid() {
		panic(fmt.Errorf("halibut: Register[%s] got a nil implementation of %s", contract, service))
	}
	for i := range contract.NumMethod() {
		name := contract.Method(i).Name
		if err := s.addValue(service, name, value.MethodByName(name), value.Type().String(), false); err != nil {
			panic(err)
		}
	}
}

func (s *Services) add(service, method string, fn any, checkOnly bool) error {
	if fn == nil {
		return fmt.Errorf("halibut: %s.%s: the function is nil", service, method)
	}
	return s.addValue(service, method, reflect.ValueOf(fn), service, checkOnly)
}

func (s *Services) addValue(serviceName, methodName string, fn reflect.Value, implemented string, checkOnly bool) error {
	if fn.Kind() == reflect.Func && fn.IsNil() {
		return fmt.Errorf("halibut: %s.%s: the function is nil", serviceName, methodName)
	}
	m, err := newMethod(serviceName, methodName, fn.Type(), implemented)
	if err != nil {
		return err
	}
	m.fn = fn
	return s.addMethod(m, checkOnly)
}

// addMethod registers a method, or only tells whether that would be refused.
func (s *Services) addMethod(m *method, checkOnly bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dotNet[strings.ToLower(m.service)] {
		if err := m.checkDotNet(); err != nil {
			return err
		}
	}
	existing := s.byName[strings.ToLower(m.service)]
	if existing != nil {
		for _, other := range existing.methods[strings.ToLower(m.name)] {
			if other.sameParams(m) {
				return fmt.Errorf("halibut: %s.%s%s is registered already", m.service, m.name, m.signature())
			}
		}
	}
	if checkOnly {
		return nil
	}
	s.insertLocked(existing, m)
	return nil
}

// insertLocked adds m to a copy of its service: who serves a call at this
// moment holds the service as it was.
func (s *Services) insertLocked(existing *service, m *method) {
	changed := &service{name: m.service, methods: make(map[string][]*method)}
	if existing != nil {
		changed.name = existing.name
		for name, overloads := range existing.methods {
			changed.methods[name] = overloads
		}
	}
	lower := strings.ToLower(m.name)
	overloads := append([]*method(nil), changed.methods[lower]...)
	overloads = append(overloads, m)
	changed.methods[lower] = overloads
	for _, overload := range overloads {
		changed.methods[overload.name] = overloads
	}
	if s.byName == nil {
		s.byName = make(map[string]*service)
	}
	s.byName[strings.ToLower(changed.name)] = changed
	s.byName[changed.name] = changed
	s.byName[m.service] = changed
}

// find returns the service of that name. An exact name costs no allocation.
func (s *Services) find(name string) *service {
	if s == nil {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if found := s.byName[name]; found != nil {
		return found
	}
	return s.byName[strings.ToLower(name)]
}

func (s *service) find(name string) []*method {
	if found := s.methods[name]; found != nil {
		return found
	}
	return s.methods[strings.ToLower(name)]
}

var (
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
)

func newMethod(service, name string, t reflect.Type, implemented string) (*method, error) {
	refuse := func(format string, args ...any) (*method, error) {
		return nil, fmt.Errorf("halibut: %s.%s: %s", service, name, fmt.Sprintf(format, args...))
	}
	if service == "" || name == "" {
		return refuse("a service and a method need a name")
	}
	switch {
	case t.Kind() != reflect.Func:
		return refuse("%s is not a function", t)
	case t.IsVariadic():
		return refuse("a variadic function cannot be called by name and position; take a slice")
	case t.NumIn() == 0 || t.In(0) != contextType:
		return refuse("%s does not take a context.Context first", t)
	case t.NumOut() == 0 || t.NumOut() > 2 || t.Out(t.NumOut()-1) != errorType:
		return refuse("%s does not return an error, or a result and an error", t)
	}
	m := &method{service: service, name: name, implemented: implemented}
	for i := 1; i < t.NumIn(); i++ {
		in := t.In(i)
		if in == readerType && i == t.NumIn()-1 {
			m.live = true
		} else if err := checkTravels(in); err != nil {
			return refuse("parameter %d: %v", i, err)
		}
		m.params = append(m.params, in)
	}
	if t.NumOut() == 2 {
		m.result = t.Out(0)
		if err := checkTravels(m.result); err != nil {
			return refuse("the result: %v", err)
		}
	}
	return m, nil
}

// checkTravels refuses types that no codec could ever write.
func checkTravels(t reflect.Type) error {
	switch {
	case t == contextType:
		return errors.New("a context cannot travel: the context comes first, and once")
	case t == readerType:
		return errors.New("an io.Reader over the connection can only be the last parameter; use *DataStream")
	case t.Kind() == reflect.Interface && t.NumMethod() > 0 && t.Implements(errorType):
		return errors.New("an error is returned as the last result, it cannot travel otherwise")
	}
	return wire.CheckType(t)
}

func (m *method) sameParams(other *method) bool {
	if len(m.params) != len(other.params) {
		return false
	}
	for i, p := range m.params {
		if p != other.params[i] {
			return false
		}
	}
	return true
}

func (m *method) signature() string {
	names := make([]string, len(m.params))
	for i, p := range m.params {
		names[i] = p.String()
	}
	return "(" + strings.Join(names, ", ") + ")"
}
