package direct

import (
	"context"
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multistream"
)

// connect starts an attempt to get a stream.
func (t *talk) connect() {
	ctx, cancel := context.WithCancel(t.ctx)
	search, found := context.WithCancel(ctx)
	t.dialling, t.found = cancel, found
	t.attempt++
	attempt := t.attempt
	t.wg.Go(func() {
		defer cancel()
		st, err := t.dial(ctx, search)
		if !t.post(func() { t.dialled(attempt, st, err) }) && st != nil {
			_ = st.Reset()
		}
	})
}

// stopDialling ends an attempt that has no stream yet. One that has is left
// alone: the peer may count on it already.
func (t *talk) stopDialling() {
	if t.dialling != nil {
		t.dialling()
		t.dialling = nil
		t.attempt++ // its answer comes too late
	}
}

// dial finds the peer and opens a stream. The stream's deadline is set. The end
// of search alone says that the peer has connected to us meanwhile.
func (t *talk) dial(ctx, search context.Context) (network.Stream, error) {
	id := t.peer.Libp2p()
	switch t.s.host.Network().Connectedness(id) {
	case network.Connected, network.Limited:
	default:
		look, cancel := context.WithTimeout(search, t.s.cfg.connectTimeout())
		defer cancel()
		err := t.s.cfg.connect(look, t.peer)
		if err != nil && (search.Err() == nil || ctx.Err() != nil) {
			return nil, err
		}
	}
	st, err := t.openStream(ctx, true) // Connect alone dials
	if err != nil {
		return nil, fmt.Errorf("open stream: %w", err)
	}
	return st, nil
}

// dialled takes the answer of dial.
func (t *talk) dialled(attempt int, st network.Stream, err error) {
	if attempt != t.attempt || t.ended {
		if st != nil {
			_ = st.Reset() // not a byte was written: the peer knows nothing of it
		}
		return
	}
	t.dialling = nil
	var l *link
	if err == nil {
		if l, err = newLink(st, true, nil); err != nil {
			_ = st.Reset()
		}
	}
	if err != nil {
		unsupported := errors.Is(err, multistream.ErrNotSupported[protocol.ID]{})
		t.handle(evFailed{err, unsupported})
		return
	}
	t.out = l
	t.sayHello(l)
	t.start(l)
}
