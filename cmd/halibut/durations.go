package main

import (
	"fmt"
	"slices"
	"time"
)

// durations are measured times.
type durations []time.Duration

// percentile is the time that p percent of all are not above. It is 0 for none.
func (d durations) percentile(p float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	rank := int(p/100*float64(len(sorted)) + 0.999999)
	return sorted[min(max(rank, 1), len(sorted))-1]
}

func (d durations) mean() time.Duration {
	if len(d) == 0 {
		return 0
	}
	var sum time.Duration
	for _, one := range d {
		sum += one
	}
	return sum / time.Duration(len(d))
}

// summary is for people.
func (d durations) summary() string {
	return fmt.Sprintf("min %s, median %s, 95 %% %s, 99 %% %s, max %s",
		duration(d.percentile(0)), duration(d.percentile(50)), duration(d.percentile(95)), duration(d.percentile(99)), duration(d.percentile(100)))
}

// durationsJSON is what a program is told of them.
type durationsJSON struct {
	Count  int          `json:"count"`
	Min    milliseconds `json:"minMs"`
	Mean   milliseconds `json:"meanMs"`
	Median milliseconds `json:"medianMs"`
	P95    milliseconds `json:"p95Ms"`
	P99    milliseconds `json:"p99Ms"`
	Max    milliseconds `json:"maxMs"`
}

func (d durations) json() durationsJSON {
	return durationsJSON{
		len(d), milliseconds(d.percentile(0)), milliseconds(d.mean()), milliseconds(d.percentile(50)),
		milliseconds(d.percentile(95)), milliseconds(d.percentile(99)), milliseconds(d.percentile(100)),
	}
}
