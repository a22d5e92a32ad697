package main

import (
	"slices"
	"time"
)

// suite is one run of all parts.
type suite struct {
	network *network
	short   bool
	rounds  int
	report  *report
}

// part is a piece of the run that can be asked for by its key.
type part struct {
	key string
	run func() error
}

// either is a size or time of a full run, or of a short one.
func either[T any](short bool, full, brief T) T {
	if short {
		return brief
	}
	return full
}

func (s *suite) parts() []part {
	var parts []part
	for _, c := range append(s.comparisons(), s.redisComparisons()...) {
		parts = append(parts, part{c.Key, func() error { return s.compare(c) }})
	}
	return append(parts,
		part{"stream-memory", s.held},
		part{"counts", s.counts},
		part{"half-load", s.halfLoad},
		part{"beside-upload", s.besideUpload},
		part{"idle", s.idle},
		part{"redis-counts", s.sharedQueue})
}

// mostCallers is how many there are at most at once.
const mostCallers = 256

// streamSize is what the cases of streams move.
const streamSize = 64 << 20

// linkDelay is the delay of the slow link there and back.
const linkDelay = 20 * time.Millisecond

func (s *suite) comparisons() []comparison {
	const brief = 50 * time.Millisecond
	turns := either(s.short, 4, 2)
	all := []peer{rawTLS, listening, polling(1), grpcGo, connectGo, netRPC, drpcGo}
	serial := append([]peer{}, all[:3]...)
	serial = append(append(serial, listeningAwaited, pollingAwaited), all[3:]...)
	cases := []comparison{
		{Key: "serial", Title: "One call after another, beside 300 bytes there and back over TLS", peers: serial, prepare: callsFor(brief, 1, hello), turns: turns},
		{Key: "callers-16", Title: "16 callers at once", peers: many(16), prepare: callsFor(brief, 16, hello), turns: turns},
		{Key: "callers-256", Title: "256 callers at once", peers: many(128), prepare: callsFor(brief, mostCallers, hello), turns: turns},
	}
	for _, form := range []form{records, raw} {
		for _, size := range []int{100, 10 << 10, 1 << 20} {
			p := payload{form, size}
			cases = append(cases, comparison{
				Key: "payload " + p.String(), Title: p.String() + " there and back, beside as many bytes over TLS",
				peers: all, prepare: callsFor(brief, 1, p), turns: min(turns, 3),
			})
		}
	}
	streamers := streamPeers()
	cases = append(cases,
		comparison{Key: "upload", Title: "64 MiB to the service, beside io.Copy over TLS", peers: streamers, prepare: streamed(streamSize, streamer.upload)},
		comparison{Key: "download", Title: "64 MiB from the service, beside io.Copy over TLS", peers: downloaders(), prepare: streamed(streamSize, streamer.download)},
		comparison{Key: "connect", Title: "New connection and first call, beside a bare handshake", peers: all, prepare: connected(5), turns: turns},
		comparison{
			Key: "link", Title: "One call after another over a link of 20 ms there and back", network: s.network.slow(linkDelay / 2),
			peers: serial, prepare: callsFor(either(s.short, 5*linkDelay, 3*linkDelay), 1, hello),
		},
	)
	for i := range cases {
		cases[i].Unit = rawTLS.name
		if cases[i].network == nil {
			cases[i].network = s.network
		}
	}
	return cases
}

// streamPeers are those that can move streams.
func streamPeers() []peer { return []peer{rawTLS, listening, polling(1), grpcGo, connectGo, drpcGo} }

// downloaders are those, and both ways in which Halibut receives a result's stream.
func downloaders() []peer {
	return slices.Insert(streamPeers(), 3, keeping(listening), keeping(polling(1)))
}

// many are all peers, as they serve many callers: a service that polls does so
// over as many connections.
func many(connections int) []peer {
	return []peer{rawTLS, listening, polling(connections), grpcGo, connectGo, netRPC, drpcGo}
}

func (s *suite) compare(c comparison) error {
	results, err := c.run(s.rounds)
	if err != nil {
		return err
	}
	found := comparisonReport{Key: c.Key, Title: c.Title, Unit: c.Unit, Results: results}
	if c.Key == "upload" || c.Key == "download" {
		found.Bytes = streamSize
	}
	s.report.Comparisons = append(s.report.Comparisons, found)
	return nil
}

func (s *suite) counts() (err error) {
	s.report.Counts, err = countCalls(s.network, []peer{rawTLS, listening, polling(1), listeningAwaited, pollingAwaited, grpcGo, connectGo, netRPC, drpcGo}, 5000)
	return err
}

func (s *suite) halfLoad() (err error) {
	s.report.HalfLoad, err = halfLoad(s.network, many(16), 16, s.rounds, either(s.short, 400*time.Millisecond, 200*time.Millisecond))
	return err
}

func (s *suite) besideUpload() (err error) {
	s.report.BesideSize = either[int64](s.short, 1<<30, 64<<20)
	s.report.Beside, err = besideUpload(s.network, []peer{rawTLS, listening, polling(2), grpcGo},
		s.report.BesideSize, s.rounds, either(s.short, 400*time.Millisecond, 200*time.Millisecond))
	return err
}

// idleWatch is as long as it takes for each idle polling connection to have said
// something once.
const idleWatch = 30 * time.Second

func (s *suite) idle() error {
	counts := either(s.short, []int{1000, 10_000}, []int{200})
	for _, connections := range counts {
		for _, p := range idlePeers {
			many := connections > 1000
			if many && p.name != polling(1).name {
				continue
			}
			watch := time.Duration(0)
			if many {
				watch = idleWatch
			}
			row, err := measureIdle(s.network, p, connections, watch)
			if err != nil {
				return err
			}
			s.report.Idle = append(s.report.Idle, row)
		}
	}
	return nil
}
