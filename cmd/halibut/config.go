package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"reflect"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// configure gives the flags that are not on the command line the values that
// the environment and the configuration file have for them.
func configure(cmd *cobra.Command) error {
	if err := refuseSecrets(cmd); err != nil {
		return err
	}
	if err := fromEnvironment(cmd); err != nil {
		return err
	}
	path, _ := cmd.Flags().GetString("config")
	if path == "" {
		return nil
	}
	file, err := readConfig(cmd.Root(), path)
	if err != nil {
		return err
	}
	// The verb's own table comes first, and the top of the file last.
	for tables := file.tables(cmd); len(tables) > 0; tables = tables[:len(tables)-1] {
		if err := fromTable(cmd, path, tables[len(tables)-1]); err != nil {
			return err
		}
	}
	return nil
}

// refuseSecrets finds passwords on the command line, which every user of the
// machine can read.
func refuseSecrets(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		u, unreadable := url.Parse(f.Value.String())
		if unreadable != nil || u.User == nil {
			return
		}
		if _, has := u.User.Password(); has {
			err = usagef("--%s has a password, and every user of this machine can read a command line: set %s, or write it into the file of --config", f.Name, environmentName(f.Name))
		}
	})
	return err
}

const environmentPrefix = "HALIBUT_"

func environmentName(flag string) string {
	return environmentPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func fromEnvironment(cmd *cobra.Command) (err error) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := environmentName(f.Name)
		text, ok := os.LookupEnv(name)
		if err != nil || f.Changed || !configurable(f) || !ok || text == "" {
			return
		}
		values := []string{text}
		if _, list := f.Value.(pflag.SliceValue); list {
			values = strings.Split(text, ",")
		}
		if failed := setFlag(cmd, f, values); failed != nil {
			err = usagef("%s: %w", name, failed)
		}
	})
	return err
}

// configurable leaves out what is for the command line alone. --config itself
// can come from the environment, but not from the file.
func configurable(f *pflag.Flag) bool { return f.Name != "help" && f.Name != "version" }

func setFlag(cmd *cobra.Command, f *pflag.Flag, values []string) error {
	for _, value := range values {
		if err := cmd.Flags().Set(f.Name, strings.TrimSpace(value)); err != nil {
			if cause := errors.Unwrap(err); cause != nil {
				err = cause
			}
			return fmt.Errorf("%s: %w", f.Value.Type(), err)
		}
	}
	return nil
}

// configFile is the configuration file, in a struct made from the commands: a
// field for each flag and a struct for each verb. So unknown keys and values
// of a wrong kind are found by the TOML library, with the line where they stand.
type configFile struct{ root reflect.Value }

func readConfig(root *cobra.Command, path string) (*configFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &usageError{fmt.Errorf("the configuration cannot be read: %w", err)}
	}
	defer f.Close()
	config := &configFile{reflect.New(tableType(root))}
	decoder := toml.NewDecoder(f).DisallowUnknownFields()
	if err := decoder.Decode(config.root.Interface()); err != nil {
		return nil, tomlError(path, err)
	}
	return config, nil
}

// tomlError says at which line what is wrong.
func tomlError(path string, err error) error {
	var (
		missing *toml.StrictMissingError
		decode  *toml.DecodeError
		system  *fs.PathError
	)
	switch {
	case errors.As(err, &missing) && len(missing.Errors) > 0:
		first := missing.Errors[0]
		line, _ := first.Position()
		return usagef("%s line %d: unknown key %q", path, line, strings.Join(first.Key(), "."))
	case errors.As(err, &decode):
		line, column := decode.Position()
		return usagef("%s line %d column %d: %s", path, line, column, strings.TrimPrefix(decode.Error(), "toml: "))
	case errors.As(err, &system):
		return usagef("the configuration cannot be read: %w", err)
	default:
		return usagef("%s: %w", path, err)
	}
}

// tableType is the struct of a command: its flags and its verbs. The root has
// the flags of all verbs.
func tableType(cmd *cobra.Command) reflect.Type {
	var fields []reflect.StructField
	seen := map[string]bool{"config": true}
	add := func(name string, t reflect.Type) {
		if !seen[name] {
			seen[name] = true
			fields = append(fields, reflect.StructField{
				Name: "F" + strconv.Itoa(len(fields)), Type: t,
				Tag: reflect.StructTag(fmt.Sprintf("toml:%q", name)),
			})
		}
	}
	for _, verb := range cmd.Commands() {
		if !verb.Hidden {
			add(verb.Name(), reflect.PointerTo(tableType(verb)))
		}
	}
	addFlags := func(of *cobra.Command) {
		of.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if configurable(f) {
				add(f.Name, valueType(f))
			}
		})
	}
	addFlags(cmd)
	if !cmd.HasParent() {
		visitCommands(cmd, addFlags)
	}
	return reflect.StructOf(fields)
}

func visitCommands(cmd *cobra.Command, visit func(*cobra.Command)) {
	for _, verb := range cmd.Commands() {
		visit(verb)
		visitCommands(verb, visit)
	}
}

// valueType is what a flag is in the file: a pointer or a slice, nil where the
// file does not have it.
func valueType(f *pflag.Flag) reflect.Type {
	if _, list := f.Value.(pflag.SliceValue); list {
		return reflect.TypeFor[[]string]()
	}
	switch f.Value.Type() {
	case "bool":
		return reflect.TypeFor[*bool]()
	case "int", "int64", "uint", "count":
		return reflect.TypeFor[*int64]()
	default:
		return reflect.TypeFor[*string]()
	}
}

// tables are those that hold for a verb, from the top of the file inwards.
func (c *configFile) tables(cmd *cobra.Command) []reflect.Value {
	table := c.root.Elem()
	tables := []reflect.Value{table}
	for _, name := range strings.Fields(cmd.CommandPath())[1:] {
		field, ok := fieldOf(table, name)
		if !ok || field.IsNil() {
			break
		}
		table = field.Elem()
		tables = append(tables, table)
	}
	return tables
}

func fieldOf(table reflect.Value, name string) (reflect.Value, bool) {
	for i := range table.NumField() {
		if table.Type().Field(i).Tag.Get("toml") == name {
			return table.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func fromTable(cmd *cobra.Command, path string, table reflect.Value) (err error) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		field, ok := fieldOf(table, f.Name)
		if err != nil || f.Changed || !ok || field.IsNil() {
			return
		}
		var values []string
		if field.Kind() == reflect.Slice {
			values = field.Interface().([]string)
		} else {
			values = []string{fmt.Sprint(field.Elem().Interface())}
		}
		if failed := setFlag(cmd, f, values); failed != nil {
			err = usagef("%s: %s: %w", path, f.Name, failed)
		}
	})
	return err
}
