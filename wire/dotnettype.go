package wire

import (
	"encoding"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/google/uuid"
)

// DotNetTyper is a Go type that says which .NET type it is:
// "Namespace.Name, Assembly". The name is written as $type where .NET needs
// one and compared with the $type of arguments. It is asked of a zero value,
// once for each type. A struct that embeds another one does not inherit its name.
type DotNetTyper interface{ DotNetType() string }

// DotNetValueTyper is a [DotNetTyper] that is a struct or an enum in .NET and
// not a class: a pointer to it is a Nullable, and null does not fit it.
// Integer types are values anyway. The method is never called.
type DotNetValueTyper interface{ DotNetValueType() }

var (
	typerType      = reflect.TypeFor[DotNetTyper]()
	valueTyperType = reflect.TypeFor[DotNetValueTyper]()
	genericType    = reflect.TypeFor[genericT]()
	listType       = reflect.TypeFor[lister]()
	setType        = reflect.TypeFor[setter]()
	pairType       = reflect.TypeFor[pairer]()

	marshalerType   = reflect.TypeFor[encoding.TextMarshaler]()
	unmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()

	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
	spanType     = reflect.TypeFor[TimeSpan]()
	charType     = reflect.TypeFor[Char]()
	uuidType     = reflect.TypeFor[uuid.UUID]()
	urlType      = reflect.TypeFor[url.URL]()
	streamType   = reflect.TypeFor[DataStream]()
	rawType      = reflect.TypeFor[Raw]()
	anyType      = reflect.TypeFor[any]()
)

// DotNetTypeName is the .NET name of a Go type as .NET prints it in messages:
// System.String, System.Collections.Generic.List`1[System.Int64]. A Go type
// that has no .NET name is printed as Go does.
func DotNetTypeName(t reflect.Type) string { return (*Codec)(nil).typeNameOrGo(t).Display() }

// DotNetSignature is a method as .NET Halibut 8.1 prints it in the lines of an
// ambiguous match:
//
//	System.Threading.Tasks.Task`1[System.String] PickAsync(System.String, System.Threading.CancellationToken)
//
// name is the wire name, without Async; result is nil for a method without one.
func DotNetSignature(name string, params []reflect.Type, result reflect.Type) string {
	return (*Codec)(nil).DotNetSignature(name, params, result)
}

// DotNetSignature is the function of the same name, which knows the names in
// Types too.
func (c *Codec) DotNetSignature(name string, params []reflect.Type, result reflect.Type) string {
	var b strings.Builder
	b.WriteString("System.Threading.Tasks.Task")
	if result != nil {
		b.WriteString("`1[" + c.typeNameOrGo(result).Display() + "]")
	}
	b.WriteString(" " + name + "Async(")
	for _, param := range params {
		b.WriteString(signatureName(c.typeNameOrGo(param)) + ", ")
	}
	b.WriteString("System.Threading.CancellationToken)")
	return b.String()
}

// DotNetSyncSignature is a method as releases without asynchronous services
// print it, and the protocol of 2013:
//
//	System.String Pick(System.String)
func (c *Codec) DotNetSyncSignature(name string, params []reflect.Type, result reflect.Type) string {
	names := make([]string, len(params))
	for i, param := range params {
		names[i] = signatureName(c.typeNameOrGo(param))
	}
	returns := "Void"
	if result != nil {
		returns = signatureName(c.typeNameOrGo(result))
	}
	return returns + " " + name + "(" + strings.Join(names, ", ") + ")"
}

// signatureName prints a parameter's type as .NET's MethodInfo.ToString does:
// primitive types without their namespace, all others with it.
func signatureName(t TypeName) string {
	switch t.Name {
	case "System.Boolean", "System.Char", "System.SByte", "System.Byte", "System.Int16", "System.UInt16",
		"System.Int32", "System.UInt32", "System.Int64", "System.UInt64", "System.Single", "System.Double":
		return t.Short()
	}
	return t.Display()
}

// typeName finds the .NET name of a Go type; ok is false when it has none.
// Where a type argument is an interface, Types may name it.
func (c *Codec) typeName(t reflect.Type) (TypeName, bool) {
	return namer{codec: c}.name(t)
}

// namer names a type inside of another. Types that are made of themselves, such
// as type Tree []Tree, have no name.
type namer struct {
	codec *Codec
	depth int
}

func (n namer) name(t reflect.Type) (TypeName, bool) {
	if n.depth++; n.depth > maxTypeNameDepth {
		return TypeName{}, false
	}
	if t.Kind() == reflect.Pointer {
		return n.pointer(t.Elem())
	}
	if name, ok := ownTypeName(t); ok {
		return name, true
	}
	if name, ok := n.codec.registeredName(t); ok {
		return name, true
	}
	if isGeneric(t) {
		name, args := reflect.Zero(t).Interface().(genericT).genericName()
		return n.generic(name, args...)
	}
	switch t {
	case timeType:
		return framework("System.DateTime"), true
	case durationType:
		return framework("System.TimeSpan"), true
	case uuidType:
		return framework("System.Guid"), true
	case urlType:
		return framework("System.Uri"), true
	case streamType:
		return TypeName{Name: "Halibut.DataStream", Assembly: "Halibut"}, true
	case rawType, objectType, itemsType, anyType:
		return framework("System.Object"), true
	}
	if isText(t) {
		return framework("System.String"), true
	}
	return n.kind(t)
}

// isGeneric says whether a type is an instance of one of this package's generic
// types, and not a struct that embeds one.
func isGeneric(t reflect.Type) bool {
	return t.Implements(genericType) && t.PkgPath() == thisPackage && strings.Contains(t.Name(), "[")
}

var thisPackage = streamType.PkgPath()

func (n namer) kind(t reflect.Type) (TypeName, bool) {
	switch t.Kind() {
	case reflect.Bool:
		return framework("System.Boolean"), true
	case reflect.Int8:
		return framework("System.SByte"), true
	case reflect.Int16:
		return framework("System.Int16"), true
	case reflect.Int32:
		return framework("System.Int32"), true
	case reflect.Int, reflect.Int64:
		return framework("System.Int64"), true
	case reflect.Uint8:
		return framework("System.Byte"), true
	case reflect.Uint16:
		return framework("System.UInt16"), true
	case reflect.Uint32:
		return framework("System.UInt32"), true
	case reflect.Uint, reflect.Uint64:
		return framework("System.UInt64"), true
	case reflect.Float32:
		return framework("System.Single"), true
	case reflect.Float64:
		return framework("System.Double"), true
	case reflect.String:
		return framework("System.String"), true
	case reflect.Slice, reflect.Array:
		return n.array(t.Elem())
	case reflect.Map:
		if isSet(t) {
			return n.generic("System.Collections.Generic.HashSet`1", t.Key())
		}
		return n.generic("System.Collections.Generic.Dictionary`2", t.Key(), t.Elem())
	}
	return TypeName{}, false
}

// pointer: a pointer to a class is the class, one to a value is a Nullable.
func (n namer) pointer(element reflect.Type) (TypeName, bool) {
	if element.Kind() == reflect.Pointer {
		return TypeName{}, false
	}
	if isValueType(element) {
		return n.generic("System.Nullable`1", element)
	}
	return n.name(element)
}

func (n namer) array(element reflect.Type) (TypeName, bool) {
	name, ok := n.name(element)
	if ok {
		name.Arrays = append(name.Arrays[:len(name.Arrays):len(name.Arrays)], 1)
	}
	return name, ok
}

func (n namer) generic(name string, args ...reflect.Type) (TypeName, bool) {
	t := framework(name)
	for _, arg := range args {
		argName, ok := n.name(arg)
		if !ok {
			return TypeName{}, false
		}
		t.Args = append(t.Args, argName)
	}
	return t, true
}

func (c *Codec) typeNameOrGo(t reflect.Type) TypeName {
	if name, ok := c.typeName(t); ok {
		return name
	}
	return TypeName{Name: t.String()}
}

func framework(name string) TypeName {
	return TypeName{Name: name, Assembly: frameworkAssembly(name)}
}

// ownTypeName asks a type for its DotNetType, if it has a method of its own: a
// method that it got from an embedded base class names the base class.
func ownTypeName(t reflect.Type) (TypeName, bool) {
	text, ok := dotNetType(t)
	if !ok {
		return TypeName{}, false
	}
	if t.Kind() == reflect.Struct {
		for i := range t.NumField() {
			if field := t.Field(i); field.Anonymous {
				if inherited, ok := dotNetType(field.Type); ok && inherited == text {
					return TypeName{}, false
				}
			}
		}
	}
	name, err := ParseTypeName(text)
	if err != nil {
		return TypeName{}, false
	}
	return name.Normal(), true
}

func dotNetType(t reflect.Type) (string, bool) {
	if t.Kind() == reflect.Interface || t.Kind() == reflect.Pointer || !reflect.PointerTo(t).Implements(typerType) {
		return "", false
	}
	return reflect.New(t).Interface().(DotNetTyper).DotNetType(), true
}

// isValueType says whether a Go type is a value in .NET, which cannot be null.
func isValueType(t reflect.Type) bool {
	switch t {
	case timeType, uuidType:
		return true
	}
	if t.Kind() != reflect.Interface && reflect.PointerTo(t).Implements(valueTyperType) {
		return true
	}
	switch t.Kind() {
	case reflect.Bool, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int, reflect.Int64,
		reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint, reflect.Uint64, reflect.Float32, reflect.Float64:
		return true
	}
	return false
}

// isText says whether a type travels as the text that it marshals to. Integer
// types do not: an enum is a number on the wire and a name only as a key.
func isText(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct, reflect.String, reflect.Slice, reflect.Array, reflect.Map:
		pointer := reflect.PointerTo(t)
		return pointer.Implements(marshalerType) && pointer.Implements(unmarshalerType)
	}
	return false
}

// isSet says whether a map type is a set.
func isSet(t reflect.Type) bool {
	return t.Kind() == reflect.Map && (t.Implements(setType) || t.Elem().Kind() == reflect.Struct && t.Elem().NumField() == 0)
}
