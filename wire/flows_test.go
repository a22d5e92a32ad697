package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A recordedSide is all that one side of a recorded connection wrote.
type recordedSide struct {
	name     string // file and side
	dialler  bool
	data     []byte
	recorded [][]byte // read by read
}

// recordedSides returns the sides of all recorded connections.
func recordedSides(t testing.TB) []recordedSide {
	t.Helper()
	var all []recordedSide
	for _, dir := range []string{"flows", "tentacle"} {
		files, err := filepath.Glob("testdata/" + dir + "/*.json")
		if err != nil || len(files) == 0 {
			t.Fatalf("no recordings in %s: %v", dir, err)
		}
		for _, file := range files {
			all = append(all, sidesOf(t, file)...)
		}
	}
	return all
}

func sidesOf(t testing.TB, file string) []recordedSide {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var flow struct {
		Records []struct{ From, Hex string }
	}
	if err := json.Unmarshal(text, &flow); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	sides := map[string]*recordedSide{}
	for _, record := range flow.Records {
		data, err := hex.DecodeString(record.Hex)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if len(data) == 0 {
			continue
		}
		side := sides[record.From]
		if side == nil {
			side = &recordedSide{
				name:    strings.TrimSuffix(filepath.Base(file), ".json") + "/" + record.From,
				dialler: strings.HasPrefix(record.From, "dialler"),
			}
			sides[record.From] = side
		}
		side.data = append(side.data, data...)
		side.recorded = append(side.recorded, data)
	}
	var list []recordedSide
	for _, from := range slices.Sorted(maps.Keys(sides)) {
		list = append(list, *sides[from])
	}
	return list
}

// items counts what a side consists of.
type items struct{ lines, documents, frames, late int }

// readItems reads all that a side wrote, through the Reader alone. With sampled
// set its streams hold the sample.
func readItems(r *Reader, dialler, sampled bool) (n items, err error) {
	if dialler {
		kind, err := r.ReadPreamble()
		if err != nil || kind != PreambleHalibut {
			return n, errors.Join(err, errors.New("preamble: "+kind.String()))
		}
	}
	id, err := r.ReadIdentity()
	if err != nil {
		return n, err
	}
	if dialler == (id.Role == RoleServer) || id.Version != IdentityVersion {
		return n, errors.New("identity: " + id.String())
	}
	var streams *Streams
	for {
		if skipped, err := r.SkipLateFrame(streams); skipped {
			n.late++
			continue
		} else if err != nil && err != io.EOF {
			return n, err
		}
		if err := r.Wait(); err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, err
		}
		line, err := isLine(r)
		if err != nil {
			return n, err
		}
		if line {
			if _, err := r.ReadLine(); err != nil {
				return n, err
			}
			n.lines++
			continue
		}
		doc, err := r.ReadDocument()
		if err != nil {
			return n, err
		}
		n.documents++
		streams = NewStreams(Limits{})
		if err := readFrames(r, streams, Husks(doc), sampled); err != nil {
			return n, err
		}
		n.frames += streams.Len()
	}
}

func isLine(r *Reader) (bool, error) {
	for _, line := range []string{"", Next, Proceed, End} {
		if is, err := r.NextIs(line); is || err != nil && err != io.EOF {
			return is, err
		}
	}
	return false, nil
}

// readFrames reads the frames of a message and checks their content against
// what the recordings say that it is.
func readFrames(r *Reader, streams *Streams, husks []Husk, sampled bool) error {
	for _, h := range husks {
		if _, err := streams.Bind(h.ID, h.Length); err != nil {
			return err
		}
	}
	if err := r.ReadStreams(streams); err != nil {
		return err
	}
	for _, ds := range streams.All() {
		got, err := ds.Bytes(1 << 20)
		if err != nil {
			return err
		}
		if sampled && !bytes.Equal(got, sample(len(got))) {
			return errors.New("a stream that is not the sample")
		}
	}
	return streams.CloseAll()
}

// sample is what the streams of the recordings hold.
func sample(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte((i*7 + 3) % 251)
	}
	return b
}

func TestEveryRecordedSideIsReadItemByItem(t *testing.T) {
	// 4.4.8 loses streams that follow a message closely when it runs on
	// .NET 10, and closes in the middle of a message.
	cut := map[string]bool{"4.4.8-listening-streams/dialler": true}
	var sum items
	for _, side := range recordedSides(t) {
		t.Run(side.name, func(t *testing.T) {
			for name, source := range map[string]io.Reader{
				"whole":     bytes.NewReader(side.data),
				"by record": &recordReader{records: side.recorded},
				"by byte":   stepReader{bytes.NewReader(side.data), 1},
			} {
				r := NewReader(source, nil)
				n, err := readItems(r, side.dialler, !strings.HasPrefix(side.name, "tentacle"))
				if cut[side.name] {
					if !errors.Is(err, io.ErrUnexpectedEOF) {
						t.Errorf("%s: a side that was cut ends with %v", name, err)
					}
				} else if err != nil {
					t.Errorf("%s: after %+v: %v", name, n, err)
				}
				if name == "whole" {
					sum.lines += n.lines
					sum.documents += n.documents
					sum.frames += n.frames
					sum.late += n.late
				}
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	if sum.lines < 500 || sum.documents < 500 || sum.frames < 50 || sum.late < 2 {
		t.Errorf("too little was read: %+v", sum)
	}
	t.Logf("%+v", sum)
}

// recordReader yields one record a read.
type recordReader struct{ records [][]byte }

func (r *recordReader) Read(p []byte) (int, error) {
	if len(r.records) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.records[0])
	if r.records[0] = r.records[0][n:]; len(r.records[0]) == 0 {
		r.records = r.records[1:]
	}
	return n, nil
}
