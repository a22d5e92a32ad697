package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// report is all that a run has found.
type report struct {
	Machine     machine
	Short       bool
	Rounds      int
	Took        float64 // seconds
	Comparisons []comparisonReport
	HeldSizes   []int64
	Held        []heldRow
	Counts      []counted
	HalfLoad    []latencyRow
	Beside      []latencyRow
	BesideSize  int64
	Idle        []idleRow
	Shared      *sharedQueue
}

type comparisonReport struct {
	Key, Title, Unit string
	Bytes            int64 // moved by each stream; 0 for calls
	Results          []result
}

// write writes the tables, which are Markdown and can be read as they are.
func (r *report) write(w io.Writer) error {
	t := &tables{w: w}
	t.text("%s; %d rounds in %.0f s.\n", r.Machine, r.Rounds, r.Took)
	for _, c := range r.Comparisons {
		t.comparison(c)
	}
	t.held(r.Held, r.HeldSizes)
	t.counts(r.Counts)
	t.halfLoad(r.HalfLoad)
	t.beside(r.Beside, r.BesideSize)
	t.idle(r.Idle)
	t.sharedQueue(r.Shared)
	return t.err
}

// tables writes one table after the other, and keeps the first error.
type tables struct {
	w   io.Writer
	err error
}

func (t *tables) text(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

// table writes rows as wide as their widest cells. The first column is text.
func (t *tables) table(title string, rows [][]string) {
	if len(rows) < 2 {
		return
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	t.text("\n**%s**\n\n", title)
	for i, row := range rows {
		t.row(row, widths)
		if i == 0 {
			rule := make([]string, len(row))
			for j := range rule {
				rule[j] = strings.Repeat("-", widths[j])
				if j > 0 {
					rule[j] = rule[j][1:] + ":"
				}
			}
			t.row(rule, widths)
		}
	}
}

func (t *tables) row(cells []string, widths []int) {
	for i, cell := range cells {
		space := strings.Repeat(" ", widths[i]-len([]rune(cell)))
		if i == 0 {
			t.text("| %s%s ", cell, space)
		} else {
			t.text("| %s%s ", space, cell)
		}
	}
	t.text("|\n")
}

func (t *tables) comparison(c comparisonReport) {
	rows := [][]string{{"", "times " + c.Unit, "from – to", "a call", "CPU, times " + c.Unit, "CPU a call"}}
	if c.Bytes > 0 {
		rows[0] = []string{"", "share of " + c.Unit + "'s speed", "from – to", "MiB a second", "CPU, times " + c.Unit}
	}
	for _, r := range c.Results {
		ratio, seconds := spreadOf(r.Ratios), spreadOf(r.Seconds)
		cpu := "–"
		if len(r.OfCPU) > 0 {
			cpu = fmt.Sprintf("%.2f", spreadOf(r.OfCPU).Median)
		}
		row := []string{r.Peer, fmt.Sprintf("%.2f", ratio.Median), fmt.Sprintf("%.2f – %.2f", ratio.Low, ratio.High), duration(seconds.Median), cpu, duration(spreadOf(r.CPU).Median)}
		if c.Bytes > 0 {
			row = []string{
				r.Peer, fmt.Sprintf("%.0f %%", 100/ratio.Median), fmt.Sprintf("%.0f – %.0f %%", 100/ratio.High, 100/ratio.Low),
				fmt.Sprintf("%.0f", float64(c.Bytes)/(1<<20)/seconds.Median), cpu,
			}
		}
		rows = append(rows, row)
	}
	t.table(c.Title, rows)
}

func (t *tables) held(list []heldRow, sizes []int64) {
	rows := [][]string{{""}}
	for _, direction := range []string{"up", "down"} {
		for _, size := range sizes {
			rows[0] = append(rows[0], fmt.Sprintf("%d MiB %s", size>>20, direction))
		}
	}
	if len(sizes) > 0 {
		rows[0] = append(rows[0], fmt.Sprintf("allocated for %d MiB up", sizes[0]>>20), "down")
	}
	for _, r := range list {
		row := []string{r.Peer}
		for _, held := range slices.Concat(r.Up, r.Down) {
			row = append(row, fmt.Sprintf("%.2f", held/(1<<20)))
		}
		rows = append(rows, append(row, fmt.Sprintf("%.1f", r.AllocUp/(1<<20)), fmt.Sprintf("%.1f", r.AllocDown/(1<<20))))
	}
	t.table("MiB that both ends hold at most while a stream goes through", rows)
}

func (t *tables) counts(counts []counted) {
	rows := [][]string{{"", "objects allocated", "bytes allocated", "write system calls"}}
	for _, c := range counts {
		rows = append(rows, []string{c.Peer, fmt.Sprintf("%.1f", c.Allocs), fmt.Sprintf("%.0f", c.Bytes), fmt.Sprintf("%.2f", c.Writes)})
	}
	t.table("What one small call costs, both ends together", rows)
}

func (t *tables) halfLoad(list []latencyRow) {
	rows := [][]string{{"", "calls a second", "processors busy", "collections a second", "p50", "p99", "p99 / p50", "from – to", "at usual priority"}}
	for _, r := range list {
		busy, usual := "–", "–" // what is not measured on this system
		if r.Values[1] > 0 {
			busy = fmt.Sprintf("%.0f %%", 100*r.Values[1])
		}
		if r.Values[5] > 0 {
			usual = fmt.Sprintf("%.1f", r.Values[5])
		}
		rows = append(rows, []string{
			r.Peer, fmt.Sprintf("%.0f", r.Values[0]), busy, fmt.Sprintf("%.1f", r.Values[2]), duration(r.Values[3]), duration(r.Values[4]),
			fmt.Sprintf("%.1f", r.Ratio.Median), fmt.Sprintf("%.1f – %.1f", r.Ratio.Low, r.Ratio.High), usual,
		})
	}
	t.table("Latency of 16 callers who keep the processors half busy", rows)
}

func (t *tables) beside(list []latencyRow, size int64) {
	rows := [][]string{{"", "alone p50", "p99", "beside p50", "p99", "p99 beside / alone", "from – to", "upload MiB a second"}}
	for _, r := range list {
		rows = append(rows, []string{
			r.Peer, duration(r.Values[0]), duration(r.Values[1]), duration(r.Values[2]), duration(r.Values[3]),
			fmt.Sprintf("%.1f", r.Ratio.Median), fmt.Sprintf("%.1f – %.1f", r.Ratio.Low, r.Ratio.High),
			fmt.Sprintf("%.0f", r.Values[4]/(1<<20)),
		})
	}
	t.table(fmt.Sprintf("A short call every 2 ms beside an upload of %d MiB to the same service", size>>20), rows)
}

func (t *tables) idle(list []idleRow) {
	rows := [][]string{{"", "connections", "accepting KiB", "dialling KiB", "kernel KiB", "all there after", "CPU of one core, accepting"}}
	for _, r := range list {
		cpu := "–"
		if r.Watched > 0 {
			cpu = fmt.Sprintf("%.2f %%", 100*r.CPU)
		}
		connections := fmt.Sprint(r.Connections)
		if r.Connections < r.Asked {
			connections += fmt.Sprintf(" (descriptors do not allow %d)", r.Asked)
		}
		rows = append(rows, []string{
			r.Peer, connections, fmt.Sprintf("%.1f", r.Accepting/1024), fmt.Sprintf("%.1f", r.Dialling/1024),
			fmt.Sprintf("%.1f", r.Kernel/1024), duration(r.Connecting), cpu,
		})
	}
	t.table("Idle connections: resident memory of each", rows)
}

func duration(seconds float64) string {
	switch d := time.Duration(seconds * float64(time.Second)); {
	case d >= time.Second:
		return fmt.Sprintf("%.1f s", seconds)
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%.0f ms", seconds*1e3)
	case d >= time.Millisecond:
		return fmt.Sprintf("%.1f ms", seconds*1e3)
	default:
		return fmt.Sprintf("%.1f µs", seconds*1e6)
	}
}
