//go:build !linux

package dial

var ackNow func(fd uintptr)
