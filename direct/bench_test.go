package direct

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
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

// A storing is what Receive costs: nothing, or one fsync, as a commit.
type storing func(b *testing.B) func()

func nothing(*testing.B) func() { return func() {} }

// synced appends a page to a file and waits until it is on the disk.
func synced(b *testing.B) func() {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.Close() })
	page := make([]byte, 4<<10)
	return func() {
		if _, err := f.Write(page); err != nil {
			b.Error(err)
		}
		if err := f.Sync(); err != nil {
			b.Error(err)
		}
	}
}

// benchTalk sends n segments of 100 bytes, at most flight of them at once, and
// returns how long it took until all were acknowledged. Like a node, each side
// stores: the sender before it sends, unless many are in flight, the receiver
// before it acknowledges.
func benchTalk(b *testing.B, n, flight int, store storing) time.Duration {
	b.Helper()
	x, y := benchHosts(b)
	free := make(chan struct{}, flight)
	from := New(x, Config{Self: peerID(b, x), Events: func(ev Event) {
		if _, ok := ev.(SegmentDelivered); ok {
			<-free
		}
	}})
	defer func() { _ = from.Close() }()
	commit := store(b)
	to := New(y, Config{
		Self:    peerID(b, y),
		Receive: func(context.Context, chat.PeerID, []*chat.Segment) error { commit(); return nil },
	})
	defer func() { _ = to.Close() }()
	mine := func() {}
	if flight == 1 {
		mine = store(b)
	}
	segs := benchSegments(b, x, y, n)
	from.Open(peerID(b, y))
	for _, up := from.Linked(peerID(b, y)); !up; _, up = from.Linked(peerID(b, y)) {
		runtime.Gosched()
	}
	start := time.Now()
	for _, seg := range segs {
		free <- struct{}{}
		mine()
		if err := from.Send(b.Context(), peerID(b, y), seg); err != nil {
			b.Fatal(err)
		}
	}
	for range flight {
		free <- struct{}{}
	}
	return time.Since(start)
}

// benchEcho sends n times 150 bytes on a bare stream, each when the one before
// has come back.
func benchEcho(b *testing.B, n int) time.Duration {
	b.Helper()
	x, y := benchHosts(b)
	const proto = "/echo"
	y.SetStreamHandler(proto, func(st network.Stream) {
		_, _ = io.Copy(st, st)
		_ = st.Close()
	})
	st, err := x.NewStream(b.Context(), y.ID(), proto)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	buf := make([]byte, 150)
	start := time.Now()
	for i := range n + 1 {
		if i == 1 {
			start = time.Now() // the first one agrees on the protocol
		}
		if _, err := st.Write(buf); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(st, buf); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(start)
}

// benchSync is how long n commits take.
func benchSync(b *testing.B, n int, store storing) time.Duration {
	b.Helper()
	commit := store(b)
	start := time.Now()
	for range n {
		commit()
	}
	return time.Since(start)
}

// benchBare does the same with one write for each segment and each
// acknowledgement, one commit for each segment, and nothing else but the check
// of the signature.
func benchBare(b *testing.B, n, flight int, store storing) time.Duration {
	b.Helper()
	x, y := benchHosts(b)
	conv := chat.DirectID(peerID(b, x), peerID(b, y))
	const proto = "/bare"
	commit := store(b)
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
			commit()
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

// BenchmarkRoundTrip: one segment at a time, from Send to SegmentDelivered, as a
// ratio to the echo of a bare stream; with an fsync at both ends, also as a ratio
// to one echo and two of these.
func BenchmarkRoundTrip(b *testing.B) {
	const n = 2000
	for name, store := range map[string]storing{"stored=nowhere": nothing, "stored=fsync": synced} {
		b.Run(name, func(b *testing.B) {
			var ours, echo, disk time.Duration
			for b.Loop() {
				ours += benchTalk(b, n, 1, store)
				echo += benchEcho(b, n)
				disk += benchSync(b, n, store)
			}
			per := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / n / float64(b.N) }
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(per(ours), "ns/trip")
			b.ReportMetric(per(echo), "echo-ns/trip")
			b.ReportMetric(per(disk), "fsync-ns")
			b.ReportMetric(float64(ours)/float64(echo), "echoes")
			b.ReportMetric(float64(ours)/float64(echo+2*disk), "echo-and-disk")
		})
	}
}

// BenchmarkSegments: as many in flight as there may be, until all are
// acknowledged, as a ratio to one write and one commit for each. Within one burst
// of the quota, which bounds both sides alike only beyond it.
func BenchmarkSegments(b *testing.B) {
	const n = segmentsBurst
	for name, store := range map[string]storing{"stored=nowhere": nothing, "stored=fsync": synced} {
		b.Run(name, func(b *testing.B) {
			var ours, bare time.Duration
			for b.Loop() {
				ours += benchTalk(b, n, MaxInFlight, store)
				bare += benchBare(b, n, MaxInFlight, store)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(n*float64(b.N)/ours.Seconds(), "segments/s")
			b.ReportMetric(n*float64(b.N)/bare.Seconds(), "bare-segments/s")
			b.ReportMetric(float64(bare)/float64(ours), "times-faster")
		})
	}
}

// BenchmarkMessages: as a node sends a burst, in segments of chat.MaxBodies
// messages, against one segment, one write and one commit for each message.
func BenchmarkMessages(b *testing.B) {
	const n = 64 * chat.MaxBodies
	const bare = segmentsBurst
	for name, store := range map[string]storing{"stored=nowhere": nothing, "stored=fsync": synced} {
		b.Run(name, func(b *testing.B) {
			var ours, each time.Duration
			for b.Loop() {
				ours += benchBatches(b, n, store)
				each += benchBare(b, bare, MaxInFlight, store)
			}
			fast, slow := n*float64(b.N)/ours.Seconds(), bare*float64(b.N)/each.Seconds()
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(fast, "messages/s")
			b.ReportMetric(slow, "bare-messages/s")
			b.ReportMetric(fast/slow, "times-faster")
		})
	}
}

// benchBatches sends n messages in as few segments as hold them.
func benchBatches(b *testing.B, n int, store storing) time.Duration {
	b.Helper()
	x, y := benchHosts(b)
	from := New(x, Config{Self: peerID(b, x)})
	defer func() { _ = from.Close() }()
	commit := store(b)
	to := New(y, Config{
		Self:    peerID(b, y),
		Receive: func(context.Context, chat.PeerID, []*chat.Segment) error { commit(); return nil },
	})
	defer func() { _ = to.Close() }()
	body := chat.Body{Kind: chat.KindText, Text: text(b, strings.Repeat("x", 100))}
	start := time.Now()
	for i := range n / chat.MaxBodies { // signed within the time, as a node does
		seg := &chat.Segment{
			Conversation: chat.DirectID(peerID(b, x), peerID(b, y)),
			Seq:          uint64(i*chat.MaxBodies + 1), Time: chat.TimeOf(time.Now()),
		}
		for range chat.MaxBodies {
			seg.Bodies = append(seg.Bodies, body)
		}
		if err := wire.SealSegment(x.Peerstore().PrivKey(x.ID()), seg); err != nil {
			b.Fatal(err)
		}
		if err := from.Send(b.Context(), peerID(b, y), seg); err != nil {
			b.Fatal(err)
		}
	}
	if err := from.Goodbye(b.Context(), peerID(b, y)); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

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
			l.finish()
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
