package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"
)

// machine is where the numbers are from.
type machine struct {
	Processor string
	Cores     int
	System    string
	Go        string
	Date      string
}

func thisMachine() machine {
	m := machine{Processor: runtime.GOARCH, Cores: runtime.NumCPU(), System: runtime.GOOS, Go: runtime.Version(), Date: time.Now().UTC().Format(time.DateOnly)}
	if _, rest, ok := strings.Cut(readAll("/proc/cpuinfo"), "model name"); ok {
		name, _, _ := strings.Cut(rest, "\n")
		m.Processor = strings.TrimLeft(name, "\t: ")
	}
	if release := strings.TrimSpace(readAll("/proc/sys/kernel/osrelease")); release != "" {
		m.System += " " + release
	}
	return m
}

func (m machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s, %s, %s", m.Processor, m.Cores, m.System, m.Go, m.Date)
}
