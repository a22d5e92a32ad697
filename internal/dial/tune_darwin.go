package dial

import (
	"os"
	"syscall"
	"time"
)

func limitUnanswered(fd uintptr, limit time.Duration) error {
	return os.NewSyscallError("setsockopt TCP_RXT_CONNDROPTIME",
		syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_RXT_CONNDROPTIME, int(limit.Seconds())))
}
