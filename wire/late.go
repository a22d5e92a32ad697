package wire

// TakeLate takes out what frames may still come after the others, for
// [Reader.SkipLateFrame]: those that were only allowed, and those that come
// again. It is nil when there are none. From then on the Streams may be used by
// one goroutine and what was taken out by another.
func (s *Streams) TakeLate() *Streams {
	if s == nil || s.late == 0 {
		return nil
	}
	late := &Streams{limit: s.limit, allowed: s.allowed, late: s.late}
	for i := range s.list {
		if e := &s.list[i]; e.repeats > 0 {
			late.list = append(late.list, *e)
			e.repeats = 0
		}
	}
	s.allowed, s.late = nil, 0
	return late
}

// ForgetMissing drops the bound streams whose frames have not come, for a
// receiver that could only guess which husks are streams. Bound again, they
// are missing.
func (s *Streams) ForgetMissing() {
	kept := s.list[:0]
	for _, e := range s.list {
		if !e.stream.content.received || e.arrived {
			kept = append(kept, e)
		}
	}
	clear(s.list[len(kept):])
	s.list, s.index, s.indexed, s.pending = kept, nil, 0, 0
}
