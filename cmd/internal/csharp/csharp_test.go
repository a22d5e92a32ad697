package csharp_test

import (
	"fmt"
	"go/constant"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halibut-go/halibut/cmd/internal/csharp"
	"github.com/halibut-go/halibut/cmd/internal/refusedtest"
)

func TestRefused(t *testing.T) {
	refusedtest.Run(t, "testdata/refused/*.cs", func(t *testing.T, name, source string) error {
		_, err := csharp.Parse(name, source, csharp.Options{})
		return err
	})
}

// TestAccepted prints what was understood of each file beside what is expected.
func TestAccepted(t *testing.T) {
	names, err := filepath.Glob("testdata/accepted/*.cs")
	if err != nil || len(names) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			source, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			file, err := csharp.Parse(name, string(source), csharp.Options{Defined: map[string]bool{"DEFINED": true}})
			if err != nil {
				t.Fatal(err)
			}
			got := dump(file)
			if *refusedtest.Update {
				if err := os.WriteFile(name+".txt", []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("declarations (-want +got):\n%s", diff)
			}
		})
	}
}

// dump prints a file's declarations, one a line.
func dump(file *csharp.File) string {
	var s strings.Builder
	for _, t := range file.Types {
		fmt.Fprintf(&s, "%d: %s %s%s", t.Pos.Line, t.Kind, words(t.Modifiers), t.FullName())
		if t.Record {
			s.WriteString(" record")
		}
		if t.Public() {
			s.WriteString(" visible")
		}
		for _, base := range t.Bases {
			fmt.Fprintf(&s, " : %s", base)
		}
		s.WriteString(attributes(t.Attributes))
		s.WriteString(documentation(t.Doc))
		for _, v := range t.Values {
			fmt.Fprintf(&s, "\tvalue %s = %s%s%s", v.Name, v.Value, attributes(v.Attributes), documentation(v.Doc))
		}
		for _, f := range t.Fields {
			fmt.Fprintf(&s, "\tfield %s%s %s = %s%s%s", words(f.Modifiers), nullable(f.Type), f.Name, f.Value, attributes(f.Attributes), documentation(f.Doc))
		}
		for _, p := range t.Properties {
			fmt.Fprintf(&s, "\tproperty %s%s %s computed=%t explicit=%t getter=%t%s%s",
				words(p.Modifiers), nullable(p.Type), p.Name, p.Computed, p.Explicit, p.Getter, attributes(p.Attributes), documentation(p.Doc))
		}
		for _, m := range t.Methods {
			fmt.Fprintf(&s, "\tmethod %s%s %s%s(", words(m.Modifiers), nullable(m.Result), m.Name, strings.Join(m.TypeParams, ","))
			for _, p := range m.Params {
				fmt.Fprintf(&s, " %s %s %s;", p.Modifier, nullable(p.Type), p.Name)
			}
			fmt.Fprintf(&s, " ) explicit=%t body=%t%s%s", m.Explicit, m.Body, attributes(m.Attributes), documentation(m.Doc))
		}
		for _, o := range t.Others {
			fmt.Fprintf(&s, "\t%s\n", o.What)
		}
	}
	return s.String()
}

func words(modifiers csharp.Modifiers) string {
	var all []string
	for word := range modifiers {
		all = append(all, word)
	}
	slices.Sort(all)
	return strings.Join(append(all, ""), " ")
}

// nullable marks types that were named where the nullable context is on.
func nullable(r *csharp.TypeRef) string {
	if r.Context {
		return r.String() + "!"
	}
	return r.String()
}

func attributes(all []*csharp.Attribute) string {
	var s strings.Builder
	for _, a := range all {
		fmt.Fprintf(&s, " [%s", a.Name)
		for _, arg := range a.Args {
			fmt.Fprintf(&s, " (%s)%s", arg, arg.TypeOf())
		}
		var named []string
		for name, value := range a.Named {
			named = append(named, fmt.Sprintf(" %s=(%s)", name, value))
		}
		slices.Sort(named)
		s.WriteString(strings.Join(named, "") + "]")
	}
	return s.String()
}

func documentation(doc string) string {
	if doc == "" {
		return "\n"
	}
	return fmt.Sprintf(" %q\n", doc)
}

func TestConstants(t *testing.T) {
	lookup := func(name string) constant.Value {
		if name == "Two" {
			return constant.MakeInt64(2)
		}
		return nil
	}
	for expression, want := range map[string]string{
		"1":                          "1",
		"0x1F_FF":                    "8191",
		"0b1010":                     "10",
		"007":                        "7",
		"000":                        "0",
		"18446744073709551615UL":     "18446744073709551615",
		"1L << 40":                   "1099511627776",
		"256 >> 4":                   "16",
		"1 | 4 & 6 ^ 1":              "5",
		"-(2 + 3) * 4 % 7":           "-6",
		"7 / 2 - 1":                  "2",
		"~0":                         "-1",
		"+3":                         "3",
		"(int)2 + unchecked((int)1)": "3",
		"'A' + 1":                    "66",
		"Colour.Two | Two":           "2",
		`"a\tb" + @"c""d"`:           "a\tbc\"d",
		"1 + x":                      "error: 1:47: the constant “1 + x” is beyond what halibutgen computes; write its value as a number",
		"1 / 0":                      "error",
		"1 << 64":                    "error",
		"1.5":                        "error",
		"1 + \"a\"":                  "error",
		"-\"a\"":                     "error",
		"1 2":                        "error",
		"$\"a\"":                     "error",
		"\"\"\"a\"\"\"":              "error",
		"(1":                         "error",
		"'":                          "parse",
	} {
		file, err := csharp.Parse("x.cs", "public class A { public const int X = 0 + "+expression+"; }", csharp.Options{})
		switch {
		case want == "parse":
			if err == nil {
				t.Errorf("%s: parsed", expression)
			}
			continue
		case err != nil:
			if !strings.HasPrefix(want, "error") {
				t.Errorf("%s: %v", expression, err)
			}
			continue
		}
		value, err := file.Types[0].Fields[0].Value[2:].Value(lookup)
		got := ""
		switch {
		case err != nil:
			if got = "error"; want != "error" {
				got += ": " + strings.TrimPrefix(err.Error(), "x.cs:")
			}
		case value.Kind() == constant.String:
			got = constant.StringVal(value)
		default:
			got = value.ExactString()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", expression, got, want)
		}
	}
	if _, err := (csharp.Expression)(nil).Value(lookup); err == nil {
		t.Error("an empty expression has a value")
	}
	if pos := (csharp.Expression)(nil).Pos(); pos.IsValid() {
		t.Error("an empty expression has a place")
	}
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*/*.cs", "../../../wire/testdata/*.cs"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range names {
			source, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(source))
		}
	}
	f.Fuzz(func(t *testing.T, source string) {
		file, err := csharp.Parse("fuzz.cs", source, csharp.Options{})
		if err != nil {
			return
		}
		for _, d := range file.Types {
			d.FullName()
			for _, v := range d.Values {
				_, _ = v.Value.Value(func(string) constant.Value { return nil })
			}
		}
	})
}
