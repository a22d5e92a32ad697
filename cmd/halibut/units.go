package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// size writes a number of bytes: "812 B", "4.0 KiB", "64.0 MiB".
func size(bytes int64) string { return binaryUnits(float64(bytes)) }

// rate writes bytes per second: "412 MiB/s". It is "-" where no time has passed.
func rate(bytes int64, d time.Duration) string {
	if d <= 0 {
		return "-"
	}
	return binaryUnits(float64(bytes)/d.Seconds()) + "/s"
}

func binaryUnits(n float64) string {
	const units = "KMGTPE"
	if n < 999.5 {
		return fmt.Sprintf("%.0f B", n)
	}
	n /= 1024
	i := 0
	for n >= 999.5 && i < len(units)-1 {
		n /= 1024
		i++
	}
	return significant(n) + " " + units[i:i+1] + "iB"
}

// parseSize reads a number of bytes as size writes it: "1 GiB", "500MB", "812".
func parseSize(text string) (int64, error) {
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	unit := strings.ToUpper(strings.TrimSpace(text[len(digits):]))
	factor, base := 1.0, 1000.0
	if prefix, ok := strings.CutSuffix(unit, "IB"); ok {
		unit, base = prefix, 1024
	} else {
		unit = strings.TrimSuffix(unit, "B")
	}
	power := strings.Index(" KMGTPE", unit)
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || n < 0 || power < 0 || len(unit) > 1 {
		return 0, fmt.Errorf("%q is no size: expected for example 500MB or 1 GiB", text)
	}
	for range max(power, 0) {
		factor *= base
	}
	if n*factor >= 1<<63 {
		return 0, fmt.Errorf("%q is too much", text)
	}
	return int64(n * factor), nil
}

// duration writes a time with a unit that fits it: "92 µs", "3.1 ms", "1.24 s",
// "2m05s".
func duration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + duration(-d)
	case d < time.Microsecond:
		return fmt.Sprintf("%d ns", d.Nanoseconds())
	case d < 999500*time.Nanosecond:
		return significant(float64(d)/1e3) + " µs"
	case d < 999500*time.Microsecond:
		return significant(float64(d)/1e6) + " ms"
	case d < 59950*time.Millisecond:
		return significant(float64(d)/1e9) + " s"
	default:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	}
}

// significant writes a positive number with one decimal place below 100 and
// none above: more would differ from one run to the next.
func significant(n float64) string {
	if n < 99.95 {
		return fmt.Sprintf("%.1f", n)
	}
	return fmt.Sprintf("%.0f", n)
}

// count writes a number with its thousands apart: "16,300".
func count(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// milliseconds is a duration as JSON has it: a number with three decimals.
type milliseconds time.Duration

func (m milliseconds) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(time.Duration(m).Microseconds())/1000, 'f', -1, 64), nil
}
