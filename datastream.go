package halibut

import (
	"io"
	"reflect"

	"github.com/halibut-go/halibut/wire"
)

// DataStream is a stream of bytes of known length, as an argument, a result or
// anywhere inside of one. See [wire.DataStream] for its methods.
//
// A received stream belongs to its call: a service's argument is closed when
// the method has returned and its response is written, a caller's result when
// the caller closes it.
type DataStream = wire.DataStream

// Progress is what a stream's progress callback is told.
type Progress = wire.Progress

var readerType = reflect.TypeFor[io.Reader]()

// StreamOf makes a data stream of r, which has to end after size bytes: one
// that goes on is put into an io.LimitReader. It can be sent once; use
// [StreamFile] or [StreamFunc] for calls that may be repeated.
func StreamOf(r io.Reader, size int64) *DataStream { return wire.StreamOf(r, size) }

// StreamBytes makes a data stream of b, which must not be changed until the
// call has returned. It can be sent any number of times.
func StreamBytes(b []byte) *DataStream { return wire.StreamBytes(b) }

// StreamFile makes a data stream of a file, with the size that it has now. The
// file is opened when the stream is sent; it can be sent any number of times.
func StreamFile(name string) (*DataStream, error) { return wire.StreamFile(name) }

// StreamFunc makes a data stream of size bytes that open opens anew each time
// that the stream is sent.
func StreamFunc(size int64, open func() (io.ReadCloser, error)) *DataStream {
	return wire.StreamFunc(size, open)
}
