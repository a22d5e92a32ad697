package dial

import "syscall"

// ackNow sets TCP_QUICKACK, which the system takes back by itself.
var ackNow = func(fd uintptr) {
	_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
}
