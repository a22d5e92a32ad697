package convert

import (
	"strings"

	"github.com/halibut-go/halibut/cmd/internal/contract"
	"github.com/halibut-go/halibut/cmd/internal/csharp"
)

const (
	mscorlib   = "mscorlib"
	systemCore = "System.Core"
)

// scalars are the framework's types without type arguments, by the name that
// C# code uses. An expr with @ names a type of the library, # of package wire.
var scalars = map[string]goType{
	"bool":           {expr: "bool", name: "System.Boolean", value: true, key: true},
	"sbyte":          {expr: "int8", name: "System.SByte", value: true, key: true, integer: true, param: "sbyte"},
	"byte":           {expr: "uint8", name: "System.Byte", value: true, key: true, integer: true, param: "byte"},
	"short":          {expr: "int16", name: "System.Int16", value: true, key: true, integer: true, param: "short"},
	"ushort":         {expr: "uint16", name: "System.UInt16", value: true, key: true, integer: true, param: "ushort"},
	"int":            {expr: "int32", name: "System.Int32", value: true, key: true, integer: true, param: "int"},
	"uint":           {expr: "uint32", name: "System.UInt32", value: true, key: true, integer: true, param: "uint"},
	"long":           {expr: "int64", name: "System.Int64", value: true, key: true, integer: true},
	"ulong":          {expr: "uint64", name: "System.UInt64", value: true, key: true, integer: true, param: "ulong"},
	"float":          {expr: "float32", name: "System.Single", value: true, key: true, param: "float"},
	"double":         {expr: "float64", name: "System.Double", value: true, key: true},
	"decimal":        {expr: "float64", name: "System.Decimal", value: true, param: "decimal"},
	"char":           {expr: "#Char", name: "System.Char", value: true, key: true, param: "char"},
	"string":         {expr: "string", name: "System.String", key: true},
	"object":         {expr: "any", name: "System.Object", param: "object", result: "object"},
	"DateTime":       {expr: "time.Time", name: "System.DateTime", value: true, key: true},
	"DateTimeOffset": {expr: "time.Time", name: "System.DateTimeOffset", value: true, key: true, param: "DateTimeOffset", result: "DateTimeOffset"},
	"TimeSpan":       {expr: "@TimeSpan", name: "System.TimeSpan", value: true, key: true, param: "TimeSpan", result: "TimeSpan"},
	"Guid":           {expr: "uuid.UUID", name: "System.Guid", value: true, key: true},
	"Uri":            {expr: "#URI", name: "System.Uri", assembly: "System", key: true, param: "Uri", result: "Uri"},
	"Version":        {expr: "#Version", name: "System.Version", key: true, param: "Version", result: "Version"},
	"DataStream":     {expr: "*@DataStream", name: "Halibut.DataStream", assembly: "Halibut"},
}

// keywords by the name of the type that they stand for.
var keywords = map[string]string{
	"Boolean": "bool", "SByte": "sbyte", "Byte": "byte", "Int16": "short", "UInt16": "ushort", "Int32": "int",
	"UInt32": "uint", "Int64": "long", "UInt64": "ulong", "Single": "float", "Double": "double",
	"Decimal": "decimal", "Char": "char", "String": "string", "Object": "object",
}

// collection says what a generic collection becomes.
type collection struct {
	form      string // a Go type with one % for the element
	name      string // the .NET type that the Go type travels as
	assembly  string
	namespace string
	inside    bool // fits only inside a class: on its own it would travel as another type
	marked    bool // as a member it carries $type
}

const (
	generic   = "System.Collections.Generic"
	objects   = "System.Collections.ObjectModel"
	immutable = "System.Collections.Immutable"
)

var collections = map[string]collection{
	"List":                 {form: "@List[%]", name: "List", assembly: mscorlib, namespace: generic},
	"IList":                {form: "@List[%]", name: "List", assembly: mscorlib, namespace: generic},
	"ICollection":          {form: "@List[%]", name: "List", assembly: mscorlib, namespace: generic},
	"IEnumerable":          {form: "[]%", namespace: generic},
	"IReadOnlyList":        {form: "[]%", namespace: generic, marked: true},
	"IReadOnlyCollection":  {form: "[]%", namespace: generic, marked: true},
	"HashSet":              {form: "@Set[%]", name: "HashSet", assembly: systemCore, namespace: generic},
	"ISet":                 {form: "@Set[%]", name: "HashSet", assembly: systemCore, namespace: generic},
	"IReadOnlySet":         {form: "@Set[%]", name: "HashSet", assembly: systemCore, namespace: generic},
	"SortedSet":            {form: "@Set[%]", namespace: generic, inside: true},
	"Queue":                {form: "[]%", namespace: generic, inside: true},
	"LinkedList":           {form: "[]%", namespace: generic, inside: true},
	"Collection":           {form: "[]%", namespace: objects, inside: true},
	"ReadOnlyCollection":   {form: "[]%", namespace: objects, inside: true},
	"ObservableCollection": {form: "[]%", namespace: objects, inside: true},
	"ImmutableArray":       {form: "[]%", namespace: immutable, inside: true},
	"ImmutableList":        {form: "[]%", namespace: immutable, inside: true},
	"ImmutableHashSet":     {form: "@Set[%]", namespace: immutable, inside: true},
}

// dictionaries that are one document on the wire, true where they fit only
// inside a class.
var dictionaries = map[string]bool{
	"Dictionary": false, "IDictionary": false, "IReadOnlyDictionary": false,
	"SortedDictionary": true, "ReadOnlyDictionary": true, "ConcurrentDictionary": true, "ImmutableDictionary": true,
}

// refusals say what to do instead of types that cannot be sent.
var refusals = map[string]string{
	"Task":                       "is a task where a value is due; a contract's method returns the value, or Task as its whole result",
	"ValueTask":                  "is a task where a value is due; a contract's method returns the value, or ValueTask as its whole result",
	"Stream":                     "is a stream that .NET cannot send either; use Halibut.DataStream",
	"CancellationToken":          "is not sent; it may only be an asynchronous method's last parameter",
	"HalibutProxyRequestOptions": "is not sent; it may only be an asynchronous method's last parameter",
	"Exception":                  "is not data; send its message, or throw it",
	"Type":                       "is a type of the sender's own program; send its name as a string",
	"IntPtr":                     "is an address, which means nothing to a peer; use long",
	"nint":                       "is as wide as the machine's addresses; use long",
	"nuint":                      "is as wide as the machine's addresses; use long",
	"UIntPtr":                    "is an address, which means nothing to a peer; use long",
	"dynamic":                    "has no type that can be known; declare a class",
	"void":                       "is no type of a value",
	"Func":                       "is a delegate, which cannot be sent; make it a method of a contract that the peer serves",
	"Action":                     "is a delegate, which cannot be sent; make it a method of a contract that the peer serves",
	"Predicate":                  "is a delegate, which cannot be sent; make it a method of a contract that the peer serves",
	"EventHandler":               "is a delegate, which cannot be sent; make it a method of a contract that the peer serves",
	"Delegate":                   "cannot be sent; make it a method of a contract that the peer serves",
	"IProgress":                  "reports inside one program only; return the progress from a second method",
	"IAsyncEnumerable":           "is fetched item by item, which Halibut does not do; return a list",
	"Stack":                      "comes back in reverse order; use List",
	"Lazy":                       "is not data; send its value",
	"BigInteger":                 "has no form on the wire; send it as a string",
	"Half":                       "has no form on the wire; use double",
	"DateOnly":                   "has no form on the wire that all releases share; use DateTime or string",
	"TimeOnly":                   "has no form on the wire that all releases share; use TimeSpan or string",
	"JObject":                    "is JSON of any shape; send it as a string, or declare a class",
	"JToken":                     "is JSON of any shape; send it as a string, or declare a class",
	"ArrayList":                  "has elements of any type; use List with a type",
	"Hashtable":                  "has values of any type; use Dictionary with types",
	"SecureString":               "cannot be sent; use string",
	"DataTable":                  "cannot be sent; use a list of a class",
	"Span":                       "cannot be sent; use an array",
	"ReadOnlySpan":               "cannot be sent; use an array",
	"Memory":                     "cannot be sent; use an array",
	"ReadOnlyMemory":             "cannot be sent; use an array",
}

// framework converts a type that the files do not declare.
func (c *converter) framework(ref *csharp.TypeRef, s scope) (goType, bool) {
	name := lastName(ref.Name)
	if keyword := keywords[name]; keyword != "" {
		name = keyword
	}
	if reason := refusals[name]; reason != "" || strings.HasSuffix(name, "Exception") {
		if reason == "" {
			reason = refusals["Exception"]
		}
		c.refuse(ref.Pos, "%s %s", ref, reason)
		return goType{}, false
	}
	if t, ok := scalars[name]; ok && len(ref.Args) == 0 {
		return c.nullable(ref)(c.scalar(t), true)
	}
	args, ok := c.typesOf(ref.Args, s)
	if !ok {
		return goType{}, false
	}
	switch {
	case name == "Nullable" && len(args) == 1:
		return nullableOf(args[0]), true
	case collections[name].form != "" && len(args) == 1:
		return c.collection(ref, collections[name], name, args[0])
	case len(args) == 2:
		if inside, ok := dictionaries[name]; ok {
			return c.dictionary(ref, name, inside, args)
		}
		if name == "KeyValuePair" {
			return c.nullable(ref)(c.pair(args), true)
		}
	}
	if name == "Tuple" && len(args) > 0 {
		return c.tuple(ref, args), true
	}
	if name == "ValueTuple" && len(args) > 0 {
		t := c.tupleType(ref, "ValueTuple", args)
		t.value = true
		return c.nullable(ref)(t, true)
	}
	c.refuse(ref.Pos, "%s is declared neither in the files given nor in their project; name its file, or its folder, too", ref)
	return goType{}, false
}

func (c *converter) scalar(t goType) goType {
	t.expr = c.qualified(t.expr)
	t.equal = t.name != "System.Object"
	if t.assembly == "" {
		t.assembly = mscorlib
	}
	t.label = lastName(t.name)
	return t
}

// qualified replaces the marks of library packages by their names, and imports
// what the expression needs.
func (c *converter) qualified(expr string) string {
	if strings.Contains(expr, "@") {
		expr = strings.ReplaceAll(expr, "@", c.imports.Add(contract.Library, "halibut")+".")
	}
	if strings.Contains(expr, "#") {
		expr = strings.ReplaceAll(expr, "#", c.imports.Add(contract.Library+"/wire", "wire")+".")
	}
	switch {
	case strings.HasPrefix(expr, "time."):
		c.imports.Add("time", "time")
	case strings.HasPrefix(expr, "uuid."):
		c.imports.Add("github.com/google/uuid", "uuid")
	}
	return expr
}

func (c *converter) collection(ref *csharp.TypeRef, k collection, name string, element goType) (goType, bool) {
	if strings.Contains(k.form, "Set") && !element.equal {
		c.refuse(ref.Pos, "%s is a set whose elements Go cannot compare; use a list", ref)
		return goType{}, false
	}
	expr := element.expr
	if strings.Contains(k.form, "Set") {
		expr = element.comparedByValue()
	}
	t := goType{expr: strings.Replace(c.qualified(k.form), "%", expr, 1), label: name + "Of" + element.label, assembly: k.assembly, marked: k.marked}
	switch {
	case k.name != "":
		t.name = genericName(generic+"."+k.name, []goType{element})
	case k.form == "[]%":
		t.name, t.assembly = element.name+"[]", element.assembly
	default:
		t.name, t.assembly = genericName(k.namespace+"."+name, []goType{element}), mscorlib
	}
	if k.inside {
		t.param, t.result = name, name
	}
	return t, true
}

func (c *converter) dictionary(ref *csharp.TypeRef, name string, inside bool, args []goType) (goType, bool) {
	if !args[0].key {
		c.refuse(ref.Pos, "%s has keys that do not travel as text; use a string, a number, an enum, a Guid or a DateTime", ref)
		return goType{}, false
	}
	t := goType{
		expr: "map[" + args[0].comparedByValue() + "]" + args[1].expr, name: genericName(generic+".Dictionary", args),
		assembly: mscorlib, label: "DictionaryOf" + labels(args), marked: name == "IReadOnlyDictionary",
	}
	if inside {
		t.param, t.result = name, name
	}
	return t, true
}

func (c *converter) pair(args []goType) goType {
	return goType{
		expr: c.qualified("#KeyValuePair[") + args[0].expr + ", " + args[1].expr + "]",
		name: genericName(generic+".KeyValuePair", args), assembly: mscorlib, label: "PairOf" + labels(args),
		value: true, param: "KeyValuePair", result: "KeyValuePair",
	}
}

// tuple converts the class Tuple: the library has those of two to four.
func (c *converter) tuple(ref *csharp.TypeRef, args []goType) goType {
	if len(args) < 2 || len(args) > 4 {
		t := c.tupleType(ref, "Tuple", args)
		t.expr = "*" + t.expr
		return t
	}
	expr := c.qualified("#Tuple" + string(rune('0'+len(args))) + "[")
	for i, arg := range args {
		if i > 0 {
			expr += ", "
		}
		expr += arg.expr
	}
	return goType{expr: "*" + expr + "]", name: genericName("System.Tuple", args), assembly: mscorlib, label: "TupleOf" + labels(args)}
}
