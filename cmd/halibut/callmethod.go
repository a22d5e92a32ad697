package main

import (
	"errors"
	"fmt"
	"go/types"
	"strings"

	contracts "github.com/halibut-go/halibut/cmd/internal/contract"
)

// typedCall is a method of a contract with the arguments that a command line has
// for it.
type typedCall struct {
	method *contracts.Method
	args   []any
	result types.Type // nil: there is none
	loose  int        // how many arguments another type would fit better
}

// typedCall chooses the overload that the arguments fit, and makes them values of
// its parameters' types. Errors are the user's.
func (f *contractFile) typedCall(service, method string, texts []string, typed bool) (*typedCall, error) {
	methods, err := f.methods(service, method, len(texts))
	if err != nil {
		return nil, err
	}
	for i, text := range texts {
		if _, err := parseJSON(text); err != nil && !strings.HasPrefix(text, "@") {
			return nil, usagef("argument %d, %s, is not JSON that can be sent: %w", i+1, shortened(text), err)
		}
	}
	var (
		fitting []*typedCall
		first   error
	)
	for _, m := range methods {
		call := &typedCall{method: m, result: resultOf(m)}
		if err := f.fit(call, texts, typed); err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		fitting = append(fitting, call)
	}
	best, tied := (*typedCall)(nil), false
	for _, call := range fitting {
		switch {
		case best == nil || call.loose < best.loose:
			best, tied = call, false
		case call.loose == best.loose:
			tied = true
		}
	}
	switch {
	case best == nil && len(methods) > 1:
		return nil, usagef("the arguments fit none of %s: %w", f.signatures(methods), first)
	case best == nil:
		return nil, first
	case tied:
		return nil, usagef("the arguments fit several of %s: write 1 for a whole number and 1.0 for a double", f.signatures(methods))
	}
	return best, nil
}

// fit makes the arguments of one overload.
func (f *contractFile) fit(call *typedCall, texts []string, typed bool) error {
	for i, v := range paramsOf(call.method) {
		value, err := f.typedArgument(texts[i], v.Type(), typed)
		if err != nil {
			name := ""
			if v.Name() != "" {
				name = " (" + v.Name() + ")"
			}
			err = fmt.Errorf("argument %d%s, %s: %w", i+1, name, shortened(texts[i]), err)
			if isFile(err) {
				return err
			}
			return &usageError{err}
		}
		call.args = append(call.args, value)
		if !f.exact(texts[i], v.Type()) {
			call.loose++
		}
	}
	return nil
}

// exact reports whether a text is written as values of the type are, so that one
// overload can be told from another.
func (f *contractFile) exact(text string, t types.Type) bool {
	s := f.shapeOf(t)
	switch text = strings.TrimSpace(text); {
	case text == "" || text == "null":
		return true
	case s.kind == shapeNumber && strings.IndexByte("-0123456789", text[0]) >= 0:
		return strings.ContainsAny(text, ".eE") == (s.basic.Info()&types.IsFloat != 0)
	case text[0] == '"':
		return s.kind == shapeString
	default:
		return true
	}
}

// isFile reports whether a file for a data stream cannot be read, which is no
// mistake in what was written.
func isFile(err error) bool {
	var system interface{ Timeout() bool } // of *fs.PathError
	return errors.As(err, &system)
}
