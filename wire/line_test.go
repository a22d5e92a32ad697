package wire

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestReadLine(t *testing.T) {
	long := strings.Repeat("x", DefaultLineLimit)
	for _, test := range []struct{ name, in, want, rest string }{
		{"a control line", "NEXT\r\nREQUEST", "NEXT", "REQUEST"},
		{"an empty line", "\r\nNEXT\r\n", "", "NEXT\r\n"},
		{"any line", "MX-SERVER 1.0 go/1\r\n\r\n", "MX-SERVER 1.0 go/1", "\r\n"},
		{"bytes beyond ASCII", "\xffé\r\n", "\xffé", ""},
		{"as long as allowed", long + "\r\n", long, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := readerOn(t, []byte(test.in), nil)
			got, err := r.ReadLine()
			if got != test.want || err != nil {
				t.Fatalf("%q, %v", got, err)
			}
			wantRest(t, r, test.rest)
		})
	}
}

func TestReadLineRefuses(t *testing.T) {
	for _, test := range []struct {
		name, in, want string
		limits         Limits
	}{
		{"a return in a line", "NE\rXT\r\n", `Unexpected byte after '\r' in control message: "X"`, Limits{}},
		{"two returns", "NEXT\r\r\n", `Unexpected byte after '\r' in control message: "\r"`, Limits{}},
		{"a return in a line without end", "\rNEXT", `Unexpected byte after '\r'`, Limits{}},
		{"a bare line feed", "NEXT\nPROCEED\r\n", `expected "\r\n" at the end of a line, found "NEXT\n"`, Limits{}},
		{"one byte too long", strings.Repeat("x", 101) + "\r\n", "length of a line in bytes (Limits.Line)", Limits{Line: 100}},
		{"without end", strings.Repeat("x", 50_000), "over the limit of 8192", Limits{}},
		{"without end, limit off", strings.Repeat("x", 50_000), "over the limit of 16382", Limits{Line: -1}},
		{"cut", "PROC", `the connection ended inside the line "PROC": unexpected EOF`, Limits{}},
		{"cut in its end", "NEXT\r", "unexpected EOF", Limits{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			line, err := readerOn(t, []byte(test.in), &ReaderOptions{Limits: test.limits}).ReadLine()
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%q, %v", line, err)
			}
			var protocol *ProtocolError
			var limit *LimitError
			if !errors.As(err, &protocol) && !errors.As(err, &limit) {
				t.Errorf("%T", err)
			}
			if len(err.Error()) > 300 {
				t.Errorf("an error of %d bytes repeats what the peer sent", len(err.Error()))
			}
		})
	}
	if _, err := readerOn(t, nil, nil).ReadLine(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

func TestReadLineGoesOnAfterADeadline(t *testing.T) {
	r := NewReader(&stutter{r: strings.NewReader("PROCEED\r\n")}, nil)
	defer r.Close()
	if line, err := again(r.ReadLine); line != Proceed || err != nil {
		t.Errorf("%q, %v", line, err)
	}
}

func TestControlLinesDoNotAllocate(t *testing.T) {
	for _, line := range []string{"", Next, Proceed, End} {
		stream := string(AppendLine(nil, line))
		source := strings.NewReader("")
		r := NewReader(source, nil)
		if n := testing.AllocsPerRun(100, func() {
			source.Reset(stream)
			if got, err := r.ReadLine(); got != line || err != nil {
				t.Fatal(got, err)
			}
		}); n != 0 {
			t.Errorf("%q allocates %v times", line, n)
		}
	}
}

func TestNextIs(t *testing.T) {
	for _, test := range []struct {
		in, line string
		want     bool
		err      error
	}{
		{"END\r\n", End, true, nil},
		{"END\r\nmore", End, true, nil},
		{"\r\n", "", true, nil},
		{"E", End, false, io.EOF},
		{"EX", End, false, nil}, // no byte beyond the one that differs
		{"END\rx", End, false, nil},
		{"", End, false, io.EOF},
	} {
		r := readerOn(t, []byte(test.in), nil)
		if got, err := r.NextIs(test.line); got != test.want || err != test.err {
			t.Errorf("%q is %q: %v, %v", test.in, test.line, got, err)
		}
		wantRest(t, r, test.in)
	}
}

func FuzzReadLine(f *testing.F) {
	for _, side := range recordedSides(f) {
		f.Add(side.data[:min(len(side.data), 200)], 1)
	}
	f.Add([]byte("NEXT\r\nPROCEED\r\n\r\nEND\r\n"), 3)
	f.Add([]byte("A\rB\nC\r\n"), 100)
	f.Fuzz(func(t *testing.T, stream []byte, step int) {
		r := NewReader(stepReader{strings.NewReader(string(stream)), step}, &ReaderOptions{Limits: Limits{Line: 64}})
		defer r.Close()
		consumed := 0
		for {
			line, err := r.ReadLine()
			if err != nil {
				if errors.Is(err, io.EOF) && consumed != len(stream) {
					t.Fatalf("the end is told after %d of %d bytes", consumed, len(stream))
				}
				return
			}
			if len(line) > 64 || string(stream[consumed:consumed+len(line)+2]) != line+"\r\n" || strings.ContainsAny(line, "\r\n") {
				t.Fatalf("%q is no line at %d", line, consumed)
			}
			consumed += len(line) + 2
		}
	})
}

func BenchmarkReadLine(b *testing.B) {
	source := strings.NewReader("")
	r := NewReader(source, nil)
	b.ReportAllocs()
	for b.Loop() {
		source.Reset("NEXT\r\n")
		if _, err := r.ReadLine(); err != nil {
			b.Fatal(err)
		}
	}
}
