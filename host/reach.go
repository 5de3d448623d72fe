package host

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"github.com/libp2p/go-libp2p/p2p/protocol/autonatv2"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// Reach is how others reach this node, as far as it is known.
type Reach struct {
	// Reachability is Unknown without seeds, Private until one of them could
	// call us back, and Public from then on; a seed is Public by its own word.
	Reachability network.Reachability
	// NAT is "none", "friendly" (one public port for all, so it can be punched
	// through), "symmetric" (a port for each, so it cannot) or "unknown": it
	// takes two peers on public addresses to tell.
	NAT string
	// Confirmed and Refuted are public addresses of ours that a seed could call,
	// or could not. Observed is where others see us, Mapped what the router gave
	// us (not always public), Advertised what we tell others.
	Confirmed, Refuted, Observed, Mapped, Advertised []ma.Multiaddr
	// Relays has one entry for each relay asked, those that refused too.
	Relays []Relay
	// PunchReady tells whether we take part in hole punching yet.
	PunchReady bool
}

// Reach tells how others reach this node. It is cheap, and any goroutine may
// call it.
func (h *Host) Reach() Reach {
	confirmed, refuted := h.proofs.split()
	return Reach{
		Reachability: h.Reachability(),
		NAT:          natKind(h.observer.all(), h.ownIPs()),
		Confirmed:    confirmed,
		Refuted:      refuted,
		Observed:     h.observer.addrs(false),
		Mapped:       h.mapper.mapped(),
		Advertised:   h.Addrs(),
		Relays:       h.relays.relays(),
		PunchReady:   h.puncher.ready(),
	}
}

// Reachability is that of Reach. libp2p's services ask for it by this name.
func (h *Host) Reachability() network.Reachability {
	return network.Reachability(h.reachability.Load())
}

// say tells libp2p's services, the DHT above all, how we can be reached.
func (h *Host) say(r network.Reachability) error {
	h.reachability.Store(int32(r))
	return h.emitReach.Emit(event.EvtLocalReachabilityChanged{Reachability: r})
}

// startReach says where we begin: a seed is reachable by its own word; who has
// seeds is not until they have shown it; who has none never knows, and says
// nothing.
func (h *Host) startReach() error {
	if h.cfg.Seed {
		return errors.Join(h.say(network.ReachabilityPublic), h.serveAutoNAT())
	}
	if h.proofs == nil {
		return nil
	}
	if err := h.say(network.ReachabilityPrivate); err != nil {
		return err
	}
	nat, err := autonatv2.New(noDialer{})
	if err != nil {
		return fmt.Errorf("AutoNAT: %w", err)
	}
	if err := nat.Start(askSeeds{h}); err != nil {
		return fmt.Errorf("AutoNAT: %w", err)
	}
	// Start serves too. A neighbour behind our own router would hear from us how
	// he looks from inside.
	h.RemoveStreamHandler(autonatv2.DialProtocol)
	h.services.add(closer(func() error { nat.Close(); return nil }))
	h.proofs.nat = nat
	h.running.Go(func() { h.proofs.run(h.ctx) })
	return nil
}

// candidates are the public addresses that somebody might reach us at.
func (h *Host) candidates() []ma.Multiaddr {
	as := slices.Concat(
		h.mapper.mapped(),
		h.observer.addrs(true),
		expand(h.Network().ListenAddresses(), h.interfaces.now()))
	return slices.DeleteFunc(distinct(as), func(a ma.Multiaddr) bool { return !manet.IsPublicAddr(a) })
}

// ownIPs are the machine's addresses that we listen on.
func (h *Host) ownIPs() (ips []netip.Addr) {
	for _, a := range expand(h.listens(), h.interfaces.now()) {
		if at, ok := endpoint(a); ok {
			ips = append(ips, at.Addr())
		}
	}
	return ips
}

// hasIPv4 tells whether we have an IPv4 address that other machines see.
func (h *Host) hasIPv4() bool {
	return slices.ContainsFunc(h.ownIPs(), func(a netip.Addr) bool { return a.Is4() && !a.IsLoopback() })
}

// addrs is what the host tells others of itself. libp2p's own opinion, made of
// interface addresses up to a minute old, is put aside.
func (h *Host) addrs([]ma.Multiaddr) []ma.Multiaddr {
	return advertised(addrFacts{
		listen:     h.swarm.ListenAddresses(),
		interfaces: h.interfaces.now(),
		outside:    slices.Concat(h.mapper.mapped(), h.observer.addrs(true)),
		circuits:   h.relays.addrs(),
		confirmed:  h.proofs.confirmed,
		trustOwn:   h.cfg.Seed || h.proofs.mayTrustOwn(),
	})
}

// refreshAddrs has libp2p look at our addresses now, if they are others than the
// last time, and tell those who wait for EvtLocalAddressesUpdated. By itself it
// looks every five seconds. The event is the one that autorelay would send; what
// it says is not used, since addrs asks for relays itself.
func (h *Host) refreshAddrs() {
	h.told.Lock()
	defer h.told.Unlock()
	as := h.addrs(nil)
	if slices.EqualFunc(as, h.toldAddrs, ma.Multiaddr.Equal) {
		return
	}
	h.toldAddrs = as
	if err := h.emitAddrs.Emit(event.EvtAutoRelayAddrsUpdated{RelayAddrs: h.relays.addrs()}); err != nil {
		h.cfg.log().Debug("changed addresses not told", "err", err)
	}
}

// listens is where the host was told to listen.
func (h *Host) listens() []ma.Multiaddr {
	return slices.Concat(h.cfg.Listen, h.cfg.ListenOptional)
}

// hasSeeds tells whether there is somebody to relay for us and to call us back.
func (h *Host) hasSeeds() bool { return !h.cfg.Seed && len(h.cfg.Relays) > 0 }

// isRelay tells the seeds from all others.
func (h *Host) isRelay(p peer.ID) bool {
	return slices.ContainsFunc(h.cfg.Relays, func(ai peer.AddrInfo) bool { return ai.ID == p })
}

// listenToEvents hears what peers say of our address, and who comes and goes.
func (h *Host) listenToEvents() error {
	sub, err := h.EventBus().Subscribe(new(event.EvtPeerIdentificationCompleted),
		eventbus.Name("host"), eventbus.BufSize(identifiedRoom))
	if err != nil {
		return fmt.Errorf("events: %w", err)
	}
	n := &network.NotifyBundle{
		ConnectedF: func(_ network.Network, c network.Conn) { h.relays.changed(c.RemotePeer()) },
		DisconnectedF: func(_ network.Network, c network.Conn) {
			h.observer.forget(c)
			h.relays.changed(c.RemotePeer())
		},
	}
	h.Network().Notify(n)
	h.running.Go(func() {
		defer h.Network().StopNotify(n)
		defer sub.Close()
		for {
			select {
			case <-h.ctx.Done():
				return
			case ev := <-sub.Out():
				if ev, ok := ev.(event.EvtPeerIdentificationCompleted); ok {
					h.identified(ev)
				}
			}
		}
	})
	return nil
}

// identifiedRoom is the room for events; who identifies faster than we look waits.
const identifiedRoom = 64

// identified hears what a peer says of the address that we call from.
func (h *Host) identified(ev event.EvtPeerIdentificationCompleted) {
	h.observer.hear(ev.Conn, ev.ObservedAddr)
	if !h.cfg.Seed {
		h.puncher.begin()
	}
	if h.isRelay(ev.Peer) && !isCircuit(ev.Conn.RemoteMultiaddr()) {
		h.proofs.seedCame()
	}
}
