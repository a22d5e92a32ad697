package main

import (
	"errors"
	"fmt"
	"go/types"
	"reflect"

	"github.com/halibut-go/halibut"
)

// resultStream is where in a result its one data stream is: the names of the
// members that lead there, none where it is the result itself.
func (f *contractFile) resultStream(method string, t types.Type) (path []string, err error) {
	if t == nil {
		return nil, usagef("--output is for a data stream, and %s returns nothing", method)
	}
	paths := f.streamPaths(t, nil, 0)
	switch len(paths) {
	case 1:
		return paths[0], nil
	case 0:
		return nil, usagef("--output is for a data stream, and %s returns %s without one", method, f.typeText(t))
	default:
		return nil, usagef("--output is for one data stream, and the %s that %s returns has several", f.typeText(t), method)
	}
}

// streamPaths finds the data streams among the members of a class, and of the
// classes in it.
func (f *contractFile) streamPaths(t types.Type, before []string, depth int) (paths [][]string) {
	const deepest = 8 // classes refer to themselves
	s := f.shapeOf(t)
	switch {
	case s.kind == shapeStream:
		return [][]string{before}
	case s.kind != shapeClass || depth == deepest:
		return nil
	}
	for _, field := range f.fields(s.class) {
		if len(paths) > 1 {
			break
		}
		paths = append(paths, f.streamPaths(field.typ, append(before[:len(before):len(before)], field.name), depth+1)...)
	}
	return paths
}

// streamHolder makes a Go type that has nothing of a result but its data stream.
func streamHolder(path []string) reflect.Type {
	t := reflect.TypeFor[*halibut.DataStream]()
	for i := len(path) - 1; i >= 0; i-- {
		t = reflect.PointerTo(reflect.StructOf([]reflect.StructField{{
			Name: "Member", Type: t, Tag: reflect.StructTag(fmt.Sprintf("halibut:%q", path[i])),
		}}))
	}
	return t
}

// noStream says of a result that is no data stream what it means to the user.
func noStream(err error) error {
	var e *halibut.Error
	if errors.As(err, &e) && e.Code == halibut.CodeTypeNotAllowed && e.Outcome == halibut.Ran {
		return &statusError{exitRemote, fmt.Errorf("%s ran and returned no data stream, which --output is for: call it without, and see what it returns", e.Method)}
	}
	return err
}
