package queue

// callList holds calls in the order they were added, or that of their numbers.
type callList struct {
	first, last *call
	length      int
}

func (l *callList) append(c *call) { l.insertAfter(l.last, c) }

// insert puts c behind all calls of lower numbers. It looks from both ends,
// since a new call belongs to the end and a returned one near the head.
func (l *callList) insert(c *call) {
	if l.last == nil || l.last.number < c.number {
		l.append(c)
		return
	}
	at := l.first
	for at.number < c.number {
		at = at.next
	}
	l.insertAfter(at.previous, c)
}

// insertAfter puts c behind at, or first where at is nil.
func (l *callList) insertAfter(at, c *call) {
	c.previous = at
	if at == nil {
		c.next, l.first = l.first, c
	} else {
		c.next, at.next = at.next, c
	}
	if c.next == nil {
		l.last = c
	} else {
		c.next.previous = c
	}
	l.length++
}

func (l *callList) remove(c *call) {
	if c.previous == nil {
		l.first = c.next
	} else {
		c.previous.next = c.next
	}
	if c.next == nil {
		l.last = c.previous
	} else {
		c.next.previous = c.previous
	}
	c.previous, c.next = nil, nil
	l.length--
}
