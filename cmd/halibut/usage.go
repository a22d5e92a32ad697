package main

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// explainUsage has a command and its verbs say in our words what is wrong with
// flags and arguments.
func explainUsage(root *cobra.Command) {
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		var invalid *pflag.InvalidValueError
		if errors.As(err, &invalid) {
			f := invalid.GetFlag()
			return fmt.Errorf("--%s is %q: expected %s", f.Name, invalid.GetValue(), expectedValue(f))
		}
		return err
	})
	visitCommands(root, func(cmd *cobra.Command) {
		if check := cmd.Args; check != nil {
			cmd.Args = func(cmd *cobra.Command, args []string) error {
				if check(cmd, args) == nil {
					return nil
				}
				form := strings.TrimSuffix(cmd.UseLine(), " [flags]")
				return fmt.Errorf("expected '%s', found %s", form, counted(len(args), "argument"))
			}
		}
	})
}

// expectedValue says what a flag takes.
func expectedValue(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "int":
		return "a whole number"
	case "duration":
		return "a time such as 500ms, 5s or 2m"
	case "bool":
		return "true or false"
	default:
		return "a " + f.Value.Type()
	}
}

// version is what was built, and with what.
func version() string {
	text := "(unknown)"
	if info, ok := debug.ReadBuildInfo(); ok {
		text = info.Main.Version
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" && text == "(devel)" {
				text += " " + setting.Value
			}
		}
	}
	return fmt.Sprintf("%s, %s on %s/%s", text, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
