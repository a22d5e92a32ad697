package wire

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// TypeError is a $type that a polymorphic slot may not hold.
type TypeError struct {
	// Name is the .NET type that the peer named.
	Name string
	// Want is the Go interface that the slot has; nil for any.
	Want reflect.Type
	// Registered: the name is registered, but its Go type is not a Want.
	Registered bool
	// Malformed is what is wrong with the name, if that is the reason.
	Malformed error
}

func (e *TypeError) Error() string {
	switch {
	case e.Malformed != nil:
		return fmt.Sprintf("the peer sent a value of type %.200q, which is refused: %v", e.Name, e.Malformed)
	case e.Registered:
		return fmt.Sprintf("the peer sent a value of .NET type %.200q, whose Go type does not implement %v", e.Name, e.Want)
	}
	return fmt.Sprintf("the peer sent a value of .NET type %.200q, which is not registered: put it into the table of types, Types[%.200q] = reflect.TypeFor[YourType]()", e.Name, e.Name)
}

// index reads Types once.
func (c *Codec) index() {
	c.byText = make(map[string]reflect.Type, 2*len(c.Types))
	c.byType = make(map[reflect.Type]TypeName, len(c.Types))
	for _, text := range slices.Sorted(maps.Keys(c.Types)) {
		t := c.Types[text]
		if err := c.add(text, t); err != nil && c.typesErr == nil {
			c.typesErr = fmt.Errorf("types[%q]: %w", text, err)
		}
	}
}

func (c *Codec) add(text string, t reflect.Type) error {
	if t == nil {
		return fmt.Errorf("the Go type is nil")
	}
	name, err := ParseTypeName(text)
	if err != nil {
		return err
	}
	if name = name.Normal(); name.Qualified {
		return fmt.Errorf("leave version, culture and key out: .NET Halibut writes simple assembly names")
	}
	if t.Kind() == reflect.Pointer && (t.Elem().Kind() == reflect.Pointer || t.Elem().Kind() == reflect.Interface) {
		return fmt.Errorf("the Go type %v is a pointer to a pointer or an interface", t)
	}
	if err := CheckType(t); err != nil {
		return err
	}
	c.byText[text], c.byText[name.String()] = t, t
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if _, taken := c.byType[t]; !taken {
		c.byType[t] = name
	}
	return nil
}

// registered finds the Go type that a value with this name in $type has: nil
// when there is none, with the name taken apart. An interface is registered for
// its name alone, since nothing can be made of it.
func (c *Codec) registered(text []byte) (reflect.Type, TypeName, error) {
	c.once.Do(c.index)
	if t, ok := c.byText[string(text)]; ok && t.Kind() != reflect.Interface {
		return t, TypeName{}, nil
	}
	name, err := ParseTypeName(string(text))
	if err != nil {
		return nil, name, &TypeError{Name: string(text), Malformed: err}
	}
	if name = name.Normal(); name.Qualified {
		return nil, name, &TypeError{Name: string(text), Malformed: errQualified}
	}
	if t, ok := c.byText[name.String()]; ok && t.Kind() != reflect.Interface {
		return t, name, nil
	}
	return nil, name, nil
}

var errQualified = fmt.Errorf("version, culture and key are never part of a name that .NET Halibut writes")

// registeredName is the first name under which a Go type is registered.
func (c *Codec) registeredName(t reflect.Type) (TypeName, bool) {
	if c == nil || len(c.Types) == 0 {
		return TypeName{}, false
	}
	c.once.Do(c.index)
	name, ok := c.byType[t]
	return name, ok
}

// objectName is the $type that a value of this type carries in an object slot,
// "" when the type has no .NET name. It is worked out once for each type.
func (c *Codec) objectName(t reflect.Type) string {
	if name, ok := c.names.Load(t); ok {
		return name.(string)
	}
	text := ""
	if name, ok := c.typeName(t); ok {
		text = name.String()
	}
	c.names.Store(t, text)
	return text
}
