package bench

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	corenet "github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/direct"
	"github.com/p2pchat/p2pchat/history"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/node"
	"github.com/p2pchat/p2pchat/wire"
)

// A party is one of two who talk in private, with a history on disk.
type party struct {
	node *node.Node
	log  *history.DB
	reader
}

// parties are two nodes in a private talk.
func parties(b testing.TB) (alice, bob *party) {
	b.Helper()
	var all [2]*party
	for i := range all {
		key := newKey(b)
		p := &party{}
		all[i] = p
		p.log = openLog(b, filepath.Join(b.TempDir(), "history.db"), key)
		p.node = startNode(b, nil, node.Config{Key: key, History: p.log})
		p.sub = p.node.Subscribe()
		b.Cleanup(p.sub.Close)
	}
	alice, bob = all[0], all[1]
	alice.node.AddAddrs(infoOf(b, bob.node))
	for _, p := range [][2]*party{{alice, bob}, {bob, alice}} {
		if err := p[0].node.Dial(b.Context(), p[1].node.Self()); err != nil {
			b.Fatal(err)
		}
	}
	alice.until(b, "a private talk", func(ev chat.Event) bool {
		m, ok := ev.(chat.Member)
		return ok && m.Online && m.Conversation.IsDirect()
	})
	time.Sleep(time.Second) // whatever is done at meeting is done
	return alice, bob
}

// tell lets p say a line to the other.
func (p *party) tell(b testing.TB, to *party, line string) {
	b.Helper()
	d := chat.Draft{Key: "k", Body: chat.Body{Kind: chat.KindText, Text: text(b, line)}}
	if err := p.node.Say(b.Context(), chat.With(to.node.Self()), d); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkPrivateTrip says one private message after the other. It takes the
// time from saying it until it is shown as accepted, which is when it is on the
// sender's disk; and from there until the receiver is shown it, and until the
// sender is told that it is delivered: both after it is on the receiver's disk.
// The last is compared with an echo on a bare stream and with one fsync of 4 KiB.
func BenchmarkPrivateTrip(b *testing.B) {
	trips := 500
	if testing.Short() {
		trips = 50
	}
	for b.Loop() {
		alice, bob := parties(b)
		var accept, show, deliver []time.Duration
		for i := range trips {
			said := time.Now()
			alice.tell(b, bob, line(i, 100))
			var id chat.MessageID
			alice.until(b, "the acceptance", func(ev chat.Event) bool {
				m, ok := ev.(chat.Message)
				id = m.ID
				return ok
			})
			accepted := time.Now()
			bob.until(b, "the message", func(ev chat.Event) bool {
				m, ok := ev.(chat.Message)
				return ok && m.ID == id
			})
			show = append(show, time.Since(accepted))
			alice.until(b, "the delivery", func(ev chat.Event) bool {
				d, ok := ev.(chat.Delivery)
				return ok && d.ID == id && d.State == chat.Held
			})
			accept = append(accept, accepted.Sub(said))
			deliver = append(deliver, time.Since(accepted))
		}
		back, sync := echo(b, trips), fsync(b, b.TempDir())
		ours := quantile(deliver, 0.5)
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(ms(quantile(accept, 0.5)), "accept-p50-ms")
		b.ReportMetric(ms(quantile(show, 0.5)), "show-p50-ms")
		b.ReportMetric(ms(ours), "deliver-p50-ms")
		b.ReportMetric(ms(quantile(deliver, 0.9)), "deliver-p90-ms")
		b.ReportMetric(ms(back), "echo-ms")
		b.ReportMetric(ms(sync), "fsync-ms")
		b.ReportMetric(ours.Seconds()/back.Seconds(), "echoes")
		b.ReportMetric(ours.Seconds()/sync.Seconds(), "fsyncs")
		b.ReportMetric(ours.Seconds()/(back+sync).Seconds(), "echo-and-fsync")
	}
}

// bareHosts are two connected hosts, and the keys of both.
func bareHosts(b testing.TB) (x, y *host.Host, kx, ky crypto.PrivKey) {
	b.Helper()
	kx, ky = newKey(b), newKey(b)
	var hosts []*host.Host
	for _, key := range []crypto.PrivKey{kx, ky} {
		h, err := host.New(b.Context(), host.Config{Key: key, Listen: loopback()})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = h.Close() })
		hosts = append(hosts, h)
	}
	x, y = hosts[0], hosts[1]
	if err := x.Connect(b.Context(), peer.AddrInfo{ID: y.ID(), Addrs: y.Addrs()}); err != nil {
		b.Fatal(err)
	}
	return x, y, kx, ky
}

// openStream opens a stream that serve answers.
func openStream(b testing.TB, x, y *host.Host, serve func(corenet.Stream)) corenet.Stream {
	b.Helper()
	const proto = "/bench"
	y.SetStreamHandler(proto, func(st corenet.Stream) {
		defer func() { _ = st.Close() }()
		serve(st)
	})
	st, err := x.NewStream(context.WithoutCancel(b.Context()), y.ID(), proto)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = st.Close() })
	return st
}

// echo is the median round trip of 150 bytes on a bare stream.
func echo(b testing.TB, n int) time.Duration {
	b.Helper()
	x, y, _, _ := bareHosts(b)
	st := openStream(b, x, y, func(st corenet.Stream) { _, _ = io.Copy(st, st) })
	buf := make([]byte, 150)
	var took []time.Duration
	for i := range n + 1 {
		start := time.Now()
		if _, err := st.Write(buf); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(st, buf); err != nil {
			b.Fatal(err)
		}
		if i > 0 { // the first one agrees on the protocol
			took = append(took, time.Since(start))
		}
	}
	return quantile(took, 0.5)
}

// BenchmarkPrivateBurst says 10,000 private messages at once, until all are
// acknowledged, stored on both disks, and shown at both ends. The baseline is
// the least that does the same for each message by itself: one signature, one
// commit at the sender, one write, one commit at the receiver, one write of an
// acknowledgement; both ends work at the same time.
func BenchmarkPrivateBurst(b *testing.B) {
	burst, single := 10_000, 2000
	if testing.Short() {
		burst, single = 2000, 400
	}
	for b.Loop() {
		alice, bob := parties(b)
		start := time.Now()
		for i := range burst {
			alice.tell(b, bob, line(i, 100))
		}
		held := 0
		alice.until(b, "all deliveries", func(ev chat.Event) bool {
			if d, ok := ev.(chat.Delivery); ok && d.State == chat.Held {
				held++
			}
			return held == burst
		})
		shown := 0
		bob.until(b, "all messages", func(ev chat.Event) bool {
			if m, ok := ev.(chat.Message); ok && !m.Mine {
				if i, _ := written(m.Text.Raw()); i != shown {
					b.Fatalf("line %d was shown as number %d", i, shown)
				}
				shown++
			}
			return shown == burst
		})
		ours := float64(burst) / time.Since(start).Seconds()
		conv := chat.DirectID(alice.node.Self(), bob.node.Self())
		if x, y := alice.log.Len(conv), bob.log.Len(conv); x != y || x == 0 {
			b.Fatalf("the histories hold %d and %d segments", x, y)
		}
		each := float64(single) / oneByOne(b, single).Seconds()
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(ours, "messages/s")
		b.ReportMetric(each, "one-by-one/s")
		b.ReportMetric(ours/each, "ratio")
		b.ReportMetric(float64(burst)/float64(alice.log.Len(conv)), "messages/segment")
	}
}

// oneByOne is the baseline of BenchmarkPrivateBurst.
func oneByOne(b testing.TB, n int) time.Duration {
	b.Helper()
	x, y, kx, ky := bareHosts(b)
	conv := chat.DirectID(selfOf(b, kx), selfOf(b, ky))
	mine := openLog(b, filepath.Join(b.TempDir(), "history.db"), kx)
	theirs := openLog(b, filepath.Join(b.TempDir(), "history.db"), ky)
	st := openStream(b, x, y, func(st corenet.Stream) {
		for r := wire.NewReader(st); ; {
			f, err := r.Direct()
			if err != nil {
				return
			}
			seg, err := wire.OpenSegment(conv, f.(wire.DirectSegment))
			if err == nil {
				_, err = theirs.Append(context.Background(), seg)
			}
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
	flight := make(chan struct{}, direct.MaxInFlight)
	over := make(chan error, 1)
	start := time.Now()
	go func() {
		r := wire.NewReader(st)
		for range n {
			if _, err := r.Direct(); err != nil {
				over <- fmt.Errorf("acknowledgement: %w", err)
				return
			}
			<-flight
		}
		over <- nil
	}()
	var last []chat.SegmentID
	for i := range n {
		s := &chat.Segment{
			Conversation: conv, Chain: chat.Chain{7}, Seq: uint64(i + 1), Parents: last,
			Time:   chat.TimeOf(time.Now()).After(0),
			Bodies: []chat.Body{{Kind: chat.KindText, Text: text(b, line(i, 100))}},
		}
		if err := wire.SealSegment(kx, s); err != nil {
			b.Fatal(err)
		}
		last = []chat.SegmentID{s.ID}
		if _, err := mine.AppendOwn(b.Context(), s); err != nil {
			b.Fatal(err)
		}
		frame, _ := wire.AppendDirect(nil, wire.DirectSegment(s.Envelope))
		flight <- struct{}{}
		if _, err := st.Write(frame); err != nil {
			b.Fatal(err)
		}
	}
	if err := <-over; err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}
