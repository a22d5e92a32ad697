package main

import (
	"math"
	"testing"
	"time"
)

func TestUnits(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{size(0), "0 B"},
		{size(1), "1 B"},
		{size(999), "999 B"},
		{size(1000), "1.0 KiB"},
		{size(4096), "4.0 KiB"},
		{size(100 << 10), "100 KiB"},
		{size(1 << 20), "1.0 MiB"},
		{size(64 << 20), "64.0 MiB"},
		{size(1023 << 20), "1.0 GiB"},
		{size(math.MaxInt64), "8.0 EiB"},
		{rate(64<<20, 500*time.Millisecond), "128 MiB/s"},
		{rate(0, time.Second), "0 B/s"},
		{rate(1, 0), "-"},
		{duration(0), "0 ns"},
		{duration(999), "999 ns"},
		{duration(1500), "1.5 µs"},
		{duration(92 * time.Microsecond), "92.0 µs"},
		{duration(999499), "999 µs"},
		{duration(999500), "1.0 ms"},
		{duration(142 * time.Millisecond), "142 ms"},
		{duration(1240 * time.Millisecond), "1.2 s"},
		{duration(59949 * time.Millisecond), "59.9 s"},
		{duration(59950 * time.Millisecond), "1m00s"},
		{duration(125 * time.Second), "2m05s"},
		{duration(-time.Second), "-1.0 s"},
		{count(0), "0"},
		{count(999), "999"},
		{count(1000), "1,000"},
		{count(1234567), "1,234,567"},
		{count(-1000), "-1,000"},
		{count(-100), "-100"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
