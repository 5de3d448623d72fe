package node

import (
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/rooms"
	"github.com/p2pchat/p2pchat/wire"
)

// A stranger is a real host in a room that signs what a test tells it to, and
// has a clock of its own. It answers no catch-up and keeps no log.
type stranger struct {
	*host.Host
	t     *testing.T
	key   crypto.PrivKey
	conv  chat.ConversationID
	room  *rooms.Room
	clock time.Duration // how far its clock is ahead
	next  uint64
}

// stranger comes into a room, connected with these people.
func (w *world) stranger(room string, clock time.Duration, with ...*person) *stranger {
	w.t.Helper()
	s := &stranger{Host: w.net.Host(), t: w.t, conv: chat.RoomID(chat.RoomName(room)), clock: clock, next: 1}
	s.key = s.Peerstore().PrivKey(s.ID())
	svc, err := rooms.New(s.Host, rooms.Config{Self: s.self(), Key: s.key})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = svc.Close() })
	// Invisible: the beacons are ours to make.
	if s.room, err = svc.Join(s.conv, rooms.Handler{}, rooms.Invisible()); err != nil {
		w.t.Fatal(err)
	}
	for _, p := range with {
		w.net.Connect(s.Host, p.host)
	}
	time.Sleep(3 * time.Second) // the meshes form
	s.beacon()
	return s
}

func (s *stranger) self() chat.PeerID {
	p, err := chat.PeerIDFromLibp2p(s.ID())
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func (s *stranger) publish(envelope []byte) {
	s.t.Helper()
	if n, err := s.room.Publish(s.t.Context(), envelope); err != nil || n == 0 {
		s.t.Fatalf("published to %d: %v", n, err)
	}
}

// beacon says that it is here, by its own clock.
func (s *stranger) beacon(heads ...chat.SegmentID) {
	s.t.Helper()
	b := &chat.Beacon{Conversation: s.conv, Sent: time.Now().Add(s.clock), Heads: heads}
	if err := wire.SealBeacon(s.key, b); err != nil {
		s.t.Fatal(err)
	}
	s.publish(b.Envelope)
}

// segment makes a message of its clock's time, plus ahead.
func (s *stranger) segment(text string, ahead time.Duration, parents ...chat.SegmentID) *chat.Segment {
	s.t.Helper()
	body, err := chat.NewText(text)
	if err != nil {
		s.t.Fatal(err)
	}
	seg := &chat.Segment{
		Conversation: s.conv, Seq: s.next, Parents: parents,
		Time:   chat.TimeOf(time.Now().Add(s.clock + ahead)),
		Bodies: []chat.Body{{Kind: chat.KindText, Text: body}},
	}
	s.next++
	if err := wire.SealSegment(s.key, seg); err != nil {
		s.t.Fatal(err)
	}
	return seg
}

func (s *stranger) say(text string, ahead time.Duration, parents ...chat.SegmentID) *chat.Segment {
	s.t.Helper()
	seg := s.segment(text, ahead, parents...)
	s.publish(seg.Envelope)
	return seg
}

// saw reports whether a text was shown.
func (p *person) saw(text string) bool {
	_, _, ok := p.find(func(ev chat.Event) bool {
		m, ok := ev.(chat.Message)
		return ok && m.Text.Raw() == text
	})
	return ok
}

// timeOf is the time that a shown message has.
func (p *person) timeOf(text string) time.Time {
	ev, _, ok := p.find(func(ev chat.Event) bool {
		m, ok := ev.(chat.Message)
		return ok && m.Text.Raw() == text
	})
	if !ok {
		p.t.Fatalf("%s never saw %q", p.nick, text)
	}
	return ev.(chat.Message).Time
}

// told reports whether a notice of this kind was shown.
func (p *person) told(code chat.NoticeCode) bool {
	_, _, ok := p.find(func(ev chat.Event) bool {
		n, ok := ev.(chat.Notice)
		return ok && n.Code == code
	})
	return ok
}
