package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/contracts/tentacle"
)

func newTestFolder(t *testing.T, quota int64) (*dropFolder, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "drop")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	d, err := openDropFolder(dir, quota)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.close() })
	return d, dir
}

func content(text string) *halibut.DataStream { return halibut.StreamBytes([]byte(text)) }

func TestDropNames(t *testing.T) {
	for _, name := range []string{"a", "a.txt", "sub/a", `sub\a`, "CONSOLE", "COM", "COM10", "nul-and-more", "äöü", ".hidden", "a b"} {
		if _, err := dropName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{
		"", "/", "/etc/passwd", `\x`, "..", "../x", "a/../../x", `a\..\..\x`, ".", "a/.", `C:\x`, "c:x", "a:stream",
		"CON", "nul", "Aux.txt", "com1", "LPT9.log", "COM¹", "con .txt", "sub/PRN", "a.", "a ", "a?", "a*", "a|b", "a\x00b", "a\nb", "a\xffb",
		uploading + "x", strings.Repeat("x", 256), strings.Repeat("x/", 600),
	} {
		if got, err := dropName(name); err == nil {
			t.Errorf("%q is taken for %q", name, got)
		}
	}
}

func TestDropFolder(t *testing.T) {
	d, dir := newTestFolder(t, 20)
	stored, err := d.UploadFile(t.Context(), `sub\greeting.txt`, content("hello"))
	if err != nil {
		t.Fatal(err)
	}
	if want := (tentacle.UploadResult{FullPath: "sub/greeting.txt", Hash: "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d", Length: 5}); *stored != want {
		t.Errorf("stored %+v, want %+v", stored, want)
	}

	// No file is replaced.
	if _, err := d.UploadFile(t.Context(), "sub/greeting.txt", content("other")); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("a second file of the name: %v", err)
	}
	// Nor stored where there is no room, or nothing.
	if _, err := d.UploadFile(t.Context(), "large", content("sixteen bytes...")); err == nil || !strings.Contains(err.Error(), "15 of the folder's 20 are free") {
		t.Errorf("over the quota: %v", err)
	}
	if _, err := d.UploadFile(t.Context(), "sub", content("x")); err == nil {
		t.Error("a folder was replaced")
	}
	if _, err := d.UploadFile(t.Context(), "null", nil); err == nil {
		t.Error("no stream at all was stored")
	}
	// What failed takes no room.
	if _, err := d.UploadFile(t.Context(), "fits", content("fifteen bytes..")); err != nil {
		t.Error(err)
	}

	names, err := d.List(t.Context())
	if err != nil || strings.Join(names, " ") != "fits sub/greeting.txt" {
		t.Errorf("listed %q, %v", names, err)
	}
	if got, err := d.Describe(t.Context(), "sub/greeting.txt"); err != nil || got != (fileDescription{"sub/greeting.txt", 5, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"}) {
		t.Errorf("described %+v, %v", got, err)
	}
	if _, err := d.Describe(t.Context(), "missing"); err == nil || strings.Contains(err.Error(), dir) {
		t.Errorf("described a missing file: %v", err)
	}
	if got, err := d.DownloadFile(t.Context(), "missing"); got != nil || err != nil {
		t.Errorf("fetched a missing file: %v, %v", got, err)
	}
	fetched, err := d.DownloadFile(t.Context(), "sub/greeting.txt")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := fetched.Bytes(100); err != nil || string(b) != "hello" {
		t.Errorf("fetched %q, %v", b, err)
	}

	// A folder that is opened again counts what is there.
	again, err := openDropFolder(dir, 20)
	if err != nil {
		t.Fatal(err)
	}
	defer again.close()
	if again.used != 20 {
		t.Errorf("%d bytes are counted, want 20", again.used)
	}
}

// TestDropFolderLinks holds that a link out of the folder leads nowhere.
func TestDropFolderLinks(t *testing.T) {
	d, dir := newTestFolder(t, 1000)
	outside := filepath.Join(filepath.Dir(dir), "outside")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	if err := os.Symlink(filepath.Dir(dir), filepath.Join(dir, "folder")); err != nil {
		t.Skip(err)
	}
	for _, name := range []string{"link", "folder/outside"} {
		if got, err := d.DownloadFile(t.Context(), name); err == nil {
			t.Errorf("%s was fetched: %v", name, got)
		}
		if _, err := d.Describe(t.Context(), name); err == nil {
			t.Errorf("%s was described", name)
		}
	}
	if _, err := d.UploadFile(t.Context(), "folder/new", content("x")); err == nil {
		t.Error("a file was stored outside")
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(dir), "new")); err == nil {
		t.Error("a file stands outside")
	}
}

// TestDropFolderBroken leaves nothing of a stream that breaks off.
func TestDropFolderBroken(t *testing.T) {
	d, dir := newTestFolder(t, 1000)
	broken := halibut.StreamFunc(10, func() (io.ReadCloser, error) { return io.NopCloser(breakingReader{}), nil })
	if _, err := d.UploadFile(t.Context(), "x", broken); err == nil {
		t.Error("a broken stream was stored")
	}
	checkEmpty(t, dir)
	if d.used != 0 {
		t.Errorf("%d bytes are counted", d.used)
	}
}

type breakingReader struct{}

func (breakingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{"812": 812, "0": 0, "4 KiB": 4096, "500MB": 500_000_000, "1.5GiB": 3 << 29, "7k": 7000, "1 TiB": 1 << 40, "3b": 3} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "much", "-1", "1 XB", "KMB", "9 EiB", "1e400", "1 KMB"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%q is taken for %d", text, got)
		}
	}
}
