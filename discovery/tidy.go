package discovery

import (
	"context"
	"slices"
	"time"

	corehost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"
)

// libp2p dials all addresses that its store has of a peer, and fills the store
// with whatever anybody says: the peer itself up to 500. So before each dial we
// take out what should not be dialled.

// worthy gives those of p's addresses that may be dialled: trusted ones, and
// those that the scope admits.
func (d *dialer) worthy(p peer.ID) []ma.Multiaddr {
	all := d.h.Peerstore().Addrs(p)
	if d.exempt(p) {
		return all
	}
	in := d.scope()
	if len(all) <= maxAddrs && !slices.ContainsFunc(all, func(a ma.Multiaddr) bool { return !in.admits(a) }) {
		return all
	}
	trusted := d.trusted(p)
	return d.bound(trusted, slices.DeleteFunc(all, func(a ma.Multiaddr) bool { return !in.admits(a) && !ma.Contains(trusted, a) }))
}

// bound keeps at most maxAddrs addresses, those that are trusted before others.
func (d *dialer) bound(trusted, addrs []ma.Multiaddr) []ma.Multiaddr {
	is := func(a ma.Multiaddr) bool { return ma.Contains(trusted, a) }
	isNot := func(a ma.Multiaddr) bool { return !is(a) }
	all := append(boundAddrs(ma.FilterAddrs(addrs, is)), boundAddrs(ma.FilterAddrs(addrs, isNot))...)
	return all[:min(len(all), maxAddrs)]
}

// tidy leaves only worthy addresses of p in the host's store, and returns them.
func (d *dialer) tidy(p peer.ID) []ma.Multiaddr {
	keep := d.worthy(p)
	if !d.exempt(p) && d.h.Network().Connectedness(p) != network.Connected {
		keep = d.permitted(p, keep, time.Now())
	}
	if len(keep) < len(d.h.Peerstore().Addrs(p)) {
		d.restrict(p, keep)
	}
	return keep
}

// restrict makes keep all that the host's store has of p.
func (d *dialer) restrict(p peer.ID, keep []ma.Multiaddr) {
	life := foundAddrLife
	if d.connected(p) {
		life = peerstore.ConnectedAddrTTL
	}
	d.h.Peerstore().ClearAddrs(p)
	d.h.Peerstore().AddAddrs(p, keep, life)
}

// A tidyHost is the host that the DHT is given: what it dials, too, are
// addresses that strangers named.
type tidyHost struct {
	corehost.Host
	d *dialer
}

// Connect is the host's, with worthy addresses only.
func (h tidyHost) Connect(ctx context.Context, info peer.AddrInfo) error {
	if len(info.Addrs) > 0 {
		addAddrs(h.Host, info, foundAddrLife)
	}
	if !h.d.connected(info.ID) && slices.ContainsFunc(h.d.tidy(info.ID), isCircuit) {
		h.d.awaitPunch(ctx)
	}
	return h.Host.Connect(ctx, peer.AddrInfo{ID: info.ID})
}

// NewStream is the host's, with worthy addresses only should it have to dial.
func (h tidyHost) NewStream(ctx context.Context, p peer.ID, protocols ...protocol.ID) (network.Stream, error) {
	if !h.d.connected(p) {
		h.d.tidy(p)
	}
	return h.Host.NewStream(ctx, p, protocols...)
}

// exempt reports whether p is one of our seeds: the user named their addresses.
func (d *dialer) exempt(p peer.ID) bool { return d.isSeed != nil && d.isSeed(p) }

// scope is the one in force; without anybody to tell it, the widest.
func (d *dialer) scope() scope {
	if d.horizon == nil {
		return loopbackScope
	}
	return d.horizon()
}

func (d *dialer) trusted(p peer.ID) []ma.Multiaddr {
	addrs := append(d.given.addrs(p, time.Now()), d.heard.addrs(p, time.Now())...)
	if d.remembered != nil {
		addrs = append(addrs, d.remembered(p)...)
	}
	return addrs
}
