package wire

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// decodeInterface stores what the document says it is: a registered type, or
// into an any a natural Go value.
func decodeInterface(d *decoder, p *plan, raw Raw, v reflect.Value) error {
	if raw.IsNull() {
		v.SetZero()
		return nil
	}
	if p.typ.NumMethod() == 0 {
		value, err := d.natural(raw, nil)
		if err == nil && value != nil {
			v.Set(reflect.ValueOf(value))
		}
		return err
	}
	if raw.Type != KindDocument {
		return errKind(p, raw, "a document with $type")
	}
	name := raw.Lookup("$type")
	if name.Type != KindString {
		return fmt.Errorf("found a document without $type, which the Go interface %v needs", p.typ)
	}
	t, _, err := d.codec.registered(name.Text())
	if err != nil {
		return err
	}
	if t == nil {
		return &TypeError{Name: string(name.Text()), Want: p.typ}
	}
	value, err := d.registered(raw, t)
	if err != nil {
		return err
	}
	if !value.Type().Implements(p.typ) && value.CanAddr() {
		value = value.Addr()
	}
	if !value.Type().Implements(p.typ) {
		return &TypeError{Name: string(name.Text()), Want: p.typ, Registered: true}
	}
	v.Set(value)
	return nil
}

// registered makes a value of a registered type. It is addressable.
func (d *decoder) registered(raw Raw, t reflect.Type) (reflect.Value, error) {
	v := reflect.New(t).Elem()
	p := planOf(t)
	return v, p.dec(d, p, raw, v)
}

// natural makes the Go value that a value most naturally is. declared is what
// the type name of the collection around it says about its items, or nil.
func (d *decoder) natural(raw Raw, declared *TypeName) (any, error) {
	switch raw.Type {
	case KindDouble:
		return raw.Double(), nil
	case KindString:
		return string(raw.Text()), nil
	case KindBool:
		return raw.Bool(), nil
	case KindInt32, KindInt64:
		n, _ := raw.Integer()
		return n, nil
	case KindDate:
		var t time.Time
		err := d.into(raw, &t)
		return t, err
	case KindBinary:
		if id, ok := guidOf(raw); ok {
			return id, nil
		}
		_, data := raw.Binary()
		return bytes.Clone(data), nil
	case KindArray:
		return d.naturalList(raw, declared.item())
	case KindDocument:
		return d.naturalDocument(raw, declared)
	}
	return nil, nil
}

func (d *decoder) into(raw Raw, dst any) error {
	v := reflect.ValueOf(dst).Elem()
	p := planOf(v.Type())
	return p.dec(d, p, raw, v)
}

func (d *decoder) naturalList(raw Raw, item *TypeName) (any, error) {
	it := raw.Elements()
	list := make([]any, it.Count())
	for i := 0; it.Next(); i++ {
		var err error
		if list[i], err = d.natural(it.Value(), item); err != nil {
			return nil, atIndex(err, i)
		}
	}
	return list, nil
}

// naturalDocument goes by the document's $type, or by what is declared.
func (d *decoder) naturalDocument(raw Raw, declared *TypeName) (any, error) {
	text := raw.Lookup("$type")
	if text.Type != KindString {
		if declared != nil {
			if t := d.codec.byText[declared.String()]; t != nil && t.Kind() != reflect.Interface {
				return d.naturalObject(raw, t)
			}
			if declared.isDataStream() {
				return d.naturalObject(raw, streamPointer)
			}
		}
		return d.naturalMap(raw, declared.item())
	}
	if isDataStream(text.Text()) {
		return d.naturalObject(raw, streamPointer)
	}
	t, name, err := d.codec.registered(text.Text())
	switch {
	case err != nil:
		return nil, err
	case t != nil:
		return d.naturalObject(raw, t)
	case d.codec.byText[name.String()] != nil, !d.codec.harmless(name): // an interface, or nothing we know
		return nil, &TypeError{Name: string(text.Text())}
	}
	if values := raw.Lookup("$values"); values.Type == KindArray {
		return d.naturalList(values, name.item())
	}
	if value := raw.Lookup("$value"); value.Type != 0 {
		return d.natural(value, nil)
	}
	return d.naturalMap(raw, name.item())
}

var streamPointer = reflect.PointerTo(streamType)

func (d *decoder) naturalObject(raw Raw, t reflect.Type) (any, error) {
	v, err := d.registered(raw, t)
	if err != nil {
		return nil, err
	}
	return v.Interface(), nil
}

// harmless says whether an unregistered name is made of nothing but .NET's own
// types, which become natural values, and registered ones.
func (c *Codec) harmless(name TypeName) bool {
	if _, ok := c.byText[name.String()]; ok || name.isDataStream() {
		return true
	}
	if element, ok := name.Element(); ok {
		return c.harmless(element)
	}
	if !name.Framework() {
		return false
	}
	for _, arg := range name.Args {
		if !c.harmless(arg) {
			return false
		}
	}
	return true
}

// item is the type of a collection's items: an array's elements, a list's
// argument, a dictionary's last one. It is nil for other types, and for nil.
func (t *TypeName) item() *TypeName {
	if t == nil {
		return nil
	}
	if element, ok := t.Element(); ok {
		element = element.Normal()
		return &element
	}
	if strings.HasPrefix(t.Name, "System.Collections.") && len(t.Args) > 0 {
		return &t.Args[len(t.Args)-1]
	}
	return nil
}

func (t *TypeName) isDataStream() bool { return t.Name == "Halibut.DataStream" && len(t.Arrays) == 0 }

func (d *decoder) naturalMap(raw Raw, item *TypeName) (any, error) {
	it := raw.Elements()
	m := make(map[string]any, min(it.Count(), maxMapHint))
	for it.Next() {
		if isTypeMember(&it) {
			continue
		}
		value, err := d.natural(it.Value(), item)
		if err != nil {
			return nil, atKey(err, string(it.Name()))
		}
		m[string(it.Name())] = value
	}
	return m, nil
}
