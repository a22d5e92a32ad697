package wire

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// plan is how one Go type travels, worked out once.
type plan struct {
	typ  reflect.Type
	form form
	enc  encodeFunc
	dec  decodeFunc
	err  error // why the type cannot travel; enc and dec return it

	direct direct   // of plain types
	elem   *plan    // of pointers, slices, arrays, maps
	key    *keyPlan // of maps
	fields []field  // of structs
	exact  map[string]int
	folded map[string]int // by name in lower case
}

type (
	encodeFunc func(e *encoder, p *plan, v reflect.Value) (Kind, error)
	decodeFunc func(d *decoder, p *plan, raw Raw, v reflect.Value) error
)

// form is how a value carries $type where its slot does not say its type.
type form uint8

const (
	formBare    form = iota // never: scalars
	formMembers             // as the document's first member
	formList                // in a document around it, as $values
	formBytes               // in a document around it, as $value
	formStream              // as a husk's first member
	formPointer             // as what it points to
	formDynamic             // as what the interface holds
)

// field is one member of a struct.
type field struct {
	name     string
	header   []byte // room for the type, the name, its end
	index    []int
	offset   uintptr // in the outermost struct
	plan     *plan
	direct   direct // how it is read and written where it lies
	object   bool   // the slot carries $type
	nullZero bool
	plain    bool // neither of them
}

// of finds the field's value in a struct.
func (f *field) of(v reflect.Value) reflect.Value {
	v = v.Field(f.index[0])
	for _, i := range f.index[1:] {
		v = v.Field(i)
	}
	return v
}

// plans holds the plan of every type met so far. How a type travels depends on
// nothing but the type; its .NET name may depend on the codec and is not here.
var plans sync.Map // reflect.Type -> *plan

func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	b := planner{made: make(map[reflect.Type]*plan)}
	b.plan(t)
	for made, p := range b.made {
		plans.LoadOrStore(made, p)
	}
	p, _ := plans.Load(t)
	return p.(*plan)
}

// planner makes the plans of a type and of all that it refers to, and shows
// them to others only when they are complete: types refer to themselves.
type planner struct{ made map[reflect.Type]*plan }

func (b *planner) plan(t reflect.Type) *plan {
	if p, ok := b.made[t]; ok {
		return p
	}
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	p := &plan{typ: t}
	b.made[t] = p
	if !p.special() {
		b.byKind(p)
	}
	return p
}

// special plans types that are what they are whatever their kind.
func (p *plan) special() bool {
	switch p.typ {
	case timeType:
		p.enc, p.dec = encodeTime, decodeTime
	case durationType:
		p.enc, p.dec = encodeDuration, decodeDuration
	case spanType:
		p.enc, p.dec = encodeSpan, decodeSpan
	case charType:
		p.enc, p.dec = encodeChar, decodeChar
	case uuidType:
		p.enc, p.dec = encodeUUID, decodeUUID
	case urlType:
		p.enc, p.dec = encodeURL, decodeURL
	case rawType:
		p.enc, p.dec = encodeRaw, decodeRaw
	case objectType:
		p.enc, p.dec = encodeObject, decodeObject
	case itemsType:
		p.enc, p.dec = encodeItems, decodeObject
	case streamType:
		p.refuse("is used by value: use *DataStream")
	default:
		if !isText(p.typ) {
			return false
		}
		p.enc, p.dec = encodeText, decodeText
	}
	return true
}

func (b *planner) byKind(p *plan) {
	p.direct = directOf(p.typ.Kind())
	switch t := p.typ; t.Kind() {
	case reflect.Bool:
		p.enc, p.dec = encodeBool, decodeBool
	case reflect.Int8, reflect.Int16, reflect.Int32:
		p.enc, p.dec = encodeInt32, decodeInt
	case reflect.Int, reflect.Int64:
		p.enc, p.dec = encodeInt64, decodeInt
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		p.enc, p.dec = encodeUint32, decodeUint
	case reflect.Uint, reflect.Uint64:
		p.enc, p.dec = encodeUint64, decodeUint
	case reflect.Float32, reflect.Float64:
		p.enc, p.dec = encodeFloat, decodeFloat
	case reflect.String:
		p.enc, p.dec = encodeString, decodeString
	case reflect.Interface:
		p.form, p.enc, p.dec = formDynamic, encodeInterface, decodeInterface
	case reflect.Pointer:
		b.pointer(p)
	case reflect.Slice:
		b.slice(p)
	case reflect.Array:
		b.array(p)
	case reflect.Map:
		b.mapOrSet(p)
	case reflect.Struct:
		b.class(p)
	default:
		p.refuse("cannot travel")
	}
}

func (p *plan) refuse(why string, args ...any) {
	p.err = fmt.Errorf("the Go type %v "+why, append([]any{p.typ}, args...)...)
	p.enc, p.dec = encodeRefused, decodeRefused
}

func (b *planner) pointer(p *plan) {
	if p.typ.Elem() == streamType {
		p.form, p.enc, p.dec = formStream, encodeStream, decodeStream
		return
	}
	if p.typ.Elem().Kind() == reflect.Pointer {
		p.refuse("points to a pointer: null can be said once only")
		return
	}
	p.form, p.enc, p.dec = formPointer, encodePointer, decodePointer
	p.elem = b.plan(p.typ.Elem())
}

func (b *planner) slice(p *plan) {
	if p.typ.Elem().Kind() == reflect.Uint8 && !p.typ.Implements(listType) {
		p.form, p.enc, p.dec = formBytes, encodeBytes, decodeBytes
		return
	}
	p.form, p.enc, p.dec = formList, encodeSlice, decodeSlice
	p.elem = b.plan(p.typ.Elem())
}

func (b *planner) array(p *plan) {
	if p.typ.Elem().Kind() == reflect.Uint8 {
		p.form, p.enc, p.dec = formBytes, encodeByteArray, decodeByteArray
		return
	}
	p.form, p.enc, p.dec = formList, encodeSlice, decodeArray
	p.elem = b.plan(p.typ.Elem())
}

func (b *planner) mapOrSet(p *plan) {
	if isSet(p.typ) {
		if holdsInterface(p.typ.Key()) {
			p.refuse("has elements that may not be comparable: use a concrete type")
			return
		}
		p.form, p.enc, p.dec = formList, encodeSet, decodeSet
		p.elem = b.plan(p.typ.Key())
		return
	}
	if p.key = keyPlanOf(p.typ.Key()); p.key == nil {
		p.refuse("has keys that are no text: use strings, integers, uuid.UUID, time.Time or a type that marshals to text")
		return
	}
	p.form, p.enc, p.dec = formMembers, encodeMap, decodeMap
	p.elem = b.plan(p.typ.Elem())
}

func (b *planner) class(p *plan) {
	p.form, p.enc, p.dec = formMembers, encodeStruct, decodeStruct
	if p.typ.Implements(pairType) && isGeneric(p.typ) {
		p.form = formBare
	}
	p.exact, p.folded = make(map[string]int), make(map[string]int)
	if err := b.members(p, p.typ, nil, 0); err != nil {
		p.fields = nil
		p.refuse("cannot travel: %w", err)
	}
}

// members adds the fields of a class that lies at an offset, then those of its
// base classes: .NET writes derived members first.
func (b *planner) members(p *plan, t reflect.Type, index []int, offset uintptr) error {
	var bases []reflect.StructField
	own := make(map[string]bool)
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("halibut")
		name, options, _ := strings.Cut(tag, ",")
		if name == "-" {
			continue
		}
		if f.Anonymous && name == "" && isBaseClass(f.Type) {
			bases = append(bases, f)
			continue
		}
		if !f.IsExported() {
			continue
		}
		if name == "" {
			name = f.Name
		}
		if own[name] {
			return fmt.Errorf("two fields have the name %q", name)
		}
		own[name] = true
		if err := b.member(p, f, name, options, index, offset); err != nil {
			return fmt.Errorf("field %s: %w", f.Name, err)
		}
	}
	for _, base := range bases {
		if base.Type.Kind() == reflect.Pointer {
			return fmt.Errorf("it embeds %v: embed a base class by value", base.Type)
		}
		if err := b.members(p, base.Type, append(index[:len(index):len(index)], base.Index...), offset+base.Offset); err != nil {
			return err
		}
	}
	return nil
}

func (b *planner) member(p *plan, f reflect.StructField, name, options string, index []int, offset uintptr) error {
	if err := checkKey(name); err != nil {
		return err
	}
	if _, hidden := p.exact[name]; hidden {
		return nil // a derived class's member hides its base class's
	}
	m := field{
		name:   name,
		header: append(append([]byte{0}, name...), 0),
		offset: offset + f.Offset,
		index:  append(index[:len(index):len(index)], f.Index...),
		plan:   b.plan(f.Type),
	}
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "":
		case "object":
			m.object = true
		case "nullzero":
			m.nullZero = true
		default:
			return fmt.Errorf("unknown option %q in its tag: there are object and nullzero", option)
		}
	}
	m.plain = !m.object && !m.nullZero
	if m.plain {
		m.direct = m.plan.direct
		m.header[0] = byte(m.direct.kind())
	}
	p.exact[name] = len(p.fields)
	if lower := strings.ToLower(name); lower != "" {
		if _, taken := p.folded[lower]; !taken {
			p.folded[lower] = len(p.fields)
		}
	}
	p.fields = append(p.fields, m)
	return nil
}

// isBaseClass says whether an embedded field's type is a class of its own
// members and not a value that happens to be a struct.
func isBaseClass(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || isText(t) {
		return false
	}
	switch t {
	case timeType, urlType, rawType, streamType:
		return false
	}
	return true
}

// holdsInterface says whether comparing values of a type may panic.
func holdsInterface(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Array:
		return holdsInterface(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if holdsInterface(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}

// check finds a type that cannot travel among all that a plan refers to.
func (p *plan) check(seen map[*plan]bool) error {
	if seen[p] {
		return nil
	}
	seen[p] = true
	if p.err != nil {
		return &ValueError{Err: p.err}
	}
	for i := range p.fields {
		if err := p.fields[i].plan.check(seen); err != nil {
			return atPath(err, p.fields[i].name)
		}
	}
	if p.elem != nil {
		if err := p.elem.check(seen); err != nil {
			if p.form == formPointer {
				return err
			}
			return atPath(err, "[]")
		}
	}
	return nil
}
