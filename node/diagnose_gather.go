package node

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/p2pchat/p2pchat/bootstrap"
	"github.com/p2pchat/p2pchat/chat"
)

// What is here looks at a running node, and hands what it sees to the judges.

// How long a diagnosis waits for one thing, if its options leave it the time.
const (
	// seedPatience is how long an attempt at a seed that failed may be made up for
	// by another one.
	seedPatience = 1500 * time.Millisecond
	// identifyWait is how long after its connection a peer may take to say what it
	// is.
	identifyWait = 2 * time.Second
	// relayWait and ownRelayWait are for a seed's promise to relay, from outside
	// and in one network, where that is of no use.
	relayWait    = 3 * time.Second
	ownRelayWait = 300 * time.Millisecond
	// reachWait is for the seeds to call back, and natWait for the kind of NAT
	// once they did.
	reachWait = 8 * time.Second
	natWait   = 2 * time.Second
	// callWait is how long they may take to call back after the kind of NAT is
	// known: a port that is forwarded counts for more.
	callWait = 3 * time.Second
	// dhtWait is for the first server of the DHT, lanWait for mDNS to start.
	dhtWait = 2 * time.Second
	lanWait = time.Second
	// clockWait is for the first who tells the time.
	clockWait = 1500 * time.Millisecond
)

// The protocols by which a seed is known. That of the DHT is discovery's
// (PROTOCOL.md, section 8); AutoNAT's is libp2p's.
const (
	dhtProtocol     protocol.ID = "/p2pchat/kad/1.0.0"
	autoNATProtocol protocol.ID = "/libp2p/autonat/2/dial-request"
)

func (d *diagnosing) folder(context.Context) {
	if d.o.Folder != nil {
		d.view.folderBad = d.o.Folder.Err != nil
		d.tell(judgeFolder(*d.o.Folder))
		d.tell(judgeHistory(*d.o.Folder))
	}
}

func (d *diagnosing) listen(context.Context) {
	l := listenView{err: d.o.ListenErr, wanted: len(d.cfg.Listen) > 0}
	if addrs, err := d.host.Network().InterfaceListenAddresses(); err == nil {
		l.addrs = slices.DeleteFunc(addrs, func(a ma.Multiaddr) bool { return !isDirect(a) })
		l.wanted = l.wanted || len(l.addrs) > 0
	}
	d.view.listen = l
	d.tell(judgeListen(l))
}

// askSeeds waits for each seed, all at once, and tells of each as soon as it is
// known.
func (d *diagnosing) askSeeds(ctx context.Context) {
	seeds := d.seeds.Status()
	d.view.seedsGiven = len(seeds)
	if len(seeds) == 0 {
		// Time for those who are found without one.
		d.until(ctx, clockWait, func() bool { return d.company() > 0 })
		d.view.company = d.company()
		d.tell(judgeNoSeed(d.view.company, len(d.o.At)+len(d.o.Addrs) > 0))
		return
	}
	var wg sync.WaitGroup
	for i := range seeds {
		wg.Go(func() { d.tell(judgeSeed(d.askSeed(ctx, i))) })
	}
	wg.Wait()
	d.view.own = true
	for _, s := range d.seeds.Status() {
		if s.Connected {
			d.view.seedsUp++
			d.view.own = d.view.own && d.ownNetwork(s.Peer)
		}
	}
	d.view.own = d.view.own && d.view.seedsUp > 0
	d.view.company = d.company()
}

func (d *diagnosing) company() int { return len(d.host.Network().Peers()) }

func (d *diagnosing) askSeed(ctx context.Context, i int) seedView {
	var s bootstrap.SeedStatus
	d.until(ctx, d.o.wait(), func() bool {
		s = d.seeds.Status()[i]
		return s.Connected || s.LastError != nil && time.Since(d.started) > seedPatience
	})
	v := seedView{peer: s.Peer, connected: s.Connected, err: s.LastError}
	if len(s.Addrs) > 0 {
		v.addr = s.Addrs[0].String()
	}
	if !s.Connected {
		return v
	}
	v.took = s.Since.Sub(d.started)
	if conns := d.host.Network().ConnsToPeer(s.Peer.Libp2p()); len(conns) > 0 {
		v.addr = conns[0].RemoteMultiaddr().String()
	}
	offers := d.identified(ctx, s.Peer)
	v.identified = len(offers) > 0
	v.agent = d.agent(s.Peer)
	v.serves = slices.Contains(offers, dhtProtocol)
	v.relays = slices.Contains(offers, proto.ProtoIDv2Hop)
	v.sees = slices.Contains(offers, autoNATProtocol)
	v.rtt = d.ping(ctx, s.Peer)
	return v
}

// identified waits until a peer has said which protocols it serves.
func (d *diagnosing) identified(ctx context.Context, p chat.PeerID) (offers []protocol.ID) {
	await(ctx, identifyWait, func() bool {
		var err error
		offers, err = d.host.Peerstore().GetProtocols(p.Libp2p())
		return err == nil && len(offers) > 0
	})
	return offers
}

// agent is what a peer's program calls itself.
func (d *diagnosing) agent(p chat.PeerID) string {
	v, err := d.host.Peerstore().Get(p.Libp2p(), "AgentVersion")
	if err != nil {
		return ""
	}
	name, _ := v.(string)
	return name
}

// ownNetwork reports whether a connected peer is in our own network.
func (d *diagnosing) ownNetwork(p chat.PeerID) bool {
	for _, c := range d.host.Network().ConnsToPeer(p.Libp2p()) {
		if manet.IsPublicAddr(c.RemoteMultiaddr()) {
			return false
		}
	}
	return true
}

func (d *diagnosing) relays(ctx context.Context) {
	if d.view.seedsUp == 0 {
		return
	}
	wait := relayWait
	if d.view.own {
		wait = ownRelayWait
	}
	reach := d.host.Reach()
	d.until(ctx, wait, func() bool {
		reach = d.host.Reach()
		for _, r := range reach.Relays {
			if !r.Reserved && d.seedUp(r.Peer) {
				return false
			}
		}
		return len(reach.Relays) > 0
	})
	for _, r := range reach.Relays {
		if r.Reserved || d.seedUp(r.Peer) { // of one that does not answer enough was said
			d.tell(judgeRelay(r, reach.Reachability, d.view.own))
		}
	}
}

func (d *diagnosing) seedUp(p peer.ID) bool {
	return d.host.Network().Connectedness(p) == network.Connected
}

// reach waits until it is known how others reach this node, if anybody can tell.
func (d *diagnosing) reach(ctx context.Context) {
	v := reachView{port: portOf(d.view.listen.addrs), up: d.view.seedsUp > 0, one: d.view.seedsUp == 1, own: d.view.own, Reach: d.host.Reach()}
	if v.up && !v.own {
		began := time.Now()
		d.until(ctx, reachWait, func() bool {
			v.Reach = d.host.Reach()
			return v.settled(time.Since(began))
		})
		d.until(ctx, natWait, func() bool {
			v.Reach = d.host.Reach()
			return v.Reachability == network.ReachabilityPublic || (v.NAT != natUnknown || v.one) && v.PunchReady
		})
	}
	d.view.reach = v
	d.tell(judgeReach(v))
	d.tell(judgeMapping(mappingView{
		reachView: v, off: d.cfg.NoPortMapping,
		loopback: !d.view.listen.wanted || onlyLoopback(d.view.listen.addrs),
	}))
}

func (d *diagnosing) dht(ctx context.Context) {
	if d.view.seedsUp > 0 {
		d.until(ctx, dhtWait, func() bool { return d.discovery.Status().TableSize > 0 })
	}
	d.tell(judgeDHT(d.discovery.Detail(), d.view.seedsUp))
}

func (d *diagnosing) lan(ctx context.Context) {
	if !d.cfg.NoMDNS {
		d.until(ctx, lanWait, func() bool { return d.discovery.Status().MDNS })
	}
	detail := d.discovery.Detail()
	d.view.lan = detail.MDNS
	for _, c := range judgeLAN(detail, d.cfg.NoMDNS) {
		d.tell(c)
	}
}

// clock compares our clock with what others' beacons say in the list of who is
// online, where this node is a listener.
func (d *diagnosing) clock(ctx context.Context) {
	var offset time.Duration
	others := 0
	look := func() bool {
		c := d.find(chat.Presence().ID(d.self))
		if c == nil {
			return true
		}
		_ = c.call(ctx, func() { offset, others = c.skew.middle() })
		return others > 0
	}
	wait := clockWait
	if d.company() == 0 {
		wait = 0
	}
	d.until(ctx, wait, look)
	d.tell(judgeClock(offset, others))
}

// middle is the lower median of how far others' clocks are from ours, and of how
// many.
func (s *skew) middle() (offset time.Duration, others int) {
	var all []time.Duration
	for _, d := range s.offsets {
		all = append(all, d)
	}
	if len(all) == 0 {
		return 0, 0
	}
	slices.Sort(all)
	return all[(len(all)-1)/2], len(all)
}

// isDirect reports whether an address leads to its peer without a relay.
func isDirect(a ma.Multiaddr) bool {
	relayed, _ := via(a)
	return !relayed
}
