package dial

import (
	"os"
	"syscall"
	"time"
)

// tcpUserTimeout is TCP_USER_TIMEOUT, which package syscall does not name. It
// has this value on all architectures.
const tcpUserTimeout = 18

func limitUnanswered(fd uintptr, limit time.Duration) error {
	return os.NewSyscallError("setsockopt TCP_USER_TIMEOUT",
		syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(limit.Milliseconds())))
}
