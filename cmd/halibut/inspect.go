package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/halibut-go/halibut/internal/bson"
)

func newInspectCommand() *cobra.Command {
	in := &inspect{}
	cmd := &cobra.Command{
		Use:   "inspect [FILE]",
		Short: "Show what was said on a connection, as readable text",
		Long: `Decodes FILE, or standard input, and shows each item with the byte at which it
begins: control lines, documents, data streams, and what is wrong where. It takes

  a recording of 'halibut relay', or of a test in the project's own format;
  what one side of a connection sent, from its beginning or from any message on;
  a BSON document alone;
  any of these as hexadecimal digits.

The exit status is 1 where something breaks the protocol.`,
		Example: "  halibut inspect session.jsonl\n  echo 4e4558540d0a | halibut inspect",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			from := cmd.InOrStdin()
			if len(args) > 0 {
				f, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer f.Close()
				from = f
			}
			in.out = newTerminal(cmd.OutOrStdout())
			return in.run(from)
		},
	}
	cmd.Flags().BoolVar(&in.redacted, "redact", false, "leave out all values, and show their kinds")
	cmd.Flags().BoolVar(&in.whole, "whole", false, "show whole documents, and not arguments and results alone")
	return cmd
}

// inspect is one run of the verb.
type inspect struct {
	redacted, whole bool
	out             *terminal
}

// largestInspected is what the verb reads at most.
const largestInspected = 1 << 30

func (in *inspect) run(from io.Reader) error {
	content, err := io.ReadAll(io.LimitReader(from, largestInspected+1))
	switch {
	case err != nil:
		return err
	case len(content) > largestInspected:
		return fmt.Errorf("that is more than %s", size(largestInspected))
	case len(content) == 0:
		return errors.New("there is nothing to show")
	}
	if decoded, ok := hexadecimal(content); ok {
		content = decoded
	}
	records, ok, err := readRecording(content)
	if err != nil {
		return err
	}
	if ok {
		return in.recording(records)
	}
	return in.bytes(content)
}

// hexadecimal reads text of nothing but digits and white space.
func hexadecimal(content []byte) ([]byte, bool) {
	digits := bytes.Map(func(c rune) rune {
		if unicode.IsSpace(c) {
			return -1
		}
		return c
	}, content)
	decoded, err := hex.DecodeString(string(digits))
	return decoded, err == nil
}

func (in *inspect) recording(records []record) error {
	items, err := recordedItems(records, in.redacted, in.whole)
	if err != nil {
		return err
	}
	wrong := 0
	for _, i := range items {
		if i.from == "" {
			in.out.printf("%s\n", in.out.paint(dim, "# "+i.title))
			continue
		}
		arrow := arrowOf(i.from)
		if number := connectionOf(i.from); number != "" {
			arrow = number + arrow
		}
		printItem(in.out, arrow, i.item)
		if i.wrong {
			wrong++
		}
	}
	return in.conclude(wrong)
}

// connectionOf is the number of a connection but the first.
func connectionOf(from string) string {
	for _, side := range []string{fromDialler, fromAcceptor} {
		if len(from) > len(side) && from[:len(side)] == side {
			return from[len(side):]
		}
	}
	return ""
}

// bytes shows what one side sent, or a document alone.
func (in *inspect) bytes(content []byte) error {
	if len(content) >= 5 && int64(binary.LittleEndian.Uint32(content)) == int64(len(content)) {
		if err := bson.Validate(content, 0); err != nil {
			return fmt.Errorf("this has the length of a BSON document, and is none: %w", err)
		}
		s := sideReader{redacted: in.redacted, whole: in.whole}
		printItem(in.out, "   ", s.describe(content))
		return in.out.err
	}
	wrong := 0
	newSideReader(bytes.NewReader(content), in.redacted, in.whole, func(i item) {
		printItem(in.out, "   ", i)
		if i.wrong {
			wrong++
		}
	}).read()
	return in.conclude(wrong)
}

func (in *inspect) conclude(wrong int) error {
	switch {
	case in.out.err != nil:
		return in.out.err
	case wrong > 0:
		return fmt.Errorf("found %s against the protocol", counted(wrong, "item"))
	default:
		return nil
	}
}
