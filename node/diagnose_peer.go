package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/bootstrap"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/discovery"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/wire"
)

const (
	// punchWait is how long a relayed connection may take to become direct.
	punchWait = 5 * time.Second
	// findAgain is the pause between two attempts to find a peer.
	findAgain = 500 * time.Millisecond
	// diagnosePings is how many round trips are measured; the shortest counts.
	diagnosePings = 3
)

// A peerView is what became of the peer that was asked for.
type peerView struct {
	id        chat.PeerID
	name      string // how the person calls it
	at        string // the address that was asked for, if no peer was
	known     int    // how many addresses of it are known
	err       error  // why it was not reached
	connected bool
	already   bool // it was connected before it was looked for
	took      time.Duration
	relayed   bool
	via       chat.PeerID
	addr      string
	// first is set if the connection was relayed at first, and punched how long
	// it then took to become direct.
	first      bool
	punched    time.Duration
	seed       bool // it is a seed
	compatible bool
	rtt        time.Duration
}

// reachPeer tries to reach the peer, step by step.
func (d *diagnosing) reachPeer(ctx context.Context) {
	if !d.o.withPeer() {
		return
	}
	v := &peerView{id: d.o.Peer}
	d.view.peer = v
	d.end = time.Now().Add(d.o.wait())
	if v.id.IsZero() && !d.whoIsAt(ctx, v) {
		return
	}
	if name := d.Name(v.id); !name.Empty() {
		v.name = name.Line()
	}
	d.AddAddrs(peer.AddrInfo{ID: v.id.Libp2p(), Addrs: d.o.Addrs})
	addrs := d.peerAddrs(ctx, v)
	d.dialEach(ctx, v, addrs)
	if !d.connectPeer(ctx, v) {
		return
	}
	d.awaitPunch(ctx, v)
	d.compare(ctx, v)
	for range diagnosePings {
		if rtt := d.ping(ctx, v.id); rtt > 0 && (v.rtt == 0 || rtt < v.rtt) {
			v.rtt = rtt
		}
	}
	d.tell(judgePeerPing(*v))
}

// whoIsAt learns which peer is meant, and tells whether there is one.
func (d *diagnosing) whoIsAt(ctx context.Context, v *peerView) bool {
	v.at = d.o.At.String()
	ctx, cancel := context.WithDeadline(ctx, d.end)
	defer cancel()
	v.id, v.err = d.PeerAt(ctx, d.o.At)
	d.tell(judgePeerAt(v.at, v.id, v.err))
	return v.err == nil
}

func judgePeerAt(at string, p chat.PeerID, err error) Check {
	c := Check{Name: checkPeerID, Status: CheckOK, Saw: "peer " + p.String() + " is at " + at}
	if err == nil {
		return c.with("peer", p.String())
	}
	c.Status, c.Saw = CheckFail, at+": "+bootstrap.Reason(err)
	if errors.Is(err, host.ErrNotAPeer) {
		c.Saw = at + ": what listens there is not p2pchat"
	}
	c.Advice = "is p2pchat running there, and is this its port?"
	return c.with("error", err.Error())
}

// peerAddrs tells which addresses of the peer are known.
func (d *diagnosing) peerAddrs(ctx context.Context, v *peerView) []ma.Multiaddr {
	ctx, cancel := context.WithDeadline(ctx, d.end)
	defer cancel()
	addrs, err := d.discovery.Lookup(ctx, v.id.Libp2p())
	for _, a := range d.o.Addrs {
		if !slices.ContainsFunc(addrs, a.Equal) {
			addrs = append(addrs, a)
		}
	}
	v.known = len(addrs)
	d.tell(judgePeerAddrs(addrs, err, d.Connected(v.id)))
	return addrs
}

func judgePeerAddrs(addrs []ma.Multiaddr, err error, connected bool) Check {
	c := Check{Name: checkPeerAddrs, Status: CheckOK}.with("addrs", addrList(addrs))
	if err != nil {
		c = c.with("lookup_error", err.Error())
	}
	switch {
	case len(addrs) > 0:
		c.Saw = countOf(len(addrs), "address is", "addresses are") + " known"
		relayed := 0
		for _, a := range addrs {
			if !isDirect(a) {
				relayed++
			}
		}
		if relayed > 0 {
			c.Saw += fmt.Sprintf(", %d of them through a relay", relayed)
		}
	case connected:
		c.Status, c.Saw = CheckSkip, "no address is known, but the peer is connected"
	default:
		c.Status, c.Saw = CheckWarn, "nobody who was asked knows an address"
		c.Advice = "the other side must be running, and share a seed or a local network with you"
	}
	return c
}

// dialEach dials each address by itself.
func (d *diagnosing) dialEach(ctx context.Context, v *peerView, addrs []ma.Multiaddr) {
	ctx, cancel := context.WithDeadline(ctx, d.end)
	defer cancel()
	addrs = addrs[:min(len(addrs), maxAddrsShown)]
	if len(addrs) == 0 {
		return
	}
	for _, r := range d.discovery.DialEach(ctx, v.id.Libp2p(), addrs) {
		d.tell(judgePeerDial(r, d.connectedAt(v.id, r.Addr)))
	}
}

// connectedAt reports whether there is a connection to a peer at an address. A
// relay's client dials such a one not twice.
func (d *diagnosing) connectedAt(p chat.PeerID, addr ma.Multiaddr) bool {
	for _, c := range d.host.Network().ConnsToPeer(p.Libp2p()) {
		if c.RemoteMultiaddr().Equal(addr) {
			return true
		}
	}
	return false
}

// judgePeerDial is about one address. That some do not answer is usual, so it
// says nothing of the whole. Connected is whether the peer is connected there.
func judgePeerDial(r discovery.DialResult, connected bool) Check {
	c := Check{Name: checkPeerDial, Status: CheckOK}.with("addr", r.Addr.String()).with("took_ms", millis(r.Took))
	at := dialledAt(r.Addr)
	if r.Err == nil {
		c.Saw = at + ": answers after " + short(r.Took)
		return c
	}
	if connected {
		c.Saw = at + ": connected there already"
		return c
	}
	switch r.Addr[0].Code() {
	case ma.P_DNS, ma.P_DNS4, ma.P_DNS6, ma.P_DNSADDR:
		c.Status, c.Saw = CheckSkip, at+": a name, which is looked up when connecting"
	default:
		c.Status, c.Saw = CheckWarn, at+": "+bootstrap.Reason(r.Err)
		c.Advice = "no matter, if another address answers"
	}
	return c.with("error", r.Err.Error())
}

// dialledAt is an address in words, or as it is where that is short.
func dialledAt(addr ma.Multiaddr) string {
	relayed, relay := via(addr)
	if !relayed || relay.IsZero() {
		return addr.String()
	}
	seed, _ := ma.SplitFunc(addr, func(c ma.Component) bool { return c.Protocol().Code == ma.P_P2P })
	return "through the seed ~" + relay.Short() + " at " + seed.String()
}

// connectPeer connects by any way, and tries until there is no more time.
func (d *diagnosing) connectPeer(ctx context.Context, v *peerView) bool {
	began := time.Now()
	v.already = d.Connected(v.id)
	for try := true; try; {
		v.err = d.discovery.Find(ctx, v.id.Libp2p())
		v.connected = v.err == nil
		try = !v.connected && time.Now().Add(findAgain).Before(d.end) && ctx.Err() == nil
		if try {
			await(ctx, findAgain, func() bool { return d.Connected(v.id) })
		}
	}
	v.took = time.Since(began)
	d.path(v)
	d.tell(judgePeerConnect(*v))
	return v.connected
}

// path notes how the peer is connected now.
func (d *diagnosing) path(v *peerView) {
	conns := d.host.Network().ConnsToPeer(v.id.Libp2p())
	if len(conns) == 0 {
		return
	}
	addr := conns[0].RemoteMultiaddr()
	for _, c := range conns[1:] {
		addr = moreDirect(addr, c.RemoteMultiaddr())
	}
	v.relayed, v.via = via(addr)
	v.addr = addr.String()
}

// moreDirect is the address of that of two connections which is used: a relayed
// one stays open after a direct one came, and is not any more.
func moreDirect(a, b ma.Multiaddr) ma.Multiaddr {
	if !isDirect(a) && isDirect(b) {
		return b
	}
	return a
}

func judgePeerConnect(v peerView) Check {
	c := Check{Name: checkPeerConnect, Status: CheckOK}.with("peer", v.id.String())
	took := "after " + short(v.took)
	if v.already {
		took = "since before"
	}
	switch {
	case v.connected && v.relayed:
		c.Saw = "connected " + took + ", through the seed ~" + v.via.Short()
		return c.with("path", "relayed").with("via", v.via.String()).with("took_ms", millis(v.took)).with("addr", v.addr)
	case v.connected:
		c.Saw = "connected directly " + took
		return c.with("path", "direct").with("took_ms", millis(v.took)).with("addr", v.addr)
	case errors.Is(v.err, chat.ErrNotFound):
		c.Status, c.Saw = CheckFail, "not found: nobody who was asked knows where the peer is"
		c.Advice = "the other side must be running, and share a seed or a local network with you"
	default:
		c.Status, c.Saw = CheckFail, "not reached: none of the "+countOf(v.known, "address", "addresses")+" answers"
		c.Advice = "the other side may be switched off, or its router or firewall lets nobody in: run p2pchat doctor there too"
	}
	if v.err != nil {
		c = c.with("error", v.err.Error())
	}
	return c
}

// awaitPunch waits until a relayed connection became direct. It may have, before
// anybody looked.
func (d *diagnosing) awaitPunch(ctx context.Context, v *peerView) {
	if v.relayed {
		await(ctx, punchWait, func() bool {
			d.path(v)
			return !v.relayed || !d.Connected(v.id)
		})
	}
	var relayed, direct []time.Time
	for _, c := range d.host.Network().ConnsToPeer(v.id.Libp2p()) {
		if isDirect(c.RemoteMultiaddr()) {
			direct = append(direct, c.Stat().Opened)
		} else {
			relayed = append(relayed, c.Stat().Opened)
		}
	}
	v.first, v.punched = punched(relayed, direct)
	v.first = v.first || v.relayed
	d.tell(judgePeerPunch(*v, d.view.reach))
}

// punched tells, of when connections to one peer were opened, whether there was
// a relayed one before the first direct one, and how long before.
func punched(relayed, direct []time.Time) (first bool, after time.Duration) {
	if len(relayed) == 0 || len(direct) == 0 {
		return false, 0
	}
	after = slices.MinFunc(direct, time.Time.Compare).Sub(slices.MinFunc(relayed, time.Time.Compare))
	return after > 0, max(after, 0)
}

func judgePeerPunch(v peerView, r reachView) Check {
	c := Check{Name: checkPeerPunch, Status: CheckOK}
	switch {
	case !v.first:
		c.Status, c.Saw = CheckSkip, "not needed: the connection was direct from the beginning"
	case !v.relayed:
		c.Saw = "the connection became direct after " + short(v.punched)
		return c.with("took_ms", millis(v.punched)).with("addr", v.addr)
	default:
		c.Status, c.Saw = CheckWarn, fmt.Sprintf("the connection still goes through the seed after %s", short(punchWait))
		c.Advice = "one of you two could " + strings.TrimSuffix(forwardAdvice(0), " to this computer")
		if r.port != 0 {
			c.Advice = forwardAdvice(r.port) + "; or the other side does the same"
		}
	}
	return c
}

// compare looks which protocols both sides speak.
func (d *diagnosing) compare(ctx context.Context, v *peerView) {
	theirs := d.identified(ctx, v.id)
	common := inCommon(d.host.Mux().Protocols(), theirs)
	v.seed = slices.Contains(theirs, proto.ProtoIDv2Hop) // nobody else relays
	v.compatible = v.seed || slices.Contains(common, wire.DirectProtocol)
	d.tell(judgePeerProtocols(*v, theirs, common).with("agent", clipText(d.agent(v.id), maxAgentShown)))
}

// inCommon lists what is in both, sorted.
func inCommon(a, b []protocol.ID) (both []protocol.ID) {
	for _, p := range a {
		if slices.Contains(b, p) {
			both = append(both, p)
		}
	}
	slices.Sort(both)
	return both
}

func judgePeerProtocols(v peerView, theirs, common []protocol.ID) Check {
	names := make([]string, len(common))
	for i, p := range common {
		names[i] = string(p)
	}
	c := Check{Name: checkPeerProtocol, Status: CheckOK}.with("common", strings.Join(names, " ")).with("theirs", strconv.Itoa(len(theirs)))
	switch {
	case len(theirs) == 0:
		c.Status, c.Saw = CheckWarn, "the peer did not say in time what it speaks"
		c.Advice = "try again"
	case v.seed:
		c.Saw = "it is a seed: it helps others to meet, and takes no messages"
	case !v.compatible:
		c.Status, c.Saw = CheckFail, "it speaks no private chat that this version understands"
		c.Advice = "use the same version of p2pchat on both sides"
	default:
		c.Saw = countOf(len(common), "protocol", "protocols") + " in common, private chat among them"
	}
	return c
}

func judgePeerPing(v peerView) Check {
	c := Check{Name: checkPeerPing, Status: CheckOK, Saw: "round trip " + short(v.rtt)}.with("rtt_ms", millis(v.rtt))
	if v.rtt == 0 {
		c.Status, c.Saw = CheckWarn, "no answer to a ping"
		c.Advice = "the connection may just have been lost; try again"
	}
	return c
}
