package convert

import (
	"bytes"
	"fmt"
	"go/constant"

	"github.com/halibut-go/halibut/cmd/internal/csharp"
)

// constantsOf are the public constants of a static class.
func constantsOf(d *declaration) []*csharp.Field {
	var fields []*csharp.Field
	for _, part := range d.parts {
		for _, f := range part.Fields {
			if f.Modifiers["const"] && f.Modifiers["public"] {
				fields = append(fields, f)
			}
		}
	}
	return fields
}

// useConstants keeps a static class for its constants: numbers and texts that
// peers agree on. The rest of it is code.
func (c *converter) useConstants(d *declaration) {
	for _, f := range constantsOf(d) {
		if _, ok := constantValue(d, f, 0); !ok {
			c.note(f.Pos, "%s.%s is left out: its value is neither a whole number nor a text that halibutgen can compute", d.name(), f.Name)
			continue
		}
		c.declare(goTypeName(d)+exported(f.Name), f.Pos, d.name()+"."+f.Name)
	}
	c.constants = append(c.constants, d)
}

func constantValue(d *declaration, f *csharp.Field, depth int) (constant.Value, bool) {
	if depth > maxBases {
		return nil, false
	}
	value, err := f.Value.Value(func(name string) constant.Value {
		for _, part := range d.parts {
			for _, other := range part.Fields {
				if other.Name == name && other != f {
					value, _ := constantValue(d, other, depth+1)
					return value
				}
			}
		}
		return nil
	})
	return value, err == nil
}

func (c *converter) writeConstants(w *bytes.Buffer) {
	for _, d := range c.constants {
		fmt.Fprintf(w, "\n// The constants of %s.\nconst (\n", d.full)
		for _, f := range constantsOf(d) {
			value, ok := constantValue(d, f, 0)
			if !ok {
				continue
			}
			for _, line := range summary(f.Doc) {
				fmt.Fprintf(w, "\t// %s\n", line)
			}
			fmt.Fprintf(w, "\t%s = %s\n", goTypeName(d)+exported(f.Name), value.ExactString())
		}
		fmt.Fprintf(w, ")\n")
	}
}
