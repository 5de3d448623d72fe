package direct

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
	"github.com/p2pchat/p2pchat/wire"
)

// A person is a host with a Service, and all that was told to them.
type person struct {
	t    testing.TB
	net  *testnet.Network
	host *host.Host
	self chat.PeerID
	*Service

	mu     sync.Mutex
	events []Event
	got    []string // the texts of all that Receive was given
	broken error    // what Receive returns
	reject error    // what Admit returns
	seq    uint64
}

// talker starts a Service on h. It is closed before the network is.
func talker(t testing.TB, net *testnet.Network, h *host.Host, change ...func(*Config)) *person {
	t.Helper()
	self, err := chat.PeerIDFromLibp2p(h.ID())
	if err != nil {
		t.Fatal(err)
	}
	p := &person{t: t, net: net, host: h, self: self}
	cfg := Config{
		Self:    self,
		Nick:    func() chat.Text { return text(t, "nick of "+self.Short()) },
		Connect: p.connect,
		Admit:   func(chat.PeerID) error { p.mu.Lock(); defer p.mu.Unlock(); return p.reject },
		Receive: p.receive,
		Events:  p.event,
	}
	for _, c := range change {
		c(&cfg)
	}
	p.Service = New(h, cfg)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// two are alice and bob. Alice's peer ID is the smaller one.
func two(t testing.TB, cfg testnet.Config) (*testnet.Network, *person, *person) {
	t.Helper()
	net := testnet.New(t, cfg)
	a, b := talker(t, net, net.Host()), talker(t, net, net.Host())
	if a.self.Compare(b.self) > 0 {
		a, b = b, a
	}
	a.knows(b)
	b.knows(a)
	return net, a, b
}

func (p *person) knows(o *person) {
	p.host.Peerstore().AddAddrs(o.host.ID(), o.host.Addrs(), time.Hour)
}

func (p *person) connect(ctx context.Context, id chat.PeerID) error {
	if err := p.host.Connect(ctx, peer.AddrInfo{ID: id.Libp2p()}); err != nil {
		return fmt.Errorf("%w: %w", chat.ErrUnreachable, err)
	}
	return nil
}

func (p *person) receive(_ context.Context, from chat.PeerID, segs []*chat.Segment) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken != nil {
		return p.broken
	}
	for _, s := range segs {
		if s.Author != from {
			p.t.Errorf("received a segment of %s from %s", s.Author, from)
		}
		for _, b := range s.Bodies {
			p.got = append(p.got, b.Text.Raw())
		}
	}
	return nil
}

func (p *person) event(ev Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, ev)
}

func (p *person) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// segment makes a segment of p to o.
func (p *person) segment(o *person, text string) *chat.Segment {
	p.seq++
	return segment(p.t, p.net, p.host, chat.DirectID(p.self, o.self), p.seq, text)
}

func segment(t testing.TB, _ *testnet.Network, h *host.Host, conv chat.ConversationID, seq uint64, s string) *chat.Segment {
	t.Helper()
	seg := &chat.Segment{
		Conversation: conv, Seq: seq, Time: chat.TimeOf(time.Now()) + chat.Time(seq),
		Bodies: []chat.Body{{Kind: chat.KindText, Text: text(t, s)}},
	}
	if err := wire.SealSegment(h.Peerstore().PrivKey(h.ID()), seg); err != nil {
		t.Fatal(err)
	}
	return seg
}

func text(t testing.TB, s string) chat.Text {
	t.Helper()
	x, err := chat.NewText(s)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func (p *person) say(o *person, text string) *chat.Segment {
	p.t.Helper()
	seg := p.segment(o, text)
	if err := p.Send(p.t.Context(), o.self, seg); err != nil {
		p.t.Fatal(err)
	}
	return seg
}

// want checks what p was given, in order, and that nothing came twice.
func (p *person) want(texts ...string) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Equal(p.got, texts) {
		p.t.Fatalf("received %d: %.300q, want %d: %.300q", len(p.got), p.got, len(texts), texts)
	}
}

// wantLog checks the events but for the IDs of segments.
func (p *person) wantLog(want ...string) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	var got []string
	for _, ev := range p.events {
		got = append(got, describe(ev))
	}
	if !slices.Equal(got, want) {
		p.t.Fatalf("events:\n%q\nwant:\n%q", got, want)
	}
}

// count counts the events of one type.
func count[E Event](p *person) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, ev := range p.events {
		if _, ok := ev.(E); ok {
			n++
		}
	}
	return n
}

func describe(ev Event) string {
	switch ev := ev.(type) {
	case Connected:
		if ev.ByUs {
			return "connected by us"
		}
		return "connected by them"
	case Disconnected:
		if ev.Err != nil {
			return "cut off"
		}
		return "disconnected"
	case Trying:
		return fmt.Sprintf("trying again after %d", ev.Attempt)
	case SegmentSent:
		return "sent"
	case SegmentDelivered:
		return "delivered"
	case SegmentRead:
		return "read"
	case SegmentFailed:
		return "failed: " + ev.Reason.Line()
	case SaidGoodbye:
		return "goodbye"
	case Refused:
		return "refused: " + ev.Reason.Line()
	}
	return fmt.Sprintf("%T", ev)
}

func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

func TestFirstMessageConnectsAndArrives(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, bob := two(t, testnet.Config{Latency: 50 * time.Millisecond})
		alice.say(bob, "hi")
		if n := alice.Pending(bob.self); n != 1 {
			t.Errorf("%d pending, want 1", n)
		}
		time.Sleep(time.Second)
		bob.want("hi")
		alice.wantLog("connected by us", "sent", "delivered")
		bob.wantLog("connected by them")
		if n := alice.Pending(bob.self); n != 0 {
			t.Errorf("%d pending, want 0", n)
		}
		bob.say(alice, "hello")
		time.Sleep(200 * time.Millisecond)
		alice.want("hello")
	})
}

var errTest = errors.New("test")
