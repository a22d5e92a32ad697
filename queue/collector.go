package queue

// collector is one Next that waits, or one [Collector]. The lock of the queue
// in whose list it stands guards all but ready.
type collector struct {
	peer     Peer
	ready    chan struct{}         // of a Next: one signal, after served is set
	take     func(Delivery, error) // of a Collector, instead
	pass     func(Delivery) bool   // of a Collector, nil if it has none
	served   bool                  // out of the list: delivery is set, or nil if the queue was closed
	delivery *delivery

	previous, next *collector
}

// wake tells the one who waits. The lock is not held.
func (w *collector) wake() {
	switch {
	case w == nil:
	case w.take == nil:
		w.ready <- struct{}{}
	case w.delivery == nil:
		w.take(nil, ErrClosed)
	default:
		w.take(w.delivery, nil)
	}
}

// memoryCollector is a Collector of a Memory's queue.
type memoryCollector struct {
	queue *memoryQueue // the one that stood for its subscription last
	collector
}

// Collector implements Notifier.
func (q *memoryQueue) Collector(peer Peer, take func(Delivery, error), pass func(Delivery) bool) Collector {
	return &memoryCollector{queue: q, collector: collector{peer: peer, take: take, pass: pass, served: true}}
}

// Collect implements Collector.
func (w *memoryCollector) Collect() (Delivery, error) {
	q, err := w.queue.acquire()
	if err != nil {
		return nil, err
	}
	defer q.mu.Unlock()
	w.queue = q
	d := q.take(w.peer)
	switch {
	case d == nil:
		w.served, w.delivery = false, nil
		q.collectors.append(&w.collector)
	case w.pass != nil:
		w.delivery, d.call.passer = d, &w.collector
		d.passDirectly()
		d.call.tell()
	default:
		return d, nil
	}
	return nil, nil
}

// Withdraw implements Collector.
func (w *memoryCollector) Withdraw() bool {
	q := w.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.served {
		return false
	}
	q.collectors.remove(&w.collector)
	w.served = true
	return true
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
