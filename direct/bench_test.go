package direct

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/wire"
)

// The benchmarks compare direct with the least that could do the same, on real
// hosts over TCP on loopback in one process. Each prints its baseline as
// another sub-benchmark, and the ratio.

// benchHosts are two connected hosts.
func benchHosts(b *testing.B) (x, y *host.Host) {
	b.Helper()
	hosts := make([]*host.Host, 2)
	for i := range hosts {
		key, _, err := crypto.GenerateEd25519Key(nil)
		if err != nil {
			b.Fatal(err)
		}
		h, err := host.New(b.Context(), host.Config{Key: key, Listen: []ma.Multiaddr{ma.StringCast("/ip4/127.0.0.1/tcp/0")}})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = h.Close() })
		hosts[i] = h
	}
	x, y = hosts[0], hosts[1]
	if err := x.Connect(b.Context(), peer.AddrInfo{ID: y.ID(), Addrs: y.Addrs()}); err != nil {
		b.Fatal(err)
	}
	return x, y
}

// benchTalk sends n segments of 100 bytes, at most flight of them at once, and
// returns how long it took until all were acknowledged.
func benchTalk(b *testing.B, n, flight int) time.Duration {
	b.Helper()
	x, y := benchHosts(b)
	free := make(chan struct{}, flight)
	from := New(x, Config{Self: peerID(b, x), Events: func(ev Event) {
		if _, ok := ev.(SegmentDelivered); ok {
			<-free
		}
	}})
	defer func() { _ = from.Close() }()
	to := New(y, Config{
		Self:    peerID(b, y),
		Receive: func(context.Context, chat.PeerID, []*chat.Segment) error { return nil },
	})
	defer func() { _ = to.Close() }()
	segs := benchSegments(b, x, y, n)
	start := time.Now()
	for _, seg := range segs {
		free <- struct{}{}
		if err := from.Send(b.Context(), peerID(b, y), seg); err != nil {
			b.Fatal(err)
		}
	}
	for range flight {
		free <- struct{}{}
	}
	return time.Since(start)
}

// benchBare does the same with one write for each segment and each
// acknowledgement, and nothing else but the check of the signature.
func benchBare(b *testing.B, n, flight int) time.Duration {
	b.Helper()
	x, y := benchHosts(b)
	conv := chat.DirectID(peerID(b, x), peerID(b, y))
	const proto = "/bare"
	y.SetStreamHandler(proto, func(st network.Stream) {
		defer func() { _ = st.Close() }()
		for r := wire.NewReader(st); ; {
			f, err := r.Direct()
			if err != nil {
				return
			}
			seg, err := wire.OpenSegment(conv, f.(wire.DirectSegment))
			if err != nil {
				b.Error(err)
				return
			}
			frame, _ := wire.AppendDirect(nil, wire.Ack{seg.ID})
			if _, err := st.Write(frame); err != nil {
				return
			}
		}
	})
	segs := benchSegments(b, x, y, n)
	st, err := x.NewStream(b.Context(), y.ID(), proto)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	free := make(chan struct{}, flight)
	start := time.Now()
	go func() {
		for r := wire.NewReader(st); ; {
			if _, err := r.Direct(); err != nil {
				return
			}
			<-free
		}
	}()
	for _, seg := range segs {
		free <- struct{}{}
		frame, _ := wire.AppendDirect(nil, wire.DirectSegment(seg.Envelope))
		if _, err := st.Write(frame); err != nil {
			b.Fatal(err)
		}
	}
	for range flight {
		free <- struct{}{}
	}
	return time.Since(start)
}

func benchSegments(b *testing.B, x, y *host.Host, n int) []*chat.Segment {
	b.Helper()
	segs := make([]*chat.Segment, n)
	line := string(make([]byte, 100))
	for i := range segs {
		segs[i] = segment(b, nil, x, chat.DirectID(peerID(b, x), peerID(b, y)), uint64(i+1), line)
	}
	return segs
}

// compare runs both and reports the ratio of their times.
func compare(b *testing.B, n, flight int, unit string) {
	var ours, bare time.Duration
	for b.Loop() {
		ours += benchTalk(b, n, flight)
		bare += benchBare(b, n, flight)
	}
	per := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / float64(n) / float64(b.N) }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(per(ours), "ns/"+unit)
	b.ReportMetric(per(bare), "bare-ns/"+unit)
	b.ReportMetric(float64(ours)/float64(bare), "ratio")
}

// BenchmarkRoundTrip: one segment at a time, from Send to its acknowledgement.
func BenchmarkRoundTrip(b *testing.B) { compare(b, 2000, 1, "trip") }

// BenchmarkSegments: as many in flight as there may be, each with its own
// signature to check, which bounds both.
func BenchmarkSegments(b *testing.B) { compare(b, 10000, MaxInFlight, "segment") }

// BenchmarkWrites: only the writer, with frames of 150 bytes that wait for it,
// against a write each. The other side reads all and does nothing.
func BenchmarkWrites(b *testing.B) {
	const n, burst = 100_000, MaxInFlight
	run := func(write func(st network.Stream, segs []*chat.Segment)) time.Duration {
		x, y := benchHosts(b)
		read := make(chan struct{})
		y.SetStreamHandler(wire.DirectProtocol, func(st network.Stream) {
			defer close(read)
			_, _ = io.Copy(io.Discard, st)
			_ = st.Close()
		})
		seg := &chat.Segment{Envelope: make([]byte, 150)}
		var segs []*chat.Segment
		for range burst {
			segs = append(segs, seg)
		}
		st, err := x.NewStream(b.Context(), y.ID(), wire.DirectProtocol)
		if err != nil {
			b.Fatal(err)
		}
		start := time.Now()
		write(st, segs)
		_ = st.CloseWrite()
		<-read
		return time.Since(start)
	}
	var ours, bare time.Duration
	for b.Loop() {
		ours += run(func(st network.Stream, segs []*chat.Segment) {
			l, err := newLink(st, true, nil)
			if err != nil {
				b.Fatal(err)
			}
			wrote := make(chan int, n) // room for every burst
			go l.write(time.Minute, func(ids []chat.SegmentID) { wrote <- len(ids) })
			for sent := 0; sent < n; {
				l.out.segments(segs)
				for out := len(segs); out > 0; {
					out -= <-wrote
				}
				sent += len(segs)
			}
			l.finish(nil)
			<-l.flushed
		})
		bare += run(func(st network.Stream, segs []*chat.Segment) {
			for sent := 0; sent < n; sent += len(segs) {
				for _, seg := range segs {
					frame, _ := wire.AppendDirect(nil, wire.DirectSegment(seg.Envelope))
					if _, err := st.Write(frame); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
	per := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / n / float64(b.N) }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(per(ours), "ns/frame")
	b.ReportMetric(per(bare), "bare-ns/frame")
	b.ReportMetric(float64(bare)/float64(ours), "times-faster")
}
