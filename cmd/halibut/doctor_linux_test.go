package main

import (
	"net"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// TestDoctorFiltered asks a port whose queue of connections is full: Linux then
// drops what comes, as a firewall does.
func TestDoctorFiltered(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(name.(*syscall.SockaddrInet4).Port))
	for i := 0; ; i++ {
		conn, err := net.DialTimeout("tcp", addr, 100*time.Millisecond)
		if err != nil {
			break // the queue is full
		}
		defer conn.Close()
		if i == 10 {
			t.Skip("this system's queue of connections does not fill up")
		}
	}
	d, status := consult(t, "https://"+addr, "--pin", pinOf("peer"), "--timeout=50ms")
	if d.Verdict != verdictFiltered || status != exitUnreachable {
		t.Errorf("verdict %s with status %d: %+v", d.Verdict, status, d.Steps)
	}
}
