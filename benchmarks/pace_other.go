//go:build !linux

package main

import (
	"errors"
	"sync"
	"time"
)

// pace ticks, as exactly as the runtime's timers do.
type pace struct {
	next   time.Time
	every  time.Duration
	closed chan struct{}
	once   sync.Once
}

func newPace(every time.Duration) (*pace, error) {
	return &pace{next: time.Now(), every: max(every, time.Microsecond), closed: make(chan struct{})}, nil
}

// wait returns how often it has ticked since the last wait.
func (p *pace) wait() (int, error) {
	p.next = p.next.Add(p.every)
	select {
	case <-time.After(time.Until(p.next)):
	case <-p.closed:
		return 0, errors.New("closed")
	}
	late := int(time.Since(p.next) / p.every)
	p.next = p.next.Add(time.Duration(late) * p.every)
	return late + 1, nil
}

func (p *pace) close() { p.once.Do(func() { close(p.closed) }) }
