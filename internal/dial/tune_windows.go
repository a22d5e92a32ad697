package dial

import (
	"os"
	"syscall"
	"time"
)

// tcpMaxRT is TCP_MAXRT of ws2ipdef.h, which package syscall does not name.
const tcpMaxRT = 5

func limitUnanswered(fd uintptr, limit time.Duration) error {
	return os.NewSyscallError("setsockopt TCP_MAXRT",
		syscall.SetsockoptInt(syscall.Handle(fd), syscall.IPPROTO_TCP, tcpMaxRT, int(limit.Seconds())))
}
