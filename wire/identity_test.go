package wire

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestIdentityLines(t *testing.T) {
	for _, test := range []struct {
		line string
		want Identity
	}{
		{"MX-CLIENT 1.0", Identity{Role: RoleClient, Version: "1.0"}},
		{"MX-SERVER 1.0", Identity{Role: RoleServer, Version: "1.0"}},
		{"MX-SUBSCRIBER 1.0 poll://sq-tentapoll/", Identity{Role: RoleSubscriber, Version: "1.0", Subscription: "poll://sq-tentapoll/"}},
		{"MX-CLIENT 1.0 go/1 pipelining", Identity{Role: RoleClient, Version: "1.0", Words: []string{"go/1", "pipelining"}}},
		{"MX-SUBSCRIBER 1.0 poll://a/b go/1 instance=1f", Identity{Role: RoleSubscriber, Version: "1.0", Subscription: "poll://a/b", Words: []string{"go/1", "instance=1f"}}},
	} {
		got, err := ParseIdentity(test.line)
		if err != nil {
			t.Errorf("%s: %v", test.line, err)
			continue
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", test.line, diff)
		}
		if got.String() != test.line {
			t.Errorf("%s is printed as %s", test.line, got)
		}
		written, err := AppendIdentity([]byte("MX\r\n\r\n"), got)
		if want := "MX\r\n\r\n" + test.line + "\r\n\r\n"; string(written) != want || err != nil {
			t.Errorf("%q, %v", written, err)
		}
	}
}

func TestParseIdentityIsLenient(t *testing.T) {
	for line, want := range map[string]Identity{
		"MX-CLIENT":                         {Role: RoleClient},
		"MX-CLIENT  1.0":                    {Role: RoleClient, Words: []string{"1.0"}},
		"MX-SERVER 2.5 Upper go/1 bad_word": {Role: RoleServer, Version: "2.5", Words: []string{"go/1"}},
		"MX-SUBSCRIBER x POLL://SQ-Name":    {Role: RoleSubscriber, Version: "x", Subscription: "poll://sq-name/"},
	} {
		got, err := ParseIdentity(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
	}
}

func TestCapabilityWords(t *testing.T) {
	id, err := ParseIdentity("MX-CLIENT 1.0 go/1 instance=1f-2 ping")
	if err != nil {
		t.Fatal(err)
	}
	if !id.Has("ping") || id.Has("instance") || id.Has("pipelining") {
		t.Errorf("%v", id.Words)
	}
	if v, ok := id.Value("instance"); v != "1f-2" || !ok {
		t.Errorf("%q, %v", v, ok)
	}
	if v, ok := id.Value("ping"); ok {
		t.Errorf("%q", v)
	}
}

func TestReadIdentityRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"\r\n\r\n":                             "Unable to receive the remote identity; the identity line was empty.",
		"MX-CLIENT 1.0\r\nNEXT\r\n":            "Unable to receive the remote identity; the following line was not empty.",
		"MX-SUBSCRIBER 1.0\r\n\r\n":            "Unable to receive the remote identity; the client identified as a subscriber, but did not supply a subscription ID.",
		"MX-SUBSCRIBER 1.0 \r\n\r\n":           "did not supply a subscription ID.",
		"HELLO 1.0\r\n\r\n":                    "Unable to process remote identity; unknown identity type: 'HELLO'",
		"\x1b[31m\x00\r\n\r\n":                 `unknown identity type: '\x1b[31m\x00'`,
		strings.Repeat("A", 5000) + "\r\n\r\n": "unknown identity type: '" + strings.Repeat("A", quoteLimit) + "… (5000 bytes)'",
		"MX-SUBSCRIBER 1.0 name\r\n\r\n":       "the subscription ID is not a URI",
		"MX-CLIENT 1.0":                        "unexpected EOF",
		"MX-CLIENT 1.0\r\n\r":                  "unexpected EOF",
	} {
		id, err := readerOn(t, []byte(in), nil).ReadIdentity()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, %v", in, id, err)
		}
		var protocol *ProtocolError
		if !errors.As(err, &protocol) {
			t.Errorf("%.40q: %T", in, err)
		}
	}
	if _, err := readerOn(t, nil, nil).ReadIdentity(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	if _, err := ParseIdentity(""); err == nil {
		t.Error("an empty line is an identity")
	}
}

func TestAppendIdentityRefuses(t *testing.T) {
	for want, id := range map[string]Identity{
		"needs a role":                {},
		"Role(9)":                     {Role: 9},
		"no absolute URI":             {Role: RoleSubscriber},
		"has no subscription":         {Role: RoleClient, Subscription: "poll://x/"},
		"no version":                  {Role: RoleServer, Version: "1 0"},
		"no capability word":          {Role: RoleClient, Words: []string{"Go/1"}},
		`"" is no capability`:         {Role: RoleClient, Words: []string{""}},
		`"a\r\nEND" is no capability`: {Role: RoleClient, Words: []string{"a\r\nEND"}},
	} {
		if out, err := AppendIdentity(nil, id); err == nil || !strings.Contains(err.Error(), want) || len(out) != 0 {
			t.Errorf("%+v: %q, %v", id, out, err)
		}
	}
	if s := (Identity{}).String(); !strings.HasPrefix(s, "invalid identity") {
		t.Error(s)
	}
}

func TestNormalizeSubscription(t *testing.T) {
	for in, want := range map[string]string{
		"poll://SQ-TENTAPOLL":    "poll://sq-tentapoll/",
		"poll://sq-tentapoll/":   "poll://sq-tentapoll/",
		"POLL://Abc/Path?Q#F":    "poll://abc/Path?Q#F",
		"poll://Abc?Q":           "poll://abc/?Q",
		"poll://User@Host:10943": "poll://User@host:10943/",
		"a+b-c.1://X":            "a+b-c.1://x/",
	} {
		got, err := NormalizeSubscription(in)
		if got != want || err != nil {
			t.Errorf("%s: %q, %v", in, got, err)
		}
		if again, err := NormalizeSubscription(got); again != got || err != nil {
			t.Errorf("%s is not stable: %q, %v", got, again, err)
		}
	}
	for _, in := range []string{"", "name", "://x", "1a://x", "poll://", "poll:///x", "poll://user@", "poll://a b", "poll://a\r\nEND", "po ll://x"} {
		if got, err := NormalizeSubscription(in); err == nil {
			t.Errorf("%q is taken as %q", in, got)
		}
	}
}

func TestRoleSaysWhatItIs(t *testing.T) {
	if s := RoleClient.String() + " " + RoleSubscriber.String() + " " + RoleServer.String() + " " + Role(0).String(); s != "client subscriber server Role(0)" {
		t.Error(s)
	}
}

func FuzzParseIdentity(f *testing.F) {
	for _, side := range recordedSides(f) {
		for line := range strings.SplitSeq(string(side.data[:min(len(side.data), 100)]), "\r\n") {
			f.Add(line)
		}
	}
	f.Add("MX-SUBSCRIBER 1.0 poll://x/ go/1 instance=7")
	f.Add("MX-SUBSCRIBER  POLL://A@b?c")
	f.Fuzz(func(t *testing.T, line string) {
		id, err := ParseIdentity(line)
		if err != nil {
			return
		}
		out, err := AppendIdentity(nil, id)
		if err != nil {
			if !isVersion(id.Version) {
				return
			}
			t.Fatalf("%q is read as %+v, which cannot be written: %v", line, id, err)
		}
		r := NewReader(strings.NewReader(string(out)), &ReaderOptions{Limits: Limits{Line: -1}})
		defer r.Close()
		again, err := r.ReadIdentity()
		if len(out) > readerBuffer {
			return
		}
		if id.Version == "" {
			id.Version = IdentityVersion
		}
		if diff := cmp.Diff(id, again); err != nil || diff != "" {
			t.Fatalf("%q: %v %s", line, err, diff)
		}
	})
}
