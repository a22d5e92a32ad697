package wire

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTypeNames(t *testing.T) {
	str := TypeName{Name: "System.String", Assembly: "mscorlib"}
	person := TypeName{Name: "Samples.Person", Assembly: "Samples"}
	for _, test := range []struct {
		text                   string
		want                   TypeName
		printed, shown, simple string // printed is text where empty
	}{
		{"Samples.Person, Samples", person, "", "Samples.Person", "Person"},
		{"Samples.Person", TypeName{Name: "Samples.Person"}, "", "Samples.Person", "Person"},
		{"Person", TypeName{Name: "Person"}, "", "Person", "Person"},
		{
			"Samples.Outer+Inner, Samples", TypeName{Name: "Samples.Outer+Inner", Assembly: "Samples"},
			"", "Samples.Outer+Inner", "Inner",
		},
		{
			"Samples.Person[], Samples", TypeName{Name: "Samples.Person", Arrays: []int{1}, Assembly: "Samples"},
			"", "Samples.Person[]", "Person[]",
		},
		{
			"System.Int32[][,][,,], mscorlib", TypeName{Name: "System.Int32", Arrays: []int{1, 2, 3}, Assembly: "mscorlib"},
			"", "System.Int32[][,][,,]", "Int32[][,][,,]",
		},
		{
			"System.Collections.Generic.List`1[[System.String, mscorlib]], mscorlib",
			TypeName{Name: "System.Collections.Generic.List`1", Args: []TypeName{str}, Assembly: "mscorlib"},
			"", "System.Collections.Generic.List`1[System.String]", "List`1",
		},
		{
			"D`2[[System.String, mscorlib],[L`1[[Samples.Person, Samples]][], A]], B",
			TypeName{Name: "D`2", Assembly: "B", Args: []TypeName{
				str, {Name: "L`1", Args: []TypeName{person}, Arrays: []int{1}, Assembly: "A"},
			}},
			"", "D`2[System.String,L`1[Samples.Person][]]", "D`2",
		},
		{
			"D`2[System.String,System.Int32[]]",
			TypeName{Name: "D`2", Args: []TypeName{{Name: "System.String"}, {Name: "System.Int32", Arrays: []int{1}}}},
			"D`2[[System.String],[System.Int32[]]]", "D`2[System.String,System.Int32[]]", "D`2",
		},
		{
			"L`1[ [System.String, mscorlib] ], mscorlib", TypeName{}, "error", "", "",
		},
		{
			"Samples.Person, Samples, Version=1.0.0.0, Culture=neutral, PublicKeyToken=null",
			TypeName{Name: "Samples.Person", Assembly: "Samples", Qualified: true},
			"Samples.Person, Samples", "Samples.Person", "Person",
		},
		{
			"L`1[[Samples.Person, Samples, Version=1.0.0.0]]",
			TypeName{Name: "L`1", Args: []TypeName{{Name: "Samples.Person", Assembly: "Samples", Qualified: true}}},
			"L`1[[Samples.Person, Samples]]", "L`1[Samples.Person]", "L`1",
		},
	} {
		got, err := ParseTypeName(test.text)
		if test.printed == "error" {
			if err == nil {
				t.Errorf("%s is accepted", test.text)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.text, diff)
		}
		if test.printed == "" {
			test.printed = test.text
		}
		if got.String() != test.printed || got.Display() != test.shown || got.Short() != test.simple {
			t.Errorf("%s prints as %q, %q, %q", test.text, got.String(), got.Display(), got.Short())
		}
	}
}

func TestTypeNamesThatAreNone(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", "a name is missing"},
		{", mscorlib", "a name is missing"},
		{"A,", "the assembly's name is missing"},
		{"A, ", "the assembly's name is missing"},
		{"A, B,", "the assembly's name is missing"},
		{"A*", `unexpected "*"`},
		{"A&, B", `unexpected "&, B"`},
		{"A]", `unexpected "]"`},
		{"A, B]", `unexpected "]"`},
		{"A[", "array brackets hold commas only"},
		{"A[*]", "a name is missing"},
		{"A[,", "array brackets hold commas only"},
		{"A[,x]", "array brackets hold commas only"},
		{"A`1[[B]", "the arguments of A`1 have no closing bracket"},
		{"A`1[[B", "the argument B has no closing bracket"},
		{"A`1[B", "the arguments of A`1 have no closing bracket"},
		{"A`1[[B],]", "a name is missing"},
		{"A" + strings.Repeat("[]", 17), "more than 16 array brackets"},
		{strings.Repeat("A[[", 20), "arguments nest deeper than 16"},
		{strings.Repeat("A", 5000), "longer than the 4096"},
	} {
		_, err := ParseTypeName(test.text)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.50s: %v, want %q", test.text, err, test.want)
		}
	}
}

func TestAssembliesOfFrameworkTypesAreReplaced(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{
			"System.Collections.Generic.HashSet`1[[System.String, System.Private.CoreLib]], System.Private.CoreLib",
			"System.Collections.Generic.HashSet`1[[System.String, mscorlib]], System.Core",
		},
		{
			"System.Collections.Generic.List`1[[Samples.Person, Samples]], System.Collections, Version=8.0.0.0",
			"System.Collections.Generic.List`1[[Samples.Person, Samples]], mscorlib",
		},
		{"System.Uri, System.Private.Uri", "System.Uri, System"},
		{"Systematic.Person, System", "Systematic.Person, System"},
		{"System.Int32[]", "System.Int32[], mscorlib"},
	} {
		name, err := ParseTypeName(test.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := name.Normal(); got.String() != test.want || got.Qualified {
			t.Errorf("%s becomes %s (qualified: %v), want %s", test.text, got, got.Qualified, test.want)
		}
	}
	name, err := ParseTypeName("System.Collections.Generic.List`1[[Samples.Person, Samples, Version=1.0]], mscorlib")
	if err != nil || !name.Normal().Qualified {
		t.Errorf("the version of an argument goes unseen: %v", err)
	}
}

func TestElementOfAnArray(t *testing.T) {
	name, _ := ParseTypeName("A.B[][,], C")
	element, ok := name.Element()
	if !ok || element.String() != "A.B[], C" {
		t.Errorf("got %v, %v", element, ok)
	}
	element, _ = element.Element()
	if _, ok := element.Element(); ok || element.String() != "A.B, C" {
		t.Errorf("%v has elements", element)
	}
}

func FuzzParseTypeName(f *testing.F) {
	f.Add("System.Collections.Generic.Dictionary`2[[System.Guid, System.Private.CoreLib],[A.B+C[][,], A, Version=1]], System.Private.CoreLib")
	f.Add("A`1[B,[C]]")
	f.Add("A[")
	for _, v := range valueVectors(f) {
		eachTypeName(Raw{Type: KindDocument, Data: v.Request.bytes(f)}, func(name string) { f.Add(name) })
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, err := ParseTypeName(text)
		if err != nil {
			return
		}
		printed := name.String()
		again, err := ParseTypeName(printed)
		if err != nil {
			t.Fatalf("%q is printed as %q: %v", text, printed, err)
		}
		if again.String() != printed {
			t.Errorf("%q is printed as %q, then as %q", text, printed, again)
		}
		normal := name.Normal()
		if twice := normal.Normal(); twice.String() != normal.String() {
			t.Errorf("%q: %q is not stable", text, normal)
		}
		_, _, _ = name.Display(), name.Short(), name.Framework()
	})
}

func eachTypeName(v Raw, use func(string)) {
	for it := v.Elements(); it.Next(); {
		if string(it.Name()) == "$type" {
			use(string(it.Value().Text()))
		}
		eachTypeName(it.Value(), use)
	}
}
