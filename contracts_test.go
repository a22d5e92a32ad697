package halibut_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/contracts/tentacle"
	"github.com/halibut-go/halibut/internal/samples"
)

// The contracts of the recordings, for the replays.
func init() {
	halibut.AddRecordedContract(samples.ValueServiceName, halibut.RecordedContract{
		Client: func(c halibut.Caller) any { return samples.NewValueServiceClient(c) },
		Register: func(s *halibut.Services, answers halibut.Caller) {
			samples.RegisterValueService(s, samples.NewValueServiceClient(answers))
		},
	}, samples.ShapeTypes())
	halibut.AddRecordedContract(samples.EchoServiceName, halibut.RecordedContract{
		Client:   func(c halibut.Caller) any { return samples.NewEchoServiceClient(c) },
		Register: func(s *halibut.Services, _ halibut.Caller) { samples.RegisterEchoService(s, echoService{}) },
	}, nil)
	halibut.AddRecordedContract(samples.OverloadServiceName, halibut.RecordedContract{
		Client:   func(c halibut.Caller) any { return samples.NewOverloadServiceClient(c) },
		Register: func(s *halibut.Services, _ halibut.Caller) { samples.RegisterOverloadService(s, overloadService{}) },
	}, nil)
	halibut.AddRecordedContract(tentacle.CapabilitiesServiceV2Name, halibut.RecordedContract{
		Client: func(c halibut.Caller) any { return tentacle.NewCapabilitiesServiceV2Client(c) },
		Register: func(s *halibut.Services, answers halibut.Caller) {
			tentacle.RegisterCapabilitiesServiceV2(s, tentacle.NewCapabilitiesServiceV2Client(answers))
		},
	}, nil)
	halibut.AddRecordedContract(tentacle.FileTransferServiceName, halibut.RecordedContract{
		Client: func(c halibut.Caller) any { return tentacle.NewFileTransferServiceClient(c) },
		Register: func(s *halibut.Services, answers halibut.Caller) {
			tentacle.RegisterFileTransferService(s, tentacle.NewFileTransferServiceClient(answers))
		},
	}, nil)
	halibut.AddRecordedContract(tentacle.ScriptServiceName, halibut.RecordedContract{
		Client: func(c halibut.Caller) any { return tentacle.NewScriptServiceClient(c) },
		Register: func(s *halibut.Services, answers halibut.Caller) {
			tentacle.RegisterScriptService(s, tentacle.NewScriptServiceClient(answers))
		},
	}, nil)
	halibut.AddRecordedContract(tentacle.ScriptServiceV2Name, halibut.RecordedContract{
		Client: func(c halibut.Caller) any { return tentacle.NewScriptServiceV2Client(c) },
		Register: func(s *halibut.Services, answers halibut.Caller) {
			tentacle.RegisterScriptServiceV2(s, tentacle.NewScriptServiceV2Client(answers))
		},
	}, nil)
	halibut.AddRecordedContract(tentacle.KubernetesScriptServiceV1Name, halibut.RecordedContract{
		Client: func(c halibut.Caller) any { return tentacle.NewKubernetesScriptServiceV1Client(c) },
		Register: func(s *halibut.Services, answers halibut.Caller) {
			tentacle.RegisterKubernetesScriptServiceV1(s, tentacle.NewKubernetesScriptServiceV1Client(answers))
		},
	}, nil)
}

// echoService is IEchoService as the recorded service implements it.
type echoService struct{}

func (echoService) SayHello(_ context.Context, name *string) (*string, error) {
	return new(*name + "..."), nil
}

func (echoService) Add(_ context.Context, a, b int64) (int64, error) { return a + b, nil }

func (echoService) Count(_ context.Context, stream *halibut.DataStream) (int64, error) {
	return countSample(stream)
}

func (echoService) Get(_ context.Context, length int64) (*halibut.DataStream, error) {
	return halibut.StreamBytes(halibut.SampleBytes(length)), nil
}

func (echoService) Upload(_ context.Context, upload *samples.Upload) (*string, error) {
	n, err := countSample(upload.Content)
	return new(fmt.Sprintf("%s:%d", *upload.Name, n)), err
}

func (echoService) Two(_ context.Context, both *samples.Both) (*samples.Both, error) {
	_, first := countSample(both.First)
	_, second := countSample(both.Second)
	return &samples.Both{
		First: halibut.StreamBytes(halibut.SampleBytes(3)), Second: halibut.StreamBytes(halibut.SampleBytes(5)),
	}, errors.Join(first, second)
}

func (echoService) StreamList(_ context.Context, streams halibut.List[*halibut.DataStream]) (int32, error) {
	for _, stream := range streams {
		if _, err := countSample(stream); err != nil {
			return 0, err
		}
	}
	return int32(len(streams)), nil
}

func (echoService) Fail(_ context.Context, message *string) (*string, error) {
	return nil, errors.New(*message)
}

func (echoService) FailDeep(_ context.Context, message *string) (*string, error) {
	return nil, fmt.Errorf("outer %s", *message)
}

// Big returns a text whose character i is 'a' + (i*i mod 23).
func (echoService) Big(_ context.Context, length int64) (*string, error) {
	b := make([]byte, length)
	for i := range b {
		b[i] = 'a' + byte(i*i%23)
	}
	return new(string(b)), nil
}

func (echoService) Sleep(context.Context, int64) error { return nil }

// countSample counts the bytes of a stream, which have to be the sample's.
func countSample(stream *halibut.DataStream) (int64, error) {
	content, err := stream.Bytes(1 << 20)
	if err == nil && string(content) != string(halibut.SampleBytes(stream.Size())) {
		err = errors.New("the stream does not hold what was sent")
	}
	return int64(len(content)), err
}

// overloadService is IOverloadService, whose methods say which one was chosen.
type overloadService struct{}

func (overloadService) Take(context.Context, int64) (*string, error) { return new("long"), nil }
func (overloadService) TakeDouble(context.Context, float64) (*string, error) {
	return new("double"), nil
}
func (overloadService) TakeString(context.Context, *string) (*string, error) {
	return new("string"), nil
}

func (overloadService) TakePerson(context.Context, *samples.Person) (*string, error) {
	return new("Person"), nil
}

func (overloadService) TakeInt64Int64(context.Context, int64, int64) (*string, error) {
	return new("long,long"), nil
}

func (overloadService) Pick(context.Context, *string) (*string, error) { return new("string"), nil }

func (overloadService) PickPerson(context.Context, *samples.Person) (*string, error) {
	return new("Person"), nil
}
