package main

import (
	"context"
	"errors"
	"fmt"
	"go/types"
	"io"
	"reflect"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/wire"
)

func newCallCommand() *cobra.Command {
	c := &callVerb{}
	cmd := &cobra.Command{
		Use:   "call ENDPOINT SERVICE.METHOD [ARGUMENT...]",
		Short: "Call a method and print its result as JSON",
		Long: `Calls a method and prints what it returns.

` + endpointHelp + `

Each ARGUMENT is a JSON value, so text stands in quotes: '"text"'. Whole numbers
are sent as long, others as double. What JSON has no kind for is written as

  {"$guid": "7e5f…"}       {"$date": "2006-01-02T15:04:05Z"}    {"$double": 1}
  {"$bytes": "base64"}     {"$type": "Namespace.Name, Assembly", "Member": …}
  {"$type": "System.Collections.Generic.List` + "`" + `1[[System.String, mscorlib]], mscorlib",
   "$values": [ … ]}

and results are printed in the same forms. @FILE is a data stream, inside of an
argument {"$stream": "FILE"}; the one that a method returns goes to -o FILE, with --contract from inside of a result too.

With --contract the types in a contract decide: C#, a file or a folder of them, or a
Go file. Then enums are written by name, GUIDs, dates and times as text, bytes in
base64 and data streams as "@FILE" wherever they stand; collections and classes get
the names that .NET wants, and results are printed in the same way. What does not fit
is told with its column, before anything is connected.`,
		Example: `  halibut call https://build-7:10933 IEchoService.SayHello '"Go"' -i me --pin 36E0...
  halibut call poll://build-7 ICalculatorService.Add 1 2 -i me --pin 36E0... --listen :10943
  halibut call https://build-7:10933 IUserService.Save '{"Name": "Ada", "Role": "Admin", "Photo": "@ada.png"}' --contract Users.cs`,
		Args: cobra.MinimumNArgs(2),
		RunE: c.run,
	}
	flags := cmd.Flags()
	c.peer.add(flags)
	c.addContract(flags)
	flags.StringVarP(&c.output, "output", "o", "", "write the data stream that is returned to `file`, or to standard output if it is -")
	flags.IntVarP(&c.repeat, "repeat", "n", 1, "call this `number` of times, one after another, and say how long it took")
	return cmd
}

// callVerb is one run of the verb.
type callVerb struct {
	peer            peerFlags
	contractName    string
	assembly        string
	output          string
	repeat          int
	service, method string
	args            []any
	contract        *contractFile // nil without --contract
	result          types.Type    // what the contract says of the result
	streamPath      []string      // where in it the stream for --output is
}

func (c *callVerb) addContract(flags *pflag.FlagSet) {
	flags.StringVar(&c.contractName, "contract", "", "let this C# or Go `file` say the types of arguments and result")
	flags.StringVar(&c.assembly, "assembly", "", "for a --contract in C#: the `name` of its types' assembly, where neither their project nor their namespace tells")
}

func (c *callVerb) run(cmd *cobra.Command, args []string) error {
	if err := c.understand(args); err != nil {
		return err
	}
	ctx, peer, err := c.peer.open(cmd, args[0])
	if err != nil {
		return err
	}
	defer peer.close()
	out := newTerminal(cmd.OutOrStdout())
	var took durations
	for range c.repeat {
		begun := time.Now()
		if err := c.once(ctx, peer, out); err != nil {
			return c.explain(cmd, peer.explain(ctx, err))
		}
		took = append(took, time.Since(begun))
	}
	if c.repeat > 1 {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s calls: %s\n", count(int64(len(took))), took.summary())
	}
	return nil
}

// understand finds what is wrong with the arguments before anything is opened.
func (c *callVerb) understand(args []string) (err error) {
	dot := strings.LastIndexByte(args[1], '.')
	if dot <= 0 || dot == len(args[1])-1 {
		return usagef("%q is no method: expected SERVICE.METHOD, such as IEchoService.SayHello", args[1])
	}
	c.service, c.method = args[1][:dot], args[1][dot+1:]
	switch {
	case c.repeat < 1:
		return usagef("--repeat is %d: expected 1 or more", c.repeat)
	case c.repeat > 1 && c.output != "":
		return usagef("--output is for one call, and --repeat asks for %d", c.repeat)
	}
	if c.contractName != "" {
		return c.byContract(args)
	}
	for i, text := range args[2:] {
		if name, ok := strings.CutPrefix(text, "@"); ok {
			stream, err := halibut.StreamFile(name)
			if err != nil {
				return fmt.Errorf("argument %d: %w", i+1, err)
			}
			c.args = append(c.args, stream)
			continue
		}
		value, err := parseArgument(text)
		switch {
		case err != nil && isFile(err):
			return fmt.Errorf("argument %d: %w", i+1, err)
		case err != nil:
			return usagef("argument %d, %s, is not JSON that can be sent: %w", i+1, shortened(text), err)
		}
		c.args = append(c.args, value)
	}
	return nil
}

// byContract makes the arguments what the contract says.
func (c *callVerb) byContract(args []string) (err error) {
	if c.contract, err = readContract(c.contractName, c.assembly); err != nil {
		return err
	}
	call, err := c.contract.typedCall(c.service, c.method, args[2:], strings.HasPrefix(args[0], "rpc:"))
	if err != nil {
		return err
	}
	c.method, c.args, c.result = call.method.Wire, call.args, call.result
	if c.output != "" {
		c.streamPath, err = c.contract.resultStream(c.service+"."+c.method, c.result)
	}
	return err
}

// shortened is a text for an error message.
func shortened(text string) string {
	const most = 60
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

func (c *callVerb) once(ctx context.Context, peer *connection, out *terminal) error {
	limited, cancel := withTimeout(ctx, c.peer.timeout)
	defer cancel()
	if c.output != "" {
		return c.fetch(limited, peer, out)
	}
	var result wire.Raw
	if err := peer.Call(limited, c.service, c.method, &result, c.args...); err != nil {
		return err
	}
	indent := "  "
	if c.repeat > 1 {
		indent = ""
	}
	if c.result != nil {
		out.printf("%s\n", c.contract.typedResult(result, c.result, indent))
	} else {
		out.printf("%s\n", formatResult(result, indent))
	}
	return out.err
}

// fetch keeps the data stream that the method returns.
func (c *callVerb) fetch(ctx context.Context, peer *connection, out *terminal) error {
	printed := &checkedWriter{w: out}
	if c.output == "-" {
		ctx = halibut.WithStreamTo(ctx, printed)
	} else {
		ctx = halibut.WithStreamToFile(ctx, c.output)
	}
	holder := reflect.New(streamHolder(c.streamPath))
	err := peer.Call(ctx, c.service, c.method, holder.Interface(), c.args...)
	switch {
	case errors.Is(err, halibut.ErrNoStream):
		return &statusError{exitRemote, errors.New("the method returned null and no data stream")}
	case printed.err != nil:
		return fmt.Errorf("the output cannot be written: %w", printed.err)
	}
	return notKept(c.output, err, noStream(err))
}

// checkedWriter remembers that a write has failed.
type checkedWriter struct {
	w   io.Writer
	err error
}

func (w *checkedWriter) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	w.err = err
	return n, err
}

// explain shows the remote side's details to who asks for them.
func (c *callVerb) explain(cmd *cobra.Command, err error) error {
	var e *halibut.Error
	if c.peer.verbose && errors.As(err, &e) && e.Details != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "The peer's details: %s\n", harmless(strings.TrimSpace(e.Details)))
	}
	return err
}
