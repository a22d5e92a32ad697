package wire

// Late is the number of frames that may still come, and are read over by
// [Reader.SkipLateFrame]: those that were only allowed, and those that come
// again.
func (s *Streams) Late() int {
	if s == nil {
		return 0
	}
	return s.late
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
