// Package pseudoterminal runs programs on a terminal, for tests and pictures.
package pseudoterminal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
	"unicode/utf8"
	"unsafe"
)

// Terminal is a pseudo-terminal: programs run on it and take it for a real one.
type Terminal struct {
	ours *os.File
	name string
}

// Open makes a terminal of that size.
func Open(columns, rows int) (*Terminal, error) {
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	t := &Terminal{ours: ours}
	var number, unlocked uint32
	size := [4]uint16{uint16(rows), uint16(columns)}
	err = errors.Join(
		t.control(syscall.TIOCSPTLCK, unsafe.Pointer(&unlocked)),
		t.control(syscall.TIOCGPTN, unsafe.Pointer(&number)),
		t.control(syscall.TIOCSWINSZ, unsafe.Pointer(&size)),
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("no terminal can be made: %w", err), ours.Close())
	}
	t.name = fmt.Sprintf("/dev/pts/%d", number)
	return t, nil
}

func (t *Terminal) control(request uintptr, argument unsafe.Pointer) error {
	if _, _, failed := syscall.Syscall(syscall.SYS_IOCTL, t.ours.Fd(), request, uintptr(argument)); failed != 0 {
		return failed
	}
	return nil
}

// Close ends the terminal.
func (t *Terminal) Close() error { return t.ours.Close() }

// Type types a text, which programs on the terminal read.
func (t *Terminal) Type(text string) error {
	_, err := t.ours.WriteString(text)
	return err
}

// TypeUnseen types what the program has asked not to be shown: it waits until the
// terminal shows nothing of what is typed.
func (t *Terminal) TypeUnseen(text string) error {
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for limit := time.Now().Add(10 * time.Second); ; <-look.C {
		var settings syscall.Termios
		if err := t.control(syscall.TCGETS, unsafe.Pointer(&settings)); err != nil {
			return err
		}
		if settings.Lflag&syscall.ECHO == 0 {
			return t.Type(text)
		}
		if time.Now().After(limit) {
			return errors.New("the program lets the terminal show what is typed")
		}
	}
}

// Run runs a command to its end, and hands on what it writes. That it fails is
// not an error: cmd.ProcessState tells.
func (t *Terminal) Run(cmd *exec.Cmd, show func(text string)) error {
	theirs, err := os.OpenFile(t.name, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
	ended := make(chan error, 1)
	if err := cmd.Start(); err != nil {
		return errors.Join(err, theirs.Close())
	}
	go func() {
		failed := cmd.Wait()
		_, _ = theirs.WriteString("\x00") // the last that is read
		ended <- errors.Join(exited(failed), theirs.Close())
	}()
	var rest []byte
	buffer := make([]byte, 4096)
	for {
		n, err := t.ours.Read(buffer)
		if err != nil && !errors.Is(err, io.EOF) {
			return errors.Join(err, <-ended)
		}
		rest = append(rest, buffer[:n]...)
		last := len(rest) > 0 && rest[len(rest)-1] == 0
		if last {
			rest = rest[:len(rest)-1]
		}
		whole := len(rest)
		for whole > 0 && whole > len(rest)-utf8.UTFMax && !utf8.Valid(rest[:whole]) {
			whole--
		}
		show(string(rest[:whole]))
		rest = rest[whole:]
		if last {
			return <-ended
		}
	}
}

func exited(err error) error {
	if status := new(exec.ExitError); errors.As(err, &status) {
		return nil
	}
	return err
}
