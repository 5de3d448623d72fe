package direct

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

var (
	errNoHello = errors.New("no hello")
	errTooMany = errors.New("too many streams")
)

// accept serves a stream that a peer opened. libp2p calls it in a goroutine of
// its own, on the first bytes of the peer.
func (s *Service) accept(st network.Stream) {
	if err := s.greet(st); err != nil {
		_ = st.Reset()
		s.cfg.log().Debug("direct: stream not accepted", "peer", st.Conn().RemotePeer(), "err", err)
	}
}

// greet does everything up to the peer's Hello, and hands the stream to the
// talk with that peer. A stranger who never says Hello costs no more than this.
func (s *Service) greet(st network.Stream) error {
	p, err := chat.PeerIDFromLibp2p(st.Conn().RemotePeer())
	if err != nil {
		return err
	}
	strange, err := s.enter(p, s.cfg.known(p))
	if err != nil {
		return err
	}
	defer s.wg.Done()
	done := func() { s.leave(p, strange) }
	stop := context.AfterFunc(s.ctx, func() { _ = st.Reset() })
	defer stop()

	if err := st.SetDeadline(time.Now().Add(s.cfg.helloTimeout())); err != nil {
		done()
		return err
	}
	l, err := newLink(st, false, done)
	if err != nil {
		done()
		return err
	}
	if err := s.cfg.admit(p); err != nil {
		defer done()
		return refuse(st, err)
	}
	hello, err := l.readHello()
	if err != nil {
		done()
		return err
	}
	if err := st.SetDeadline(time.Time{}); err != nil {
		done()
		return err
	}
	t, err := s.acquire(p)
	if err != nil {
		done()
		return err
	}
	defer s.release(t)
	if !t.ask(func() { t.adopt(l, hello) }) {
		done()
		return chat.ErrClosed
	}
	return nil
}

// enter counts a stream that a peer opened, and the handler that serves it. It
// reports whether it is a stranger's.
func (s *Service) enter(p chat.PeerID, known bool) (strange bool, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.inbound[p]
	strange = !known && !s.wanted[p]
	switch {
	case s.closed:
		return false, chat.ErrClosed
	case v.all >= maxInboundOfPeer, strange && s.streams >= maxInbound && !s.makeRoom():
		return false, errTooMany
	}
	if strange {
		v.strange++
		s.streams++
	}
	v.all++
	s.inbound[p] = v
	s.wg.Add(1)
	return strange, nil
}

// makeRoom ends the talk with the stranger who has said nothing for longest, if
// for long enough, and reports whether there is one; s.mu is held. Who has
// something to say comes again.
func (s *Service) makeRoom() bool {
	var silent *talk
	before := time.Now().Add(-silentTime).UnixNano()
	for p, v := range s.inbound {
		t := s.talks[p]
		if v.strange == 0 || t == nil || t.dismissed || s.wanted[p] {
			continue
		}
		if heard := t.heard.Load(); heard <= before && (silent == nil || heard < silent.heard.Load()) {
			silent = t
		}
	}
	if silent == nil {
		return false
	}
	silent.dismissed = true
	select {
	case silent.dismiss <- struct{}{}:
	default: // asked before
	}
	return true
}

// leave is called when that stream is gone.
func (s *Service) leave(p chat.PeerID, strange bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.inbound[p]
	if v.all--; v.all == 0 {
		if t := s.talks[p]; t != nil {
			t.dismissed = false
		}
	}
	if strange {
		v.strange--
		s.streams--
	}
	if s.inbound[p] = v; v.all == 0 {
		delete(s.inbound, p)
	}
}

// refuse tells a peer why we do not talk to it. The deadline is set.
func refuse(st network.Stream, reason error) error {
	frame, err := wire.AppendDirect(nil, wire.Refuse{Reason: safeText(reason.Error())})
	if err != nil {
		return err
	}
	if _, err := st.Write(frame); err != nil {
		return fmt.Errorf("refuse: %w", err)
	}
	return st.Close()
}

// safeText makes a reason of our own words, or of a stranger's.
func safeText(s string) chat.Text {
	s = chat.SafeString(s)
	for i := range s {
		if i > wire.MaxReason-4 { // at the start of a character, of 4 bytes at most
			s = s[:i]
			break
		}
	}
	t, _ := chat.NewText(s) // valid and short: made so above
	return t
}
