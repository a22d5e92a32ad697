package main

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// beforeOthers gives this process's threads a real-time priority, so that what
// else runs on the machine does not stand in their way, and reports whether the
// system allows that. restore gives them back what they had.
func beforeOthers() (restore func(), ok bool) {
	usual, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return func() {}, false
	}
	usual.Size = unix.SizeofSchedAttr
	restore = func() { _ = schedule(*usual) } // what was allowed before is allowed again
	if schedule(unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1}) != nil {
		restore()
		return func() {}, false
	}
	return restore, true
}

// schedule sets how all threads of this process are scheduled. A thread is begun
// as the one that starts it: they are gone through until none is otherwise.
func schedule(attr unix.SchedAttr) error {
	for changed := true; changed; {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		changed = false
		for _, thread := range threads {
			id, err := strconv.Atoi(thread.Name())
			if err != nil {
				return err
			}
			is, err := unix.SchedGetAttr(id, 0)
			if err == nil && (is.Policy != attr.Policy || is.Priority != attr.Priority) {
				err, changed = unix.SchedSetAttr(id, &attr, 0), true
			}
			if err != nil && !errors.Is(err, unix.ESRCH) { // it has ended
				return err
			}
		}
	}
	return nil
}
