package bootstrap

import (
	"context"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
)

// probeTimeout is how long a seed may take to answer after we have moved. Its
// connection may look sound for a quarter of a minute longer.
const probeTimeout = 2 * time.Second

// Moved says that this machine has changed its network, or woke up: each seed
// that is connected is asked whether it is still there, and let go if not; each
// that is not connected is dialled at once, however often that has failed. It
// returns at once.
func (a *Attachment) Moved() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.byPeer {
		select {
		case s.moved <- struct{}{}:
		default: // it has not heard of the last time yet
		}
	}
}

// probe lets a connected seed go that does not answer any more.
func (a *Attachment) probe(ctx context.Context, s *seed) {
	ctx, cancel := context.WithTimeout(network.WithNoDial(ctx, "seed"), probeTimeout)
	defer cancel()
	// The ping's goroutine ends with ctx, and needs nobody to read its answers.
	answer, ok := <-ping.Ping(ctx, a.h, s.id)
	if ok && answer.Error == nil {
		return
	}
	a.cfg.log().Debug("seed does not answer any more", "peer", s.id, "err", answer.Error)
	_ = a.h.Network().ClosePeer(s.id)
}
