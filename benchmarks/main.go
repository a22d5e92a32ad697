// Command benchmarks measures Halibut beside other ways of calling a procedure
// over the same connection: one process, one run, loopback, mutual TLS 1.3 with
// the same certificates for everybody.
//
//	go run -C benchmarks .
//
// from the repository's root. It is a module of its own, so that what it compares
// with is no dependency of the library; that is why it takes -C: the go command
// runs a package of another module only from within it.
//
// A run takes less than five minutes and prints tables; it writes them, the same
// as JSON, and a picture, into the directory results. Limits of what can be
// counted are checked, and the exit status is 1 beyond them; nothing that was
// timed is.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == childFlag {
		exit(runIdleChild())
		return
	}
	var o options
	flag.BoolVar(&o.short, "short", false, "a minute's version with few rounds, for a look and for the limits")
	flag.IntVar(&o.rounds, "rounds", 0, "how many rounds; 0 is 5, and 2 with -short")
	flag.StringVar(&o.only, "only", "", "only the parts whose key matches this regular `expression`; -list has the keys")
	flag.BoolVar(&o.list, "list", false, "list the keys")
	flag.StringVar(&o.results, "results", "", "write benchmarks.txt, .json and .svg into this `directory`; - is nowhere (results, and nowhere with -short or -only)")
	flag.StringVar(&o.document, "document", "", "put the tables between the two marks in this Markdown `file`")
	flag.Parse()
	exit(run(o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		os.Exit(1)
	}
}

type options struct {
	short   bool
	rounds  int
	only    string
	list    bool
	results string

	document string
}

func run(o options) error {
	only, err := regexp.Compile(o.only)
	if err != nil {
		return err
	}
	n, err := newNetwork()
	if err != nil {
		return err
	}
	begun := time.Now()
	s := &suite{network: n, short: o.short, rounds: o.rounds, report: &report{Machine: thisMachine(), Short: o.short}}
	if s.rounds == 0 {
		s.rounds = 5
		if o.short {
			s.rounds = 2
		}
	}
	s.report.Rounds = s.rounds
	for _, part := range s.parts() {
		switch {
		case o.list:
			fmt.Println(part.key)
		case only.MatchString(part.key):
			started := time.Now()
			if err := part.run(); err != nil {
				return fmt.Errorf("%s: %w", part.key, err)
			}
			fmt.Fprintf(os.Stderr, "%-16s %4.0f s\n", part.key, time.Since(started).Seconds())
		}
	}
	if o.list {
		return nil
	}
	s.report.Took = time.Since(begun).Seconds()
	if err := s.report.write(os.Stdout); err != nil {
		return err
	}
	if o.results == "" && !o.short && o.only == "" {
		o.results = "results"
	}
	if o.results != "" && o.results != "-" {
		err = s.report.save(o.results)
	}
	if o.document != "" {
		err = errors.Join(err, s.report.document(o.document))
	}
	return errors.Join(err, s.report.check())
}

// The marks between which a document has the tables.
const (
	tablesBegin = "<!-- tables -->\n"
	tablesEnd   = "<!-- end of tables -->\n"
)

// document puts the tables into a document in place of those that are there.
func (r *report) document(name string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(content), tablesBegin)
	_, after, ended := strings.Cut(rest, tablesEnd)
	if !ok || !ended {
		return fmt.Errorf("%s has no lines %q and %q", name, tablesBegin, tablesEnd)
	}
	var tables strings.Builder
	if err := r.write(&tables); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(before+tablesBegin+"\n"+tables.String()+"\n"+tablesEnd+after), 0o644)
}

// save writes the report in its three forms.
func (r *report) save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, write := range map[string]func(io.Writer) error{
		"benchmarks.txt": r.write,
		"benchmarks.svg": r.draw,
		"benchmarks.json": func(w io.Writer) error {
			e := json.NewEncoder(w)
			e.SetIndent("", "\t")
			return e.Encode(r)
		},
	} {
		var text strings.Builder
		if err := write(&text); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// check holds what was counted against its limits.
func (r *report) check() error {
	var errs []error
	for _, c := range r.Counts {
		if c.Peer != listening.name && c.Peer != polling(1).name {
			continue
		}
		for _, limit := range []struct {
			what        string
			found, most float64
		}{
			{"objects allocated", c.Allocs, most.Allocs},
			{"bytes allocated", c.Bytes, most.Bytes},
			{"write system calls", c.Writes, most.Writes},
		} {
			if limit.found > limit.most {
				errs = append(errs, fmt.Errorf("%s: %.2f %s a call, and the limit is %.2f", c.Peer, limit.found, limit.what, limit.most))
			}
		}
	}
	if r.Shared != nil && r.Shared.Commands > mostCommands {
		errs = append(errs, fmt.Errorf("a queue in Redis: %.2f commands a call, and the limit is %d", r.Shared.Commands, mostCommands))
	}
	return errors.Join(errs...)
}
