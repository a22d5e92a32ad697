package halibut

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/halibut-go/halibut/wire"
)

// RequireDotNet says that .NET peers share a service. Methods that no .NET peer
// could call are then refused when they are registered ([Services.Handle]
// panics, and so does RequireDotNet about those that are there already): .NET
// takes fewer types as direct parameters and results than inside of classes.
// docs/dotnet-types.md has the table. Between Go peers nothing of this matters.
//
// Registrations that halibutgen writes for contracts with //halibut:dotnet call
// it.
func (s *Services) RequireDotNet(service string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lower := strings.ToLower(service)
	if s.dotNet == nil {
		s.dotNet = make(map[string]bool)
	}
	s.dotNet[lower] = true
	existing := s.byName[lower]
	if existing == nil {
		return
	}
	for _, overloads := range existing.methods {
		for _, m := range overloads {
			if err := m.checkDotNet(); err != nil {
				panic(err)
			}
		}
	}
}

// checkDotNet tells why no .NET peer could call the method.
func (m *method) checkDotNet() error {
	if strings.HasSuffix(strings.ToLower(m.name), "async") {
		return fmt.Errorf("halibut: %s.%s: .NET leaves Async at the end of a name away on the wire: register it without", m.service, m.name)
	}
	for i, p := range m.params {
		if p == readerType {
			continue
		}
		if reason := dotNetReason(p, false); reason != "" {
			return fmt.Errorf("halibut: %s.%s: parameter %d, %v, %s", m.service, m.name, i+1, p, reason)
		}
	}
	if m.result != nil {
		if reason := dotNetReason(m.result, true); reason != "" {
			return fmt.Errorf("halibut: %s.%s: the result, %v, %s", m.service, m.name, m.result, reason)
		}
	}
	return nil
}

// numbersInClasses are those that .NET callers take as results, since they
// convert them, and that no .NET service takes as parameters.
var numbersInClasses = map[string]string{
	"System.SByte": "int64", "System.Byte": "int64", "System.Int16": "int64", "System.UInt16": "int64",
	"System.Int32": "int64", "System.UInt32": "int64", "System.UInt64": "int64",
	"System.Single": "float64", "System.Char": "string",
}

// onlyInClasses are neither.
var onlyInClasses = map[string]string{
	"System.TimeSpan": "put it into a struct, or send its ticks as an int64",
	"System.Uri":      "put it into a struct, or send it as a string",
	"System.Version":  "put it into a struct, or send it as a string",
}

func dotNetReason(t reflect.Type, result bool) string {
	name := wire.DotNetTypeName(t)
	refused := func(instead string) string {
		if result {
			return fmt.Sprintf("is %s in .NET, which no .NET caller accepts as a result of its own: %s", name, instead)
		}
		return fmt.Sprintf("is %s in .NET, which no .NET service accepts as a parameter of its own: %s", name, instead)
	}
	element := t
	if t.Kind() == reflect.Pointer {
		element = t.Elem()
	}
	inner := wire.DotNetTypeName(element)
	switch {
	case onlyInClasses[inner] != "":
		return refused(onlyInClasses[inner])
	case numbersInClasses[inner] != "" && element != t && inner != "System.Char":
		return refused("put it into a struct") // a Nullable
	case numbersInClasses[inner] != "" && !result:
		return refused("use " + numbersInClasses[inner])
	case element.Kind() == reflect.Struct && strings.HasPrefix(inner, "System.Collections.Generic.KeyValuePair`2["):
		return refused("send a struct of your own, or two parameters")
	case inner != "System.Char" && isDotNetEnum(element):
		return refused("put it into a struct, or send it as an int64 or a string")
	case isObject(element):
		return refused("name the type")
	}
	return namelessReason(element)
}

// isDotNetEnum: an integer type that names its .NET type is an enum there.
func isDotNetEnum(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strings.ContainsRune(wire.DotNetTypeName(t), '.') && t.Implements(reflect.TypeFor[DotNetTyper]())
	}
	return false
}

func isObject(t reflect.Type) bool { return t.Kind() == reflect.Interface && t.NumMethod() == 0 }

// namelessReason looks for a struct without a .NET name, and for object as an
// element: the names of collections are made of those of their elements.
func namelessReason(t reflect.Type) string {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Array || t.Kind() == reflect.Map || t.Kind() == reflect.Pointer {
		if wire.DotNetTypeName(t) == "System.Byte[]" {
			return ""
		}
		if t.Kind() == reflect.Map && t.Elem() == reflect.TypeFor[struct{}]() {
			t = t.Key()
		} else {
			t = t.Elem()
		}
		if isObject(t) {
			return "has elements that are object in .NET, which Halibut does not let into a contract: name their type"
		}
	}
	if t.Kind() == reflect.Struct && wire.DotNetTypeName(t) == t.String() {
		return fmt.Sprintf("needs the name of its .NET type: add the method func (%s) DotNetType() string { return \"Namespace.%[1]s, Assembly\" }", t.Name())
	}
	return ""
}
