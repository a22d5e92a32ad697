// Pictures makes the pictures of a terminal that README.md shows, from real runs
// of the command:
//
//	go run ./docs/pictures
//
// It builds halibut, starts a service on this machine, runs each verb on a
// terminal of its own and draws what stands there. It needs Linux and port 10933.
package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/halibut-go/halibut/internal/pseudoterminal"
)

func main() {
	if err := run(context.Background(), "docs/pictures"); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1)
	}
}

// columns is how wide the terminals are.
const columns = 100

// studio is where the runs are made.
type studio struct {
	folder  string
	environ []string
}

func run(ctx context.Context, out string) error {
	if _, err := os.Stat(out); err != nil {
		return fmt.Errorf("run it in the repository's folder: %w", err)
	}
	folder, err := os.MkdirTemp("", "halibut-pictures-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	s := &studio{folder, append(os.Environ(), "PATH="+folder+":"+os.Getenv("PATH"), "TERM=xterm-256color", "NO_COLOR=", "HALIBUT_IDENTITY=me")}
	if text, err := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(folder, "halibut"), "./cmd/halibut").CombinedOutput(); err != nil {
		return fmt.Errorf("the command cannot be built: %s", text)
	}
	stop, err := s.prepare(ctx)
	if err != nil {
		return err
	}
	defer stop()
	doctor, err := s.shoot(ctx, "halibut doctor https://localhost:10933", "halibut doctor https://localhost:10933 --pin $(halibut cert fingerprint me)")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "doctor.svg"), draw(doctor[len(doctor)-1:]), 0o644); err != nil {
		return err
	}
	sending, err := s.shoot(ctx, "halibut send-file https://localhost:10933 site.img")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "send-file.svg"), draw(sending), 0o644)
}

// prepare makes two identities, a file to send, and a service that is stopped by
// the function it returns.
func (s *studio) prepare(ctx context.Context) (stop func(), err error) {
	for _, name := range []string{"agent", "me"} {
		if _, err := s.output(ctx, "cert", "new", name); err != nil {
			return nil, err
		}
	}
	pin, err := s.output(ctx, "cert", "fingerprint", "agent")
	if err != nil {
		return nil, err
	}
	own, err := s.output(ctx, "cert", "fingerprint", "me")
	if err != nil {
		return nil, err
	}
	s.environ = append(s.environ, "HALIBUT_PIN="+pin)
	if err := os.Mkdir(filepath.Join(s.folder, "drop"), 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(s.folder, "site.img"), nil, 0o600); err != nil {
		return nil, err
	}
	if err := os.Truncate(filepath.Join(s.folder, "site.img"), 512<<20); err != nil {
		return nil, err
	}
	service := s.command(ctx, "serve", "--identity", "agent", "--trust", own, "--folder", "drop")
	var complaint bytes.Buffer
	service.Stderr = &complaint
	stdout, err := service.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := service.Start(); err != nil {
		return nil, err
	}
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "thumbprint") {
			return func() {
				_ = service.Process.Kill()
				_ = service.Wait()
			}, nil
		}
	}
	err = service.Wait() // and all that it said is there
	return nil, fmt.Errorf("the service does not start: %w: %s", err, &complaint)
}

func (s *studio) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.folder, "halibut"), args...)
	cmd.Dir, cmd.Env = s.folder, s.environ
	return cmd
}

func (s *studio) output(ctx context.Context, args ...string) (string, error) {
	text, err := s.command(ctx, args...).Output()
	if err != nil {
		return "", fmt.Errorf("halibut %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(text)), nil
}

// frame is what stands on the screen from a moment on.
type frame struct {
	at     time.Duration
	screen *screen
}

// frameTime is how far two frames are apart at least.
const frameTime = 80 * time.Millisecond

// shoot runs command lines in a shell on a terminal, and returns what stood there
// at several moments, the end among them.
func (s *studio) shoot(ctx context.Context, commands ...string) (frames []frame, err error) {
	terminal, err := pseudoterminal.Open(columns, 40)
	if err != nil {
		return nil, err
	}
	defer terminal.Close()
	shown := &screen{}
	begun := time.Now()
	for _, command := range commands {
		shown.write("\x1b[2m$\x1b[0m \x1b[1m" + command + "\x1b[0m\r\n")
		frames = append(frames, frame{time.Since(begun), shown.copy()})
		cmd := exec.CommandContext(ctx, "sh", "-c", command)
		cmd.Dir, cmd.Env = s.folder, s.environ
		err := terminal.Run(cmd, func(text string) {
			shown.write(text)
			if now := time.Since(begun); now-frames[len(frames)-1].at >= frameTime {
				frames = append(frames, frame{now, shown.copy()})
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return append(frames, frame{time.Since(begun), shown}), nil
}
