package s3store

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/halibut-go/halibut/redisqueue"
	"github.com/halibut-go/halibut/redisqueue/storetest"
)

var skipped sync.Once

// startServer starts a versitygw, which keeps objects as files in a folder and
// speaks S3, and returns a client of it with a bucket.
func startServer(t *testing.T) (client *minio.Client, bucket string) {
	t.Helper()
	program, err := exec.LookPath("versitygw")
	if err != nil {
		if strings.Contains(os.Getenv("HALIBUT_REQUIRE"), "s3") {
			t.Fatalf("versitygw is missing, and HALIBUT_REQUIRE says that it must not be: %v", err)
		}
		skipped.Do(func() { fmt.Println("s3store: no versitygw here, so the tests that need it are skipped") })
		t.Skip("no versitygw")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	var output bytes.Buffer
	cmd := exec.Command(program, "--port", address, "--access", "user", "--secret", "password", "posix", t.TempDir())
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s", output.String())
		}
	})
	if client, err = minio.New(address, &minio.Options{Creds: credentials.NewStaticV4("user", "password", ""), Region: "us-east-1"}); err != nil {
		t.Fatal(err)
	}
	bucket = "streams"
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{})
		if err == nil {
			return client, bucket
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server does not answer: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func newStore(t *testing.T, client *minio.Client, bucket string, opts *Options) *Store {
	t.Helper()
	s := New(client, bucket, opts)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// objects are the names in the bucket.
func objects(t *testing.T, client *minio.Client, bucket string) []string {
	t.Helper()
	var names []string
	for o := range client.ListObjects(t.Context(), bucket, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		names = append(names, o.Key)
	}
	return names
}

func TestStreamStore(t *testing.T) {
	client, bucket := startServer(t)
	storetest.Run(t, func(t *testing.T) redisqueue.StreamStore {
		return newStore(t, client, bucket, &Options{Prefix: "halibut/"})
	})
	if left := objects(t, client, bucket); len(left) > 0 {
		t.Errorf("objects are left: %v", left)
	}
}

// TestLongStream is longer than a part, and not in memory as a whole.
func TestLongStream(t *testing.T) {
	client, bucket := startServer(t)
	s := newStore(t, client, bucket, nil)
	content := make([]byte, 3*partSize+5)
	_, _ = rand.Read(content) // never fails
	ids, metadata := storetest.Store(t, s, content)
	got, err := storetest.Read(storetest.Load(t, s, metadata, ids[0]))
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if strings.Contains(string(metadata), "://") || strings.Contains(string(metadata), bucket) {
		t.Errorf("the metadata names an address: %s", metadata)
	}
}

// TestChangedObjects are found out when they are read.
func TestChangedObjects(t *testing.T) {
	client, bucket := startServer(t)
	s := newStore(t, client, bucket, nil)
	ids, metadata := storetest.Store(t, s, []byte("what was stored"))
	stream := storetest.Load(t, s, metadata, ids[0])
	for _, content := range []string{"What was stored", "what was", "what was stored and more"} {
		if _, err := client.PutObject(t.Context(), bucket, ids[0].String(), strings.NewReader(content), int64(len(content)), minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
		if got, err := storetest.Read(stream); err == nil {
			t.Errorf("%q is taken for what was stored", got)
		}
	}
	stream.Release()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var gone minio.ErrorResponse
	if _, err := storetest.Read(stream); !errors.As(err, &gone) || gone.Code != "NoSuchKey" {
		t.Errorf("an object that is gone: %v", err)
	}
}

// TestRemoveOrphans removes what is old and named as a stream, and nothing else.
func TestRemoveOrphans(t *testing.T) {
	client, bucket := startServer(t)
	patient := newStore(t, client, bucket, &Options{Prefix: "halibut/"})
	storetest.Store(t, patient, []byte("young"))
	for _, name := range []string{"halibut/notes.txt", "halibut/" + strings.ToUpper(uuid.NewString()), uuid.NewString()} {
		if _, err := client.PutObject(t.Context(), bucket, name, strings.NewReader("x"), 1, minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := patient.RemoveOrphans(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := objects(t, client, bucket); len(left) != 4 {
		t.Errorf("left is %v", left)
	}
	hasty := newStore(t, client, bucket, &Options{Prefix: "halibut/", MaxAge: time.Nanosecond})
	time.Sleep(1100 * time.Millisecond) // S3 tells ages in seconds
	if err := hasty.RemoveOrphans(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := objects(t, client, bucket); len(left) != 3 {
		t.Errorf("left is %v", left)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := hasty.RemoveOrphans(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestNoServer: the error says which stream.
func TestNoServer(t *testing.T) {
	client, err := minio.New("127.0.0.1:1", &minio.Options{Creds: credentials.NewStaticV4("user", "password", ""), Region: "us-east-1", MaxRetries: 1})
	if err != nil {
		t.Fatal(err)
	}
	s := newStore(t, client, "streams", nil)
	id := uuid.New()
	stream := storetest.Load(t, s, fmt.Appendf(nil, `{"objects":{"%s":{"size":1,"sha256":"%064x"}}}`, id, 0), id)
	r, err := stream.Open()
	if err == nil {
		_, err = io.ReadAll(r)
		_ = r.Close()
	}
	if err == nil || !strings.Contains(err.Error(), id.String()) || strings.Contains(err.Error(), "password") {
		t.Errorf("%v", err)
	}
}
