package node

import (
	"maps"
	"slices"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"

	"github.com/p2pchat/p2pchat/chat"
)

// This file knows with whom there is a relayed connection and no other. Gossip
// does not use these, so a room learns of such a neighbour here. Private talks and
// catch-up use them at once.

// watchWays hears, until the node ends, of everybody who is connected in another
// way: it keeps n.relayedTo, and has rooms and private talks look.
func (n *Node) watchWays() error {
	sub, err := n.host.EventBus().Subscribe(new(event.EvtPeerConnectednessChanged), eventbus.Name("node"))
	if err != nil {
		return err
	}
	n.wg.Go(func() {
		defer func() { _ = sub.Close() }()
		for {
			select {
			case <-n.ctx.Done():
				return
			case ev, ok := <-sub.Out():
				if !ok {
					return
				}
				c := ev.(event.EvtPeerConnectednessChanged)
				if p, err := chat.PeerIDFromLibp2p(c.Peer); err == nil {
					n.wayChanged(p, c.Connectedness == network.Limited)
					n.pathChanged(p)
				}
			}
		}
	})
	return nil
}

// wayChanged notes whether p is connected through a relay alone.
func (n *Node) wayChanged(p chat.PeerID, relayed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.relayedTo[p] == relayed {
		return
	}
	if relayed {
		n.relayedTo[p] = true
	} else {
		delete(n.relayedTo, p)
	}
	for _, c := range n.convs {
		if l, ok := c.link.(*roomLink); ok {
			c.try(func() { l.wayChanged(p) })
		}
	}
}

// onlyRelayed lists those to whom there is a relayed connection and no other.
func (n *Node) onlyRelayed() []chat.PeerID {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Collect(maps.Keys(n.relayedTo))
}

// wayChanged looks who is connected, when somebody is so in another way. What was
// left for a better way can go on.
func (l *roomLink) wayChanged(p chat.PeerID) {
	if m, known := l.roster[p]; !known || !m.Online {
		return
	}
	s := &l.c.syncer
	if _, waits := s.later[p]; waits && !l.c.node.relayed(p) && l.c.node.Connected(p) {
		delete(s.later, p)
		s.want(p)
	}
	l.c.peersChanged()
}

// connected are the neighbours in gossip, and the members to whom there is only a
// relayed connection. Seeds keep the list of who is online, so they can be asked
// for that.
func (l *roomLink) connected() []chat.PeerID {
	out := l.room.Peers()
	gossip := len(out)
	add := func(p chat.PeerID) {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	for _, p := range l.c.node.onlyRelayed() {
		if m, known := l.roster[p]; known && m.Online && !m.Seed {
			add(p)
		}
	}
	l.beside.Store(int32(len(out) - gossip))
	if l.c.conv.IsPresence() {
		for _, p := range l.c.node.connectedSeeds() {
			add(p)
		}
	}
	return out
}

// connectedSeeds are those of the seeds we were given that are connected.
func (n *Node) connectedSeeds() (out []chat.PeerID) {
	for _, s := range n.given.all() {
		if id, err := chat.PeerIDFromLibp2p(s.ID); err == nil && n.Connected(id) && !n.relayed(id) {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, chat.PeerID.Compare)
	return out
}
