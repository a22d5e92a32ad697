package halibut

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/halibut-go/halibut/wire"
)

// The contracts of the recordings (wire/testdata/contracts.cs), as far as their
// values have to have a type in Go.

type samplePerson struct {
	Name      *string
	Age       int32
	Born      *time.Time
	Home      *sampleAddress
	Tags      []string
	Scores    map[string]int32
	ID        uuid.UUID `halibut:"Id"`
	Photo     []byte
	Shift     wire.TimeSpan
	Favourite int32
	Salary    float64
	Boss      *samplePerson
}

type sampleAddress struct{ Street, City string }

type sampleUpload struct {
	Name    string
	Content *DataStream
}

type sampleBoth struct{ First, Second *DataStream }

func (samplePerson) DotNetType() string  { return "Samples.Contracts.Person, Samples.Contracts" }
func (sampleAddress) DotNetType() string { return "Samples.Contracts.Address, Samples.Contracts" }
func (sampleUpload) DotNetType() string  { return "Samples.Contracts.Upload, Samples.Contracts" }
func (sampleBoth) DotNetType() string    { return "Samples.Contracts.Both, Samples.Contracts" }

// sampleBytes are what the streams of the recordings hold.
func sampleBytes(n int64) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte((i*7 + 3) % 251)
	}
	return b
}

// sampleText is what the long texts of the recordings hold.
func sampleText(n int64) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(i*i%23)
	}
	return string(b)
}

// handleEcho registers IEchoService as the recorded service implements it.
func handleEcho(s *Services) {
	handle := func(method string, fn any) { s.Handle("IEchoService", method, fn) }
	handle("SayHello", func(_ context.Context, name string) (string, error) { return name + "...", nil })
	handle("Add", func(_ context.Context, a, b int64) (int64, error) { return a + b, nil })
	handle("Count", func(_ context.Context, stream *DataStream) (int64, error) { return countSample(stream) })
	handle("Get", func(_ context.Context, length int64) (*DataStream, error) {
		return StreamBytes(sampleBytes(length)), nil
	})
	handle("Upload", func(_ context.Context, upload sampleUpload) (string, error) {
		n, err := countSample(upload.Content)
		return fmt.Sprintf("%s:%d", upload.Name, n), err
	})
	handle("Two", func(_ context.Context, both sampleBoth) (sampleBoth, error) {
		_, first := countSample(both.First)
		_, second := countSample(both.Second)
		return sampleBoth{StreamBytes(sampleBytes(3)), StreamBytes(sampleBytes(5))}, errors.Join(first, second)
	})
	handle("StreamList", func(_ context.Context, streams wire.List[*DataStream]) (int32, error) {
		for _, stream := range streams {
			if _, err := countSample(stream); err != nil {
				return 0, err
			}
		}
		return int32(len(streams)), nil
	})
	handle("Fail", func(_ context.Context, message string) (string, error) { return "", errors.New(message) })
	handle("FailDeep", func(_ context.Context, message string) (string, error) {
		return "", fmt.Errorf("outer %s", message)
	})
	handle("Big", func(_ context.Context, length int64) (string, error) { return sampleText(length), nil })
}

// countSample counts the bytes of a stream, which have to be the sample's.
func countSample(stream *DataStream) (int64, error) {
	content, err := stream.Bytes(1 << 20)
	if err == nil && string(content) != string(sampleBytes(stream.Size())) {
		err = errors.New("the stream does not hold what was sent")
	}
	return int64(len(content)), err
}

// handleOverloads registers IOverloadService.
func handleOverloads(s *Services) {
	take := func(fn any) { s.Handle("IOverloadService", "Take", fn) }
	take(func(context.Context, int64) (string, error) { return "long", nil })
	take(func(context.Context, float64) (string, error) { return "double", nil })
	take(func(context.Context, string) (string, error) { return "string", nil })
	take(func(context.Context, *samplePerson) (string, error) { return "Person", nil })
	take(func(context.Context, int64, int64) (string, error) { return "long,long", nil })
	s.Handle("IOverloadService", "Pick", func(context.Context, string) (string, error) { return "string", nil })
	s.Handle("IOverloadService", "Pick", func(context.Context, *samplePerson) (string, error) { return "Person", nil })
}
