package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/contracts/tentacle"
)

// Names of the services to try calls with.
const (
	echoContract       = "IEchoService"
	calculatorContract = "ICalculatorService"
)

// newServices are what 'halibut serve' offers. files may be nil.
func newServices(files *dropFolder) *halibut.Services {
	s := &halibut.Services{}
	s.Handle(echoContract, "SayHello", func(_ context.Context, name string) (string, error) { return name + "...", nil })
	s.Handle(echoContract, "CountBytes", countBytes)
	s.Handle(echoContract, "MakeBytes", makeBytes)
	s.Handle(calculatorContract, "Add", func(_ context.Context, a, b int64) (int64, error) { return a + b, nil })
	s.Handle(calculatorContract, "Add", func(_ context.Context, a, b float64) (float64, error) { return a + b, nil })
	s.Handle(calculatorContract, "Subtract", func(_ context.Context, a, b int64) (int64, error) { return a - b, nil })
	s.Handle(calculatorContract, "Multiply", func(_ context.Context, a, b int64) (int64, error) { return a * b, nil })
	s.Handle(calculatorContract, "Divide", divide)
	if files != nil {
		tentacle.RegisterFileTransferService(s, files)
		halibut.Register[fileDrop](s, dropContract, files)
	}
	return s
}

func divide(_ context.Context, a, b int64) (int64, error) {
	if b == 0 {
		return 0, fmt.Errorf("cannot divide %d by zero", a)
	}
	return a / b, nil
}

// countBytes reads a stream as it arrives and keeps nothing of it.
func countBytes(ctx context.Context, content io.Reader) (int64, error) {
	return io.Copy(io.Discard, reader{ctx, content})
}

// makeBytes returns a stream of zeros, to measure with.
func makeBytes(_ context.Context, size int64) (*halibut.DataStream, error) {
	const most = 1 << 40
	if size < 0 || size > most {
		return nil, fmt.Errorf("%d bytes: expected 0 to %d", size, int64(most))
	}
	return zeros(size), nil
}

func zeros(size int64) *halibut.DataStream {
	return halibut.StreamFunc(size, func() (io.ReadCloser, error) {
		return io.NopCloser(io.LimitReader(zeroReader{}, size)), nil
	})
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// logCalls tells the log of each call that was answered.
func logCalls(log *slog.Logger) halibut.Interceptor {
	return func(ctx context.Context, call *halibut.CallInfo, next func(context.Context) error) error {
		begun := time.Now()
		err := next(ctx)
		attrs := []any{"method", call.Service + "." + call.Method, "peer", call.Peer, "took", time.Since(begun)}
		if err == nil {
			log.Info("call answered", attrs...)
			return nil
		}
		var e *halibut.Error
		if errors.As(err, &e) && e.Message != "" {
			attrs = append(attrs, "error", e.Message)
		} else {
			attrs = append(attrs, "error", err.Error())
		}
		log.Warn("call failed", attrs...)
		return err
	}
}
