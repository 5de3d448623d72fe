package testnet

import (
	"slices"
	"time"
)

// SetLatency sets the one-way latency between a and b, in both directions.
// Packets on their way keep theirs.
func (n *Network) SetLatency(a, b Peer, d time.Duration) {
	n.t.Helper()
	for _, l := range n.both(n.node(a), n.node(b)) {
		l.mu.Lock()
		l.latency = d
		l.mu.Unlock()
	}
}

// SetBandwidth sets the bytes per second between a and b, in each direction;
// zero is without limit.
func (n *Network) SetBandwidth(a, b Peer, bytesPerSecond int64) {
	n.t.Helper()
	for _, l := range n.both(n.node(a), n.node(b)) {
		l.mu.Lock()
		l.bandwidth = bytesPerSecond
		l.mu.Unlock()
	}
}

// Cut makes all packets between a and b vanish. Nobody is told: connections
// stall until they time out, new ones find no answer.
func (n *Network) Cut(a, b Peer) {
	n.t.Helper()
	n.cut(n.node(a), n.node(b))
}

func (n *Network) cut(a, b *node) {
	for _, l := range n.both(a, b) {
		l.setCut(true)
	}
	for _, p := range n.between(a, b) {
		p.a.out.hold()
		p.b.out.hold()
	}
}

// Heal ends a Cut. What was sent meanwhile on a connection that still lives
// arrives now, as TCP would repeat it.
func (n *Network) Heal(a, b Peer) {
	n.t.Helper()
	n.heal(n.node(a), n.node(b))
}

func (n *Network) heal(a, b *node) {
	for _, l := range n.both(a, b) {
		l.setCut(false)
	}
	for _, p := range n.between(a, b) {
		p.a.out.release()
		p.b.out.release()
	}
}

// Reset kills the connections between a and b at once, with an error at both
// ends. New ones may follow.
func (n *Network) Reset(a, b Peer) {
	n.t.Helper()
	for _, p := range n.between(n.node(a), n.node(b)) {
		p.a.reset()
	}
}

// A Group is one side of a Partition.
type Group []Peer

// GroupOf makes a group of its members; a slice of hosts will do.
func GroupOf[P Peer](members ...P) Group {
	g := make(Group, len(members))
	for i, m := range members {
		g[i] = m
	}
	return g
}

// Partition cuts every link between hosts of different groups. Hosts that are
// in no group make up one more. Links inside a group stay as they are.
func (n *Network) Partition(groups ...Group) {
	n.t.Helper()
	side := make(map[*node]int)
	for i, g := range groups {
		for _, m := range g {
			side[n.node(m)] = i + 1
		}
	}
	n.eachLink(func(a, b *node) {
		if side[a] != side[b] {
			n.cut(a, b)
		}
	})
}

// HealAll ends every Cut and Partition.
func (n *Network) HealAll() {
	n.eachLink(n.heal)
}

// eachLink calls f once for any two nodes that are on.
func (n *Network) eachLink(f func(a, b *node)) {
	var on []*node
	for _, nd := range n.nodes() {
		if !nd.off.Load() {
			on = append(on, nd)
		}
	}
	for i, a := range on {
		for _, b := range on[:i] {
			f(a, b)
		}
	}
}

// Kill is the pulled plug: the host is gone, and its peers hear nothing, not
// even the end of a connection. The host is closed, so its goroutines are gone
// when Kill returns. HostWith brings it back.
func (n *Network) Kill(p Peer) {
	n.t.Helper()
	nd := n.node(p)
	nd.off.Store(true)
	for _, o := range n.nodes() {
		if o != nd {
			n.cut(nd, o)
		}
	}
	n.mu.Lock()
	hosts := slices.Clone(nd.hosts)
	n.mu.Unlock()
	for _, h := range hosts {
		_ = h.Close()
	}
}

func (n *Network) nodes() []*node {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.all)
}

func (n *Network) both(a, b *node) [2]*link {
	return [2]*link{n.link(a, b), n.link(b, a)}
}

// between lists the open connections of two nodes.
func (n *Network) between(a, b *node) (ps []*pair) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for p := range n.pairs {
		x, y := p.a.node, p.b.node
		if (x == a && y == b) || (x == b && y == a) {
			ps = append(ps, p)
		}
	}
	return ps
}
