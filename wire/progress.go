package wire

import "slices"

// Progress says how far a data stream has come.
type Progress struct {
	// Percent is 1 to 100. Each is reported once and in order; 100 is reported
	// when all is done.
	Percent int
	// Bytes of Size have gone through.
	Bytes, Size int64
}

// A Meter reports the progress of a stream whose bytes another program sends.
// It is for one goroutine.
type Meter struct{ meter progressMeter }

// Meter returns a Meter that reports to the function of WithProgress, if there
// is one.
func (d *DataStream) Meter() *Meter {
	return &Meter{progressMeter{report: d.report, size: d.Size()}}
}

// Advance reports what was reached with so many bytes, all but the last
// percent. Fewer bytes than before are no news.
func (m *Meter) Advance(bytes int64) { m.meter.advance(min(max(bytes, 0), m.meter.size)) }

// Finish reports the rest.
func (m *Meter) Finish() { m.meter.finish() }

// WithoutProgress returns the streams to send as they are but for their
// functions of WithProgress, for somebody who copies them first.
func (s *Streams) WithoutProgress() *Streams {
	if s == nil {
		return nil
	}
	silent := *s
	silent.list = slices.Clone(s.list)
	for i := range silent.list {
		silent.list[i].stream = silent.list[i].stream.WithProgress(nil)
	}
	return &silent
}

// A progressMeter turns byte counts into reports. Its zero value reports to
// nobody.
type progressMeter struct {
	report  func(Progress)
	percent int
	size    int64
}

// advance reports the percents that were reached up to copied bytes, other
// than the last one.
func (m *progressMeter) advance(copied int64) {
	if m.report == nil || m.size <= 0 {
		return
	}
	m.upTo(min(99, percentOf(copied, m.size)), copied)
}

// finish reports the rest, up to 100.
func (m *progressMeter) finish() {
	if m.report != nil {
		m.upTo(100, m.size)
	}
}

func (m *progressMeter) upTo(percent int, copied int64) {
	for m.percent < percent {
		m.percent++
		m.report(Progress{Percent: m.percent, Bytes: copied, Size: m.size})
	}
}

// percentOf is copied*100/size without the overflow.
func percentOf(copied, size int64) int {
	if size >= 1<<56 {
		return int(copied / (size / 100))
	}
	return int(copied * 100 / size)
}
