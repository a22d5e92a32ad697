package wire

import (
	"bytes"
	"fmt"
	"reflect"
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

// natural makes the Go value that a value most naturally is. hint is the
// registered type that the value's collection says it has, or nil.
func (d *decoder) natural(raw Raw, hint reflect.Type) (any, error) {
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
		return d.naturalList(raw, hint)
	case KindDocument:
		return d.naturalDocument(raw, hint)
	}
	return nil, nil
}

func (d *decoder) into(raw Raw, dst any) error {
	v := reflect.ValueOf(dst).Elem()
	p := planOf(v.Type())
	return p.dec(d, p, raw, v)
}

func (d *decoder) naturalList(raw Raw, hint reflect.Type) (any, error) {
	it := raw.Elements()
	list := make([]any, it.Count())
	for i := 0; it.Next(); i++ {
		var err error
		if list[i], err = d.natural(it.Value(), hint); err != nil {
			return nil, atIndex(err, i)
		}
	}
	return list, nil
}

func (d *decoder) naturalDocument(raw Raw, hint reflect.Type) (any, error) {
	name := raw.Lookup("$type")
	if name.Type != KindString {
		if hint == nil {
			return d.naturalMap(raw, nil)
		}
		value, err := d.registered(raw, hint)
		if err != nil {
			return nil, err
		}
		return value.Interface(), nil
	}
	if isDataStream(name.Text()) {
		var ds *DataStream
		err := d.into(raw, &ds)
		return ds, err
	}
	t, parsed, err := d.codec.registered(name.Text())
	if err != nil {
		return nil, err
	}
	if t != nil {
		value, err := d.registered(raw, t)
		if err != nil {
			return nil, err
		}
		return value.Interface(), nil
	}
	hint, ok := d.elementHint(parsed)
	if !ok {
		return nil, &TypeError{Name: string(name.Text())}
	}
	if values := raw.Lookup("$values"); values.Type == KindArray {
		return d.naturalList(values, hint)
	}
	if value := raw.Lookup("$value"); value.Type != 0 {
		return d.natural(value, nil)
	}
	return d.naturalMap(raw, hint)
}

// elementHint takes an unregistered name apart: .NET's own types are harmless
// and become natural values, and in a collection of a registered type the
// items are of that type. ok is false when the name is of neither kind.
func (d *decoder) elementHint(name TypeName) (hint reflect.Type, ok bool) {
	element, isArray := name.Element()
	switch {
	case isArray:
	case name.Framework() && len(name.Args) > 0:
		element = name.Args[len(name.Args)-1]
	default:
		return nil, name.Framework()
	}
	if t, ok := d.codec.byText[element.Normal().String()]; ok {
		if t.Kind() == reflect.Interface {
			return nil, true
		}
		return t, true
	}
	if element.Name == "Halibut.DataStream" && len(element.Arrays) == 0 {
		return reflect.PointerTo(streamType), true
	}
	if _, ok := d.elementHint(element); !ok {
		return nil, false
	}
	return nil, true
}

func (d *decoder) naturalMap(raw Raw, hint reflect.Type) (any, error) {
	it := raw.Elements()
	m := make(map[string]any, min(it.Count(), maxMapHint))
	for it.Next() {
		if isTypeMember(&it) {
			continue
		}
		value, err := d.natural(it.Value(), hint)
		if err != nil {
			return nil, atKey(err, string(it.Name()))
		}
		m[string(it.Name())] = value
	}
	return m, nil
}
