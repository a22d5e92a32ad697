package wire

import (
	"fmt"
	"reflect"

	"github.com/halibut-go/halibut/internal/bson"
)

// Object is an object that is put together at run time, where no Go type stands
// for it: in a gateway, say, or a command line. It is written as it is, with its
// members in their order. It cannot be decoded into; what comes back is a [Raw]
// or a Go value.
type Object struct {
	// Type is written as $type, unless it is empty: "Namespace.Name, Assembly".
	// .NET needs it where the object stands in a slot that does not say its type,
	// as every argument of its own does.
	Type    string
	Members []Member
}

// Member is one member of an [Object].
type Member struct {
	Name string
	// Value is any Go value that can be sent, an Object, [Items] or a *DataStream
	// among them. It is written as into a slot that says the value's type: without
	// $type, unless it is an Object or Items with a Type of their own.
	Value any
}

// Items are a list that is put together at run time, in the same way as an
// [Object].
type Items struct {
	// Type is written around the items as .NET does, unless it is empty:
	// "System.Int64[], mscorlib".
	Type   string
	Values []any // as Member.Value
}

var (
	objectType = reflect.TypeFor[Object]()
	itemsType  = reflect.TypeFor[Items]()
)

func encodeObject(e *encoder, _ *plan, v reflect.Value) (Kind, error) {
	o := v.Interface().(Object)
	e.typeName = o.Type
	start, err := e.begin()
	if err != nil {
		return 0, err
	}
	for i, m := range o.Members {
		if err := checkMemberName(m.Name); err != nil {
			return 0, atPath(err, m.Name)
		}
		if err := e.composed(m.Name, m.Value); err != nil {
			return 0, atPath(err, m.Name)
		}
		for _, other := range o.Members[:i] {
			if other.Name == m.Name {
				return 0, atPath(fmt.Errorf("two members have this name"), m.Name)
			}
		}
	}
	e.end(start)
	return KindDocument, nil
}

// checkMemberName lets through what an envelope has besides names: $value and
// $values.
func checkMemberName(name string) error {
	if name == "$value" || name == "$values" {
		return nil
	}
	return checkKey(name)
}

func encodeItems(e *encoder, _ *plan, v reflect.Value) (Kind, error) {
	items := v.Interface().(Items)
	if items.Type == "" {
		return e.items(items.Values)
	}
	e.typeName = items.Type
	start, err := e.begin()
	if err != nil {
		return 0, err
	}
	e.buf = bson.AppendHeader(e.buf, KindArray, "$values")
	if _, err := e.items(items.Values); err != nil {
		return 0, err
	}
	e.end(start)
	return KindDocument, nil
}

func (e *encoder) items(values []any) (Kind, error) {
	start, err := e.begin()
	if err != nil {
		return 0, err
	}
	for i, value := range values {
		at := e.index(i)
		kind, err := e.anyValue(value)
		if err != nil {
			return 0, atIndex(err, i)
		}
		e.buf[at] = byte(kind)
	}
	e.end(start)
	return KindArray, nil
}

// composed writes a member with its name.
func (e *encoder) composed(name string, value any) error {
	at := len(e.buf)
	e.buf = bson.AppendHeader(e.buf, 0, name)
	kind, err := e.anyValue(value)
	if err != nil {
		return err
	}
	e.buf[at] = byte(kind)
	return nil
}

// anyValue writes a value into a slot that is declared with its type.
func (e *encoder) anyValue(value any) (Kind, error) {
	if value == nil {
		return KindNull, nil
	}
	v := reflect.ValueOf(value)
	return e.item(planOf(v.Type()), v)
}

func decodeObject(_ *decoder, p *plan, _ Raw, _ reflect.Value) error {
	return fmt.Errorf("a %v cannot be decoded into: use a Raw", p.typ)
}
