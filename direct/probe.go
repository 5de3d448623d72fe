package direct

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/multiformats/go-multistream"
)

// errDead says that the other end of a connection did not answer.
var errDead = errors.New("the connection is dead")

// awaited is a stream on which the peer owes us an answer: acknowledgements, or
// its Hello. It is nil if there is none.
func (t *talk) awaited() *link {
	switch {
	case t.current != nil && t.box.inFlight() > 0:
		return t.current
	case t.current == nil && t.out != nil:
		return t.out
	default:
		return nil
	}
}

// watchOver keeps an eye on answers that do not come.
func (t *talk) watchOver(now time.Time) {
	if t.awaited() == nil {
		t.watch.rest()
		t.look.Stop()
		return
	}
	t.watch.given(now)
	due, _ := t.watch.due()
	t.look.Reset(due.Sub(now))
}

// unanswered is called when an answer is overdue.
func (t *talk) unanswered(now time.Time) {
	due, ok := t.watch.due()
	l := t.awaited()
	if !ok || now.Before(due) || l == nil {
		return
	}
	t.watch.ask(now)
	t.probe(l)
}

// probe asks the connection of a stream whether it lives, and closes it if not:
// that ends the stream, and the talk goes on over another.
func (t *talk) probe(l *link) {
	if t.probing[l] {
		return
	}
	t.probing[l] = true
	patience := t.watch.patience()
	t.wg.Go(func() {
		defer t.post(func() { delete(t.probing, l) })
		if err := t.s.ask(t.ctx, l.st.Conn(), patience); errors.Is(err, errDead) {
			t.s.cfg.log().Debug("direct: connection closed", "peer", t.peer, "err", err)
			_ = l.st.Conn().Close()
		}
	})
}

// ask wants a word over one connection, and no other to the same peer. The error
// wraps errDead if nothing at all came in for as long as patience: whatever the
// other side says, even that it knows no ping, shows that it is there.
func (s *Service) ask(ctx context.Context, c network.Conn, patience time.Duration) error {
	before := s.cfg.received(c)
	ctx, cancel := context.WithTimeout(network.WithAllowLimitedConn(ctx, "ping"), patience)
	defer cancel()
	err := pingOver(ctx, c)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && s.cfg.received(c) == before {
		return fmt.Errorf("%w: no answer for %v", errDead, patience)
	}
	return err
}

// pingOver sends a ping over a connection and waits for its echo.
func pingOver(ctx context.Context, c network.Conn) error {
	st, err := c.NewStream(ctx)
	if err != nil {
		return fmt.Errorf("open stream: %w", err)
	}
	defer func() { _ = st.Reset() }()
	defer context.AfterFunc(ctx, func() { _ = st.Reset() })()
	if err := st.SetProtocol(ping.ID); err != nil {
		return err
	}
	rw := multistream.NewMSSelect(st, ping.ID)
	var out, in [ping.PingSize]byte
	_, _ = rand.Read(out[:]) // never fails
	if _, err := rw.Write(out[:]); err != nil {
		return err
	}
	if _, err := io.ReadFull(rw, in[:]); err != nil {
		return err
	}
	if in != out {
		return errors.New("a wrong echo")
	}
	return nil
}
