package tentacle_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/contracts/tentacle"
	"github.com/halibut-go/halibut/halibuttest"
)

func TestFilesThereAndBack(t *testing.T) {
	for _, g := range generations() {
		for _, d := range halibuttest.Directions() {
			t.Run(g.name+"/"+d.String(), func(t *testing.T) {
				played, caller := connected(t, d, g, nil)
				client := tentacle.NewClient(caller, nil)
				folder := t.TempDir()
				content := bytes.Repeat([]byte("0123456789abcdef"), 200_000)
				source, back := filepath.Join(folder, "source"), filepath.Join(folder, "back")
				if err := os.WriteFile(source, content, 0o666); err != nil {
					t.Fatal(err)
				}
				var up, down percents
				result, err := client.UploadFile(t.Context(), source, `files\package.bin`, up.note)
				if err != nil || result.FullPath != "/tentacle/files/package.bin" || result.Length != int64(len(content)) || len(result.Hash) != 40 {
					t.Fatalf("%+v, %v", result, err)
				}
				if stored, ok := played.File("/tentacle/files/package.bin"); !ok || !bytes.Equal(stored, content) {
					t.Errorf("stored are %d bytes", len(stored))
				}
				if err := client.DownloadFile(t.Context(), "files/package.bin", back, down.note); err != nil {
					t.Fatal(err)
				}
				if fetched, err := os.ReadFile(back); err != nil || !bytes.Equal(fetched, content) {
					t.Errorf("fetched are %d bytes, %v", len(fetched), err)
				}
				if !up.all() || !down.all() {
					t.Errorf("progress: %v, %v", up, down)
				}
				noSuchFile(t, client, back)
			})
		}
	}
}

func noSuchFile(t *testing.T, client *tentacle.Client, back string) {
	t.Helper()
	_, err := client.Download(t.Context(), "missing.bin")
	if !errors.Is(err, fs.ErrNotExist) || err.Error() != "download missing.bin: file does not exist" {
		t.Errorf("the error is %v", err)
	}
	if err := client.DownloadFile(t.Context(), "missing.bin", back+"2", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(back + "2"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file was made: %v", err)
	}
	if _, err := client.UploadFile(t.Context(), back+"2", "x", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("uploading what is not there: %v", err)
	}
}

type percents []int

func (p *percents) note(progress halibut.Progress) { *p = append(*p, progress.Percent) }

func (p percents) all() bool { return len(p) == 100 && p[0] == 1 && p[99] == 100 }

// TestUploadIsRepeated loses the answer to the first upload.
func TestUploadIsRepeated(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, caller := connected(t, halibuttest.Listening, generations()[1], nil)
		caller.after = func(_, _ string, err error) error {
			if len(caller.made) == 1 {
				return lost()
			}
			return err
		}
		name := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(name, []byte("content"), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := tentacle.NewClient(caller, nil).UploadFile(t.Context(), name, "f", nil); err != nil || len(caller.made) != 2 {
			t.Errorf("%v, %v", caller.made, err)
		}
		caller.made = nil
		once := &tentacle.Options{Repeat: halibut.Repeat{Tries: 1, Window: -1}}
		if _, err := tentacle.NewClient(caller, once).UploadFile(t.Context(), name, "f", nil); halibut.CodeOf(err) != halibut.CodeTransfer || len(caller.made) != 1 {
			t.Errorf("%v, %v", caller.made, err)
		}
	})
}

// liar stores something else than it was sent.
type liar struct{ result *tentacle.UploadResult }

func (l liar) UploadFile(_ context.Context, _ string, upload *halibut.DataStream) (*tentacle.UploadResult, error) {
	_, err := upload.Bytes(-1)
	return l.result, err
}

func (liar) DownloadFile(context.Context, string) (*halibut.DataStream, error) { return nil, nil }

func TestUploadIsCompared(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, []byte("content"), 0o666); err != nil {
		t.Fatal(err)
	}
	const sum = "040f06fd774092478d450774f5ba30c5da78acc8"
	for _, test := range []struct {
		result *tentacle.UploadResult
		want   string
	}{
		{&tentacle.UploadResult{Length: 7, Hash: strings.ToUpper(sum)}, ""},
		{&tentacle.UploadResult{Length: 7}, ""},
		{&tentacle.UploadResult{Length: 6, Hash: sum}, "7 bytes were sent, and the Tentacle has 6"},
		{&tentacle.UploadResult{Length: 7, Hash: strings.Repeat("0", 40)}, "what was sent has the SHA-1 " + sum},
		{nil, "answered null"},
	} {
		var services halibut.Services
		tentacle.RegisterFileTransferService(&services, liar{test.result})
		pair := halibuttest.NewPair(t, halibuttest.Polling, &services, nil)
		_, err := tentacle.NewClient(pair.Client, nil).UploadFile(t.Context(), name, "f", nil)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: the error is %v", test.result, err)
		}
	}
}
