package main

import (
	"encoding/binary"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// pace ticks. It is a timer of the kernel that the runtime's poller waits for:
// the runtime's own timers are late by up to a millisecond.
type pace struct {
	file  *os.File
	once  sync.Once
	ticks [8]byte // of one wait; not a variable of it, which would be allocated each time
}

func newPace(every time.Duration) (*pace, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	tick := unix.NsecToTimespec(max(int64(every), 1000))
	if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: tick, Value: tick}, nil); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return &pace{file: os.NewFile(uintptr(fd), "timerfd")}, nil
}

// wait returns how often it has ticked since the last wait. One goroutine waits.
func (p *pace) wait() (int, error) {
	if _, err := p.file.Read(p.ticks[:]); err != nil {
		return 0, err
	}
	return int(binary.NativeEndian.Uint64(p.ticks[:])), nil
}

func (p *pace) close() { p.once.Do(func() { _ = p.file.Close() }) }
