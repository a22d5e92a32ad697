package wire

import (
	"fmt"
	"reflect"
	"unicode/utf8"
)

// List is .NET's List<T>. A plain slice is an array, T[], and a .NET method
// that wants a List refuses an array.
type List[T any] []T

// Set is .NET's HashSet<T>. On the wire it is an array; it is written sorted.
type Set[T comparable] map[T]struct{}

// KeyValuePair is .NET's structure of the same name. Unlike other structures
// it never carries its type name.
type KeyValuePair[K, V any] struct {
	Key   K
	Value V
}

// Tuple2 is .NET's Tuple<T1, T2>. A tuple of another length, or a C# tuple
// such as (int, string), is any Go struct with fields Item1, Item2… and a
// DotNetType method that names it, for example
// "System.ValueTuple`2[[System.Int32, mscorlib],[System.String, mscorlib]], mscorlib".
type Tuple2[T1, T2 any] struct {
	Item1 T1
	Item2 T2
}

// Tuple3 is .NET's Tuple<T1, T2, T3>.
type Tuple3[T1, T2, T3 any] struct {
	Item1 T1
	Item2 T2
	Item3 T3
}

// Tuple4 is .NET's Tuple<T1, T2, T3, T4>.
type Tuple4[T1, T2, T3, T4 any] struct {
	Item1 T1
	Item2 T2
	Item3 T3
	Item4 T4
}

// The markers by which reflection tells the generic types above.
type (
	lister   interface{ isList() }
	setter   interface{ isSet() }
	pairer   interface{ isPair() }
	genericT interface {
		genericName() (name string, args []reflect.Type)
	}
)

func (List[T]) isList() {}
func (Set[T]) isSet()   {}

func (KeyValuePair[K, V]) isPair()          {}
func (KeyValuePair[K, V]) DotNetValueType() {}

func (List[T]) genericName() (string, []reflect.Type) {
	return "System.Collections.Generic.List`1", []reflect.Type{reflect.TypeFor[T]()}
}

func (Set[T]) genericName() (string, []reflect.Type) {
	return "System.Collections.Generic.HashSet`1", []reflect.Type{reflect.TypeFor[T]()}
}

func (KeyValuePair[K, V]) genericName() (string, []reflect.Type) {
	return "System.Collections.Generic.KeyValuePair`2", []reflect.Type{reflect.TypeFor[K](), reflect.TypeFor[V]()}
}

func (Tuple2[T1, T2]) genericName() (string, []reflect.Type) {
	return "System.Tuple`2", []reflect.Type{reflect.TypeFor[T1](), reflect.TypeFor[T2]()}
}

func (Tuple3[T1, T2, T3]) genericName() (string, []reflect.Type) {
	return "System.Tuple`3", []reflect.Type{reflect.TypeFor[T1](), reflect.TypeFor[T2](), reflect.TypeFor[T3]()}
}

func (Tuple4[T1, T2, T3, T4]) genericName() (string, []reflect.Type) {
	return "System.Tuple`4", []reflect.Type{reflect.TypeFor[T1](), reflect.TypeFor[T2](), reflect.TypeFor[T3](), reflect.TypeFor[T4]()}
}

// Char is .NET's char: one UTF-16 code unit, on the wire a string of one
// character. Characters beyond U+FFFF take two chars in .NET and do not fit.
type Char rune

// String is the character itself.
func (c Char) String() string { return string(rune(c)) }

// DotNetType names the .NET type.
func (Char) DotNetType() string { return "System.Char, mscorlib" }

func (c Char) check() error {
	if c < 0 || c > 0xFFFF || c >= 0xD800 && c <= 0xDFFF {
		return fmt.Errorf("U+%04X is no single .NET char: those end at U+FFFF and surrogates are not text; use a string", uint32(c))
	}
	return nil
}

func parseChar(text []byte) (Char, error) {
	r, size := utf8.DecodeRune(text)
	if size == 0 || size != len(text) {
		return 0, fmt.Errorf("a char is a string of one character, found %.40q", text)
	}
	return Char(r), Char(r).check()
}

// URI is .NET's Uri, kept as text: .NET prints it with its host in lower case
// and unescaped (https://example.com/a b?q=1), which package net/url would
// change. Fields may be of type url.URL or *url.URL as well.
type URI string

// DotNetType names the .NET type.
func (URI) DotNetType() string { return "System.Uri, System" }

// Version is .NET's System.Version, kept as text: "1.2", "1.2.3" or "1.2.3.4".
type Version string

// DotNetType names the .NET type.
func (Version) DotNetType() string { return "System.Version, mscorlib" }
