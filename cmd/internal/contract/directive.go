package contract

import (
	"go/ast"
	"go/token"
	"regexp"
	"strings"
)

const prefix = "//halibut:"

// directive is one //halibut: line.
type directive struct {
	name     string
	argument string
	pos      token.Pos
}

var wireName = regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_]*$`)

// directives returns the directives of the comments that belong to one
// declaration, each checked against what may stand there.
func (r *reader) directives(place string, allowed map[string]bool, groups ...*ast.CommentGroup) map[string]directive {
	found := map[string]directive{}
	for _, group := range groups {
		if group == nil {
			continue
		}
		for _, comment := range group.List {
			rest, ok := strings.CutPrefix(comment.Text, prefix)
			if !ok {
				continue
			}
			name, argument, _ := strings.Cut(rest, " ")
			d := directive{name: name, argument: strings.TrimSpace(argument), pos: comment.Pos()}
			if r.checkDirective(d, place, allowed, found) {
				found[name] = d
			}
		}
	}
	return found
}

// checkDirective reports what is wrong with a directive. allowed holds the
// directives of the place, true where they take a name.
func (r *reader) checkDirective(d directive, place string, allowed map[string]bool, before map[string]directive) bool {
	takesName, known := allowed[d.name]
	_, repeated := before[d.name]
	switch {
	case !known:
		r.report(d.pos, "%s%s means nothing on %s; there %s", prefix, d.name, place, allowedText(allowed))
	case repeated:
		r.report(d.pos, "%s%s stands here twice; remove one", prefix, d.name)
	case takesName && !wireName.MatchString(d.argument):
		r.report(d.pos, "%s%s takes the name that peers use, as in %s%s %s; found %q",
			prefix, d.name, prefix, d.name, exampleName[d.name], d.argument)
	case !takesName && d.argument != "":
		r.report(d.pos, "%s%s takes nothing after it; remove %q", prefix, d.name, d.argument)
	default:
		return true
	}
	return false
}

var exampleName = map[string]string{"service": "IEchoService", "method": "SayHello"}

func allowedText(allowed map[string]bool) string {
	if allowed["service"] {
		return "may be service, dotnet"
	}
	return "may be method, idempotent"
}
