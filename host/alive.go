package host

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	mss "github.com/multiformats/go-multistream"
)

const (
	// probeOlder spares connections so young that they were just used.
	probeOlder = 500 * time.Millisecond
	// probeTimeout is how long an answer may take: a slow link's queue, then
	// some.
	probeTimeout = 2 * time.Second
	// probeBusy is how much must leave in that time for a connection to count as
	// one on which the answer waits behind an upload: more than a message or two
	// that is sent again and again in vain.
	probeBusy = 16 << 10
	// maxProbes bounds the connections asked at the same time.
	maxProbes = 64
)

// Probe asks every connection older than half a second whether the other side
// still answers, and closes those from which nothing at all comes for two
// seconds. It returns when all have answered or are closed, or when ctx ends.
//
// Call it when there is reason to doubt: the keep-alive finds a dead connection
// by itself, but takes up to 13 seconds.
func (h *Host) Probe(ctx context.Context) { h.probe(ctx, h.Network().Conns()) }

// probeBeside asks the older direct connections with somebody who made a new one:
// it would be the reason that the old ones are dead. Whoever opens a stream might
// still get one of those.
func (h *Host) probeBeside(ctx context.Context, c network.Conn) {
	older := slices.DeleteFunc(h.Network().ConnsToPeer(c.RemotePeer()), func(o network.Conn) bool {
		return o == c || isCircuit(o.RemoteMultiaddr())
	})
	h.probe(ctx, older)
}

func (h *Host) probe(ctx context.Context, conns []network.Conn) {
	var wg sync.WaitGroup
	defer wg.Wait()
	room := make(chan struct{}, maxProbes)
	for _, c := range conns {
		if time.Since(c.Stat().Opened) < probeOlder {
			continue
		}
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return
		}
		wg.Go(func() {
			defer func() { <-room }()
			if !h.alive(ctx, c) && ctx.Err() == nil {
				h.cfg.log().Debug("connection is dead", "peer", c.RemotePeer(), "addr", c.RemoteMultiaddr())
				_ = c.Close()
			}
		})
	}
}

// alive asks for a protocol that everybody knows. Whatever comes back is a sign
// of life, a refusal too, and so is anything else that arrived meanwhile: behind
// a large transfer the answer may be late. For the other direction of one we
// cannot tell, and leave the judgement to the keep-alive.
func (h *Host) alive(ctx context.Context, c network.Conn) bool {
	in, out := h.Traffic(c)
	ctx, cancel := context.WithTimeout(network.WithAllowLimitedConn(ctx, "probe"), probeTimeout)
	defer cancel()
	s, err := c.NewStream(ctx)
	if err != nil {
		// Out of streams is no proof of death; out of time is.
		return !errors.Is(err, context.DeadlineExceeded)
	}
	defer s.Reset() //nolint:errcheck // nobody needs it any more
	defer context.AfterFunc(ctx, func() { _ = s.Reset() })()
	if err := s.SetDeadline(time.Now().Add(probeTimeout)); err != nil {
		return true
	}
	_, err = mss.SelectOneOf([]protocol.ID{ping.ID}, s)
	if err == nil || !os.IsTimeout(err) && ctx.Err() == nil {
		return true
	}
	inNow, outNow := h.Traffic(c)
	return inNow > in || outNow >= out+probeBusy
}
