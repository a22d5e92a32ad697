package wire

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// TimeSpan is .NET's System.TimeSpan: a signed count of ticks of 100 ns. It
// reaches 29,247 years either way, where a time.Duration ends at 292. On the
// wire it is text: [-][d.]hh:mm:ss[.fffffff].
type TimeSpan int64

// The units of a TimeSpan, and the ends of its range.
const (
	Tick        TimeSpan = 1
	TimeSecond           = 10_000_000 * Tick
	TimeMinute           = 60 * TimeSecond
	TimeHour             = 60 * TimeMinute
	TimeDay              = 24 * TimeHour
	MaxTimeSpan TimeSpan = math.MaxInt64
	MinTimeSpan TimeSpan = math.MinInt64
)

// TimeSpanOf turns a duration into ticks; what is below 100 ns is dropped,
// towards zero.
func TimeSpanOf(d time.Duration) TimeSpan { return TimeSpan(d / 100) }

// Duration is the same length of time as a time.Duration; ok is false when it
// is longer than one can be, some 292 years either way.
func (t TimeSpan) Duration() (d time.Duration, ok bool) {
	if t > math.MaxInt64/100 || t < math.MinInt64/100 {
		return 0, false
	}
	return time.Duration(t) * 100, true
}

// String prints the TimeSpan as .NET does (its constant format, "c").
func (t TimeSpan) String() string { return string(t.appendText(make([]byte, 0, 26))) }

// MarshalText is String.
func (t TimeSpan) MarshalText() ([]byte, error) { return t.appendText(nil), nil }

// UnmarshalText is ParseTimeSpan.
func (t *TimeSpan) UnmarshalText(text []byte) error {
	parsed, err := ParseTimeSpan(string(text))
	if err == nil {
		*t = parsed
	}
	return err
}

// DotNetType names the .NET type.
func (TimeSpan) DotNetType() string { return "System.TimeSpan, mscorlib" }

func (t TimeSpan) appendText(dst []byte) []byte {
	ticks := uint64(t)
	if t < 0 {
		dst = append(dst, '-')
		ticks = -ticks // right for MinTimeSpan too: its magnitude is 2^63
	}
	if days := ticks / uint64(TimeDay); days > 0 {
		dst = fmt.Appendf(dst, "%d.", days)
	}
	hours, minutes, seconds := ticks/uint64(TimeHour)%24, ticks/uint64(TimeMinute)%60, ticks/uint64(TimeSecond)%60
	dst = append(dst,
		byte('0'+hours/10), byte('0'+hours%10), ':',
		byte('0'+minutes/10), byte('0'+minutes%10), ':',
		byte('0'+seconds/10), byte('0'+seconds%10))
	fraction := ticks % uint64(TimeSecond)
	if fraction == 0 {
		return dst
	}
	dst = append(dst, '.')
	for unit := uint64(TimeSecond) / 10; unit > 0; unit /= 10 {
		dst = append(dst, byte('0'+fraction/unit%10))
	}
	return dst
}

var errTimeSpan = errors.New("want [-][d.]hh:mm[:ss[.fffffff]]")

// ParseTimeSpan reads what .NET's TimeSpan.Parse reads in the invariant
// culture: [-][d.]hh:mm[:ss[.fffffff]] or d, days alone, with white space
// around it. Hours reach 23, minutes and seconds 59, and what is outside of
// TimeSpan's range is an error.
func ParseTimeSpan(text string) (TimeSpan, error) {
	t, err := parseTimeSpan(strings.TrimSpace(text))
	if err != nil {
		return 0, fmt.Errorf("%.40q is not a TimeSpan: %w", text, err)
	}
	return t, nil
}

func parseTimeSpan(text string) (TimeSpan, error) {
	rest, negative := strings.CutPrefix(text, "-")
	ticks, err := parseMagnitude(rest)
	switch {
	case err != nil:
		return 0, err
	case negative && ticks <= 1<<63:
		return TimeSpan(-ticks), nil
	case !negative && ticks < 1<<63:
		return TimeSpan(ticks), nil
	}
	return 0, errors.New("out of range")
}

func parseMagnitude(text string) (uint64, error) {
	days := uint64(0)
	first, rest, err := digits(text, 8)
	if err != nil {
		return 0, err
	}
	if rest == "" {
		return first * uint64(TimeDay), nil
	}
	if rest[0] == '.' {
		days = first
		if first, rest, err = digits(rest[1:], 2); err != nil {
			return 0, err
		}
	}
	hours := first
	if rest == "" || rest[0] != ':' {
		return 0, errTimeSpan
	}
	minutes, rest, err := digits(rest[1:], 2)
	if err != nil {
		return 0, err
	}
	seconds, fraction := uint64(0), uint64(0)
	if rest != "" {
		if rest[0] != ':' {
			return 0, errTimeSpan
		}
		if seconds, rest, err = digits(rest[1:], 2); err != nil {
			return 0, err
		}
	}
	if rest != "" {
		if fraction, err = fractionTicks(rest); err != nil {
			return 0, err
		}
	}
	if hours > 23 || minutes > 59 || seconds > 59 {
		return 0, errors.New("hours end at 23, minutes and seconds at 59")
	}
	return days*uint64(TimeDay) + hours*uint64(TimeHour) + minutes*uint64(TimeMinute) + seconds*uint64(TimeSecond) + fraction, nil
}

// digits reads a number of 1 to most digits. Eight digits of days stay far
// below what overflows 64 bits of ticks.
func digits(text string, most int) (n uint64, rest string, err error) {
	i := 0
	for ; i < len(text) && text[i] >= '0' && text[i] <= '9'; i++ {
		if i == most {
			return 0, "", errTimeSpan
		}
		n = n*10 + uint64(text[i]-'0')
	}
	if i == 0 {
		return 0, "", errTimeSpan
	}
	return n, text[i:], nil
}

// fractionTicks reads ".f" to ".fffffff".
func fractionTicks(text string) (uint64, error) {
	if text[0] != '.' {
		return 0, errTimeSpan
	}
	n, rest, err := digits(text[1:], 7)
	if err != nil || rest != "" {
		return 0, errTimeSpan
	}
	for i := len(text) - 1; i < 7; i++ {
		n *= 10
	}
	return n, nil
}
