package redisqueue

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// command is one line of what redis-cli monitor writes.
type command struct {
	client string
	args   []string
}

func (c command) name() string { return strings.ToUpper(c.args[0]) }

var (
	monitorLine  = regexp.MustCompile(`^\d+\.\d+ \[\d+ ([^\]]+)\] (.*)$`)
	monitorValue = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
)

func parseCommand(line string) (command, bool) {
	parts := monitorLine.FindStringSubmatch(line)
	if parts == nil {
		return command{}, false
	}
	c := command{client: parts[1]}
	for _, quoted := range monitorValue.FindAllString(parts[2], -1) {
		value, err := strconv.Unquote(quoted)
		if err != nil {
			return command{}, false
		}
		c.args = append(c.args, value)
	}
	return c, len(c.args) > 0
}

// recorded reads a recording of what a real Redis saw of .NET nodes.
func recorded(t *testing.T, name string) []command {
	t.Helper()
	text, err := os.ReadFile("../wire/testdata/redis/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var commands []command
	for line := range strings.Lines(string(text)) {
		if c, ok := parseCommand(strings.TrimRight(line, "\r\n")); ok {
			commands = append(commands, c)
		} else if strings.TrimSpace(line) != "OK" {
			t.Fatalf("%s: a line that is no command: %.100s", name, line)
		}
	}
	return commands
}

// monitor watches what a server is sent. The commands that scripts run are of
// client "lua".
type monitor struct {
	conn  net.Conn
	lines *bufio.Reader
}

func (s *server) monitor(t *testing.T) *monitor {
	t.Helper()
	conn, err := net.Dial("unix", s.socket())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := fmt.Fprint(conn, "MONITOR\r\n"); err != nil {
		t.Fatal(err)
	}
	m := &monitor{conn: conn, lines: bufio.NewReader(conn)}
	if line, err := m.lines.ReadString('\n'); err != nil || line != "+OK\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	return m
}

// until returns the commands up to the one that says mark.
func (m *monitor) until(t *testing.T, mark string) []command {
	t.Helper()
	var commands []command
	for {
		line, err := m.lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		c, ok := parseCommand(strings.TrimRight(strings.TrimPrefix(line, "+"), "\r\n"))
		if !ok {
			t.Fatalf("no command: %q", line)
		}
		if c.name() == "ECHO" && c.args[1] == mark {
			return commands
		}
		commands = append(commands, c)
	}
}
