package direct

import (
	"context"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/p2pchat/p2pchat/wire"
)

// This file moves a talk from a relayed connection to a direct one, as soon as
// there is one. Who opened the stream opens the new one. Once both have said Hello
// on it, what is not acknowledged goes out there, in order, and the peer drops
// what it has; the old stream is read to its end for what was on its way. Nobody
// is told: the talk goes on.

// relayed reports whether a stream's connection is one through a relay.
func (l *link) relayed() bool { return l.st.Conn().Stat().Limited }

// connsChanged is called when the peer has one more connection with us. It may be
// better than ours, or the peer made it because ours is dead.
func (t *talk) connsChanged(now time.Time) {
	t.moveAt = now
	l := t.current
	if l == nil {
		l = t.out
	}
	if l == nil {
		return
	}
	conns := t.s.host.Network().ConnsToPeer(t.peer.Libp2p())
	better := l.relayed() && slices.ContainsFunc(conns, func(c network.Conn) bool { return !c.Stat().Limited })
	if len(conns) > 0 && conns[len(conns)-1] != l.st.Conn() && !better {
		t.probe(l)
	}
}

// moveOn starts to move, if that is possible and not under way.
func (t *talk) moveOn(now time.Time) {
	switch {
	case t.out == nil, !t.out.up, t.out.bidden, !t.out.relayed(), t.parting[t.out], t.moving, t.next != nil, t.ended:
		return
	case t.s.host.Network().Connectedness(t.peer.Libp2p()) != network.Connected:
		return
	case now.Before(t.moveAt):
		t.move.Reset(t.moveAt.Sub(now))
		return
	}
	t.moving = true
	t.moveAt = now.Add(moveAgain) // if it fails
	t.wg.Go(func() {
		st, err := t.openStream(t.ctx, false)
		if err != nil {
			t.s.cfg.log().Debug("direct: cannot move", "peer", t.peer, "err", err)
		}
		if !t.post(func() { t.opened(st) }) && st != nil {
			_ = st.Reset()
		}
	})
}

// opened takes the stream to move to, or nil.
func (t *talk) opened(st network.Stream) {
	t.moving = false
	if st == nil {
		return
	}
	if t.ended || t.out == nil || !t.out.relayed() || t.out.bidden || t.parting[t.out] {
		_ = st.Reset() // not a byte was written: the peer knows nothing of it
		return
	}
	l, err := newLink(st, true, nil)
	if err != nil {
		_ = st.Reset()
		return
	}
	t.next = l
	t.sayHello(l)
	t.start(l)
}

// arrived puts the stream that we moved to, which the peer has just answered, in
// the place of the old one.
func (t *talk) arrived() {
	old := t.out
	t.out, t.next = t.next, nil
	if old != nil {
		old.retire()
	}
}

// retire ends a stream in whose place another has come. What the peer has on its
// way is read for partingTime; what we had yet to write goes out on the other.
func (l *link) retire() {
	l.out.abandon()
	l.finish()
}

// abandon drops the segments that are not written yet; acknowledgements stay.
func (o *output) abandon() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.frames = nil
}

// openStream opens a stream over a connection that there is; relayed says that a
// relayed one will do. A direct one is taken if there is one (see isBetterConn in
// libp2p's swarm). The stream's deadline is set.
func (t *talk) openStream(ctx context.Context, relayed bool) (network.Stream, error) {
	until := time.Now().Add(t.s.cfg.helloTimeout())
	ctx, cancel := context.WithDeadline(network.WithNoDial(ctx, "direct"), until)
	defer cancel()
	if relayed {
		ctx = network.WithAllowLimitedConn(ctx, "direct")
	}
	st, err := t.s.host.NewStream(ctx, t.peer.Libp2p(), wire.DirectProtocol)
	if err != nil {
		return nil, err
	}
	if err := st.SetDeadline(until); err != nil {
		_ = st.Reset()
		return nil, err
	}
	return st, nil
}
