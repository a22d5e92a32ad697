package main

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// beforeOthers gives this process's threads a real-time priority, so that what
// else runs on the machine does not stand in their way, and reports whether the
// system allows that. restore takes it back.
func beforeOthers() (restore func(), ok bool) {
	if !schedule(unix.SchedAttr{Policy: unix.SCHED_RR, Priority: 1}) {
		return func() {}, false
	}
	return func() { schedule(unix.SchedAttr{Policy: unix.SCHED_NORMAL}) }, true
}

// schedule sets how all threads of this process are scheduled, and with them
// those that they start.
func schedule(attr unix.SchedAttr) (ok bool) {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return false
	}
	attr.Size = unix.SizeofSchedAttr
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err == nil && unix.SchedSetAttr(id, &attr, 0) == nil {
			ok = true
		}
	}
	return ok
}
