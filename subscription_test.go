package halibut

import (
	"strings"
	"testing"
)

func TestNormalSubscription(t *testing.T) {
	tests := map[string]string{
		"poll://sq-tentapoll/": "poll://sq-tentapoll/",
		"poll://SQ-TentaPoll":  "poll://sq-tentapoll/",
		"POLL://SQ-TentaPoll/": "poll://sq-tentapoll/",
		"poll://a_b.c-1":       "poll://a_b.c-1/",
		"poll://Name:080/":     "poll://name:80/",
	}
	for text, want := range tests {
		got, err := normalSubscription(text)
		if err != nil || got != want {
			t.Errorf("%q became %q, %v, want %q", text, got, err, want)
		}
		if again, err := normalSubscription(got); err != nil || again != got {
			t.Errorf("%q became %q, %v", got, again, err)
		}
	}
}

func TestNormalSubscriptionRefuses(t *testing.T) {
	tests := map[string]string{
		"":                                   "no scheme",
		"name":                               "no scheme",
		"*":                                  "no scheme",
		"poll:name":                          "no scheme",
		"https://name/":                      "expected poll://name",
		"queue://name/":                      "expected poll://name",
		"poll://":                            "empty",
		"poll:///name":                       "has a path",
		"poll://name/path":                   "has a path",
		"poll://name//":                      "has a path",
		"poll://name?q":                      "has a path",
		"poll://name/?":                      "has a path",
		"poll://name#f":                      "has a path",
		"poll://name:0":                      "1 to 65535",
		"poll://name:65536":                  "1 to 65535",
		"poll://secret@name":                 "user name",
		"poll://u:secret@name":               "user name",
		"poll://u:secret@na me":              "user name",
		"poll://.name":                       "'.'",
		"poll://a..b":                        "'.'",
		"poll://na me":                       "not a URL",
		"poll://na%20me":                     "not a URL",
		"poll://n\u00e4me":                   "holds",
		"poll://[::1]":                       "holds",
		"poll://na\nme":                      "not a URL",
		"poll://" + strings.Repeat("a", 256): "256 bytes long",
	}
	for text, want := range tests {
		got, err := normalSubscription(text)
		if err == nil {
			t.Errorf("%q became %q, want an error", text, got)
			continue
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %q, want it to hold %q", text, err, want)
		}
	}
}

func FuzzNormalSubscription(f *testing.F) {
	for _, text := range []string{"poll://sq-tentapoll/", "poll://A.B:80", "poll://a/b", "poll://[::1]", "x://y@z", "poll://u:p@h ost"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		normal, err := normalSubscription(text)
		if err != nil {
			return
		}
		if again, err := normalSubscription(normal); err != nil || again != normal {
			t.Errorf("%q became %q, then %q, %v", text, normal, again, err)
		}
		if other, err := normalSubscription(strings.ToUpper(normal)); err != nil || other != normal {
			t.Errorf("%q in upper case became %q, %v", normal, other, err)
		}
	})
}

func TestNormalSubscriptionAllocations(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { _, _ = normalSubscription("poll://sq-tentapoll/") }); n > 0 {
		t.Errorf("the normal form allocates %v times", n)
	}
}
