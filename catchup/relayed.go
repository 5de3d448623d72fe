package catchup

import (
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/p2pchat/p2pchat/chat"
)

// A relay lets a connection carry so much, 64 MiB in each direction unless it says
// otherwise, and so long, an hour. History must leave most of that to the chat, and
// the rest of it can wait until there is a direct connection.
const (
	// relayedBytes is what one run may bring over a relay, and take.
	relayedBytes = 8 << 20
	// relayedEvery is how long it takes until one peer may bring us a byte more
	// that way, in all runs that we call: relayedBytes in ten minutes.
	relayedEvery = 10 * time.Minute / relayedBytes
	// relayedLeast is what a run may bring all the same: the newest.
	relayedLeast = 1 << 20
)

// relayed reports whether a stream goes through a relay that bounds it.
func relayed(st network.Stream) bool {
	c := st.Conn()
	return c != nil && c.Stat().Limited
}

// overRelay is how many bytes a run that we call may bring over a relay now.
func (r *runs) overRelay(p chat.PeerID, now time.Time) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	used := int64(max(0, r.brought[p].Sub(now)) / relayedEvery)
	return max(relayedBytes-used, relayedLeast)
}

// chargeRelay notes what such a run has brought.
func (r *runs) chargeRelay(p chat.PeerID, now time.Time, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.brought[p] = spend(r.brought, p, now, time.Duration(bytes)*relayedEvery)
}
