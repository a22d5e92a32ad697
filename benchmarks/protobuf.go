package main

import (
	"context"
	"errors"
	"io"

	pb "github.com/halibut-go/halibut/benchmarks/echopb"
)

// protoClient is what the clients have in common that protoc made.
type protoClient interface {
	Hello(context.Context, *pb.Text) (*pb.Text, error)
	Records(context.Context, *pb.RecordList) (*pb.RecordList, error)
	Bytes(context.Context, *pb.Chunk) (*pb.Chunk, error)
}

// protoStreamer is such a client with its streams, which are of types of its own.
type protoStreamer[Upload uploadStream, Download downloadStream] interface {
	protoClient
	Upload(context.Context) (Upload, error)
	Download(context.Context, *pb.Size) (Download, error)
}

type uploadStream interface {
	Send(*pb.Chunk) error
	CloseAndRecv() (*pb.Size, error)
}

type downloadStream interface{ Recv() (*pb.Chunk, error) }

// protoCalls is what a session does through its client.
type protoCalls[Upload uploadStream, Download downloadStream] struct {
	client protoStreamer[Upload, Download]
}

func (c protoCalls[Upload, Download]) caller(p payload) (func(context.Context) error, error) {
	return protoCaller(c.client, p), nil
}

func (c protoCalls[Upload, Download]) upload(ctx context.Context, size int64) error {
	stream, err := c.client.Upload(ctx)
	if err != nil {
		return err
	}
	if err := sendChunks(size, stream.Send); err != nil {
		return err
	}
	counted, err := stream.CloseAndRecv()
	if err != nil {
		return err
	}
	return came(int(counted.Size), int(size), "bytes")
}

func (c protoCalls[Upload, Download]) download(ctx context.Context, size int64) error {
	stream, err := c.client.Download(ctx, &pb.Size{Size: size})
	if err != nil {
		return err
	}
	n, err := countChunks(stream.Recv)
	if err != nil {
		return err
	}
	return came(int(n), int(size), "bytes")
}

// protoCaller calls through any of them.
func protoCaller(c protoClient, p payload) func(context.Context) error {
	switch p.form {
	case records:
		list := protoRecords(recordsOf(p.size))
		return func(ctx context.Context) error {
			back, err := c.Records(ctx, list)
			if err != nil {
				return err
			}
			return came(len(back.Records), len(list.Records), "records")
		}
	case raw:
		data := &pb.Chunk{Data: bytesOf(p.size)}
		return func(ctx context.Context) error {
			back, err := c.Bytes(ctx, data)
			if err != nil {
				return err
			}
			return came(len(back.Data), len(data.Data), "bytes")
		}
	default:
		return func(ctx context.Context) error {
			back, err := c.Hello(ctx, &pb.Text{Text: greeting})
			if err != nil {
				return err
			}
			return came(len(back.Text), len(greeting)+len(dots), "characters")
		}
	}
}

// dots are what a service says after the name that it was told.
const dots = "..."

func protoRecords(list []Record) *pb.RecordList {
	made := &pb.RecordList{Records: make([]*pb.Record, len(list))}
	for i, r := range list {
		made.Records[i] = &pb.Record{Id: r.ID, Name: r.Name, Enabled: r.Enabled, Weight: r.Weight, Tags: r.Tags}
	}
	return made
}

// protoEcho are the methods that the services have in common.
type protoEcho struct{}

func (protoEcho) Hello(_ context.Context, in *pb.Text) (*pb.Text, error) {
	return &pb.Text{Text: in.Text + dots}, nil
}

func (protoEcho) Records(_ context.Context, in *pb.RecordList) (*pb.RecordList, error) {
	return in, nil
}

func (protoEcho) Bytes(_ context.Context, in *pb.Chunk) (*pb.Chunk, error) { return in, nil }

// takeUpload answers an upload with its size.
func takeUpload(stream interface {
	downloadStream
	SendAndClose(*pb.Size) error
}) error {
	n, err := countChunks(stream.Recv)
	if err != nil {
		return err
	}
	return stream.SendAndClose(&pb.Size{Size: n})
}

// sendChunks sends size bytes in chunks.
func sendChunks(size int64, send func(*pb.Chunk) error) error {
	for from := source(size); ; {
		data := make([]byte, chunk) // a message belongs to who sends it until it is written
		n, err := io.ReadFull(from, data)
		if n > 0 {
			if err := send(&pb.Chunk{Data: data[:n]}); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
	}
}

// countChunks counts the bytes of the chunks that come.
func countChunks(receive func() (*pb.Chunk, error)) (size int64, err error) {
	for {
		c, err := receive()
		if errors.Is(err, io.EOF) {
			return size, nil
		}
		if err != nil {
			return size, err
		}
		size += int64(len(c.Data))
	}
}
