package queue

// collector is one Next that waits. The queue's lock guards all but ready.
type collector struct {
	peer     Peer
	ready    chan struct{}       // one signal, after served is set
	pass     func(Delivery) bool // of NextDirect, nil of Next
	served   bool                // out of the list: it has a delivery, or there is no more
	delivery *delivery
	leaving  bool // its context has ended while pass runs
	closed   bool // the queue was closed

	previous, next *collector
}

// wake makes the Next return. The lock is not held.
func (w *collector) wake() {
	if w != nil {
		w.ready <- struct{}{}
	}
}

// collectorList holds the collectors in the order they began to wait.
type collectorList struct {
	first, last *collector
	length      int
}

func (l *collectorList) append(w *collector) {
	w.previous, w.next = l.last, nil
	if l.last == nil {
		l.first = w
	} else {
		l.last.next = w
	}
	l.last = w
	l.length++
}

func (l *collectorList) remove(w *collector) {
	if w.previous == nil {
		l.first = w.next
	} else {
		w.previous.next = w.next
	}
	if w.next == nil {
		l.last = w.previous
	} else {
		w.next.previous = w.previous
	}
	w.previous, w.next = nil, nil
	l.length--
}
