package wire

import (
	"strings"
	"testing"
	"time"
)

func TestTimeSpanText(t *testing.T) {
	for _, test := range []struct {
		span TimeSpan
		text string
	}{
		{0, "00:00:00"},
		{Tick, "00:00:00.0000001"},
		{-Tick, "-00:00:00.0000001"},
		{-TimeSecond, "-00:00:01"},
		{TimeSecond / 2, "00:00:00.5000000"},
		{23*TimeHour + 59*TimeMinute + 59*TimeSecond, "23:59:59"},
		{TimeDay, "1.00:00:00"},
		{TimeDay + 2*TimeHour + 3*TimeMinute + 4*TimeSecond + 5_000_000, "1.02:03:04.5000000"},
		{-TimeDay, "-1.00:00:00"},
		{MaxTimeSpan, "10675199.02:48:05.4775807"},
		{MinTimeSpan, "-10675199.02:48:05.4775808"},
	} {
		if got := test.span.String(); got != test.text {
			t.Errorf("%d prints as %s, want %s", int64(test.span), got, test.text)
		}
		got, err := ParseTimeSpan(test.text)
		if err != nil || got != test.span {
			t.Errorf("%s reads as %d, %v", test.text, int64(got), err)
		}
		var text TimeSpan
		marshaled, _ := test.span.MarshalText()
		if err := text.UnmarshalText(marshaled); err != nil || text != test.span {
			t.Errorf("%s: %v, %v", marshaled, text, err)
		}
	}
}

func TestTimeSpanReadsWhatDotNetReads(t *testing.T) {
	for _, test := range []struct {
		text string
		want TimeSpan
	}{
		{"1", TimeDay}, {"-2", -2 * TimeDay}, {"1:2", TimeHour + 2*TimeMinute}, {"3.4:5", 3*TimeDay + 4*TimeHour + 5*TimeMinute},
		{"01:02:03.5", TimeHour + 2*TimeMinute + 3*TimeSecond + TimeSecond/2}, {" 00:00:01 ", TimeSecond},
		{"1.2:3:4.56", TimeDay + 2*TimeHour + 3*TimeMinute + 4*TimeSecond + 5_600_000},
	} {
		got, err := ParseTimeSpan(test.text)
		if err != nil || got != test.want {
			t.Errorf("%q reads as %v, %v; want %v", test.text, got, err, test.want)
		}
	}
}

func TestTextThatIsNoTimeSpan(t *testing.T) {
	for _, text := range []string{
		"", "-", "x", "1.", "1.2", "1:", ":1", "1:2:", "1:2:3.", "1:2:3.x", "1:2:3.12345678", "24:00:00", "00:60:00",
		"00:00:60", "--1", "+1", "1:2:3:4", "1:2x", "1:2:3x", "123456789", "1.123:00", "1:234", "00:00:123", "- 1",
		"10675199.02:48:05.4775808", "-10675199.02:48:05.4775809", "99999999", "1.02:03;04",
	} {
		if got, err := ParseTimeSpan(text); err == nil {
			t.Errorf("%q reads as %v", text, got)
		} else if !strings.Contains(err.Error(), "is not a TimeSpan") {
			t.Errorf("%q: %v", text, err)
		}
		var span TimeSpan = 7
		if span.UnmarshalText([]byte(text)) == nil || span != 7 {
			t.Errorf("%q changed the TimeSpan to %v", text, span)
		}
	}
}

func TestTimeSpanAndDuration(t *testing.T) {
	if d, ok := (90 * TimeMinute).Duration(); !ok || d != 90*time.Minute {
		t.Errorf("90 minutes are %v, %v", d, ok)
	}
	longest := TimeSpan(1<<63-1) / 100
	if d, ok := longest.Duration(); !ok || d <= 0 {
		t.Errorf("the longest is %v, %v", d, ok)
	}
	for _, span := range []TimeSpan{longest + 1, -longest - 1, MaxTimeSpan, MinTimeSpan} {
		if d, ok := span.Duration(); ok {
			t.Errorf("%v is %v", span, d)
		}
	}
	if got := TimeSpanOf(-time.Second - 199); got != -TimeSecond-1 {
		t.Errorf("got %v", got)
	}
}

func FuzzParseTimeSpan(f *testing.F) {
	for _, seed := range []string{"1.02:03:04.5000000", "-10675199.02:48:05.4775808", "1", "23:59", "00:00:00.1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		span, err := ParseTimeSpan(text)
		if err != nil {
			return
		}
		if again, err := ParseTimeSpan(span.String()); err != nil || again != span {
			t.Errorf("%q reads as %v, which reads as %v, %v", text, span, again, err)
		}
	})
}
