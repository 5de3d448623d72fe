package discovery

import (
	"context"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

const (
	// punchProtocol is served by a host that takes part in hole punching.
	punchProtocol = protocol.ID("/libp2p/dcutr")

	// punchWait is how long the first relayed dials wait for it. The other side
	// begins to punch when the relayed connection arrives, once: whoever is not
	// ready then stays on the relay until the next attempt.
	punchWait = time.Second

	// punchLook is how often they look.
	punchLook = 10 * time.Millisecond
)

// awaitPunch waits until this host takes part in hole punching, but not after
// punchWait from its first call: it may never do so. Without the internet, or
// a port of our own, there is nothing to punch.
func (d *dialer) awaitPunch(ctx context.Context) {
	if d.scope() != publicScope || len(interfaceAddrs(d.h)) == 0 {
		return
	}
	d.mu.Lock()
	if d.punchBy.IsZero() {
		d.punchBy = time.Now().Add(punchWait)
	}
	until := d.punchBy
	d.mu.Unlock()
	for !d.punches() && time.Now().Before(until) {
		if !sleep(ctx, punchLook) {
			return
		}
	}
}

func (d *dialer) punches() bool { return slices.Contains(d.h.Mux().Protocols(), punchProtocol) }

// A forgetful host can drop libp2p's own memory of failed dials. Ours is the one
// that counts: who is back at once must be reached at once.
type forgetful interface{ ClearBackoff(p peer.ID) }

func (d *dialer) clearBackoff(p peer.ID) {
	if h, ok := d.h.(forgetful); ok {
		h.ClearBackoff(p)
	}
}
