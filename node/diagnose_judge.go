package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/p2pchat/p2pchat/bootstrap"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/discovery"
	"github.com/p2pchat/p2pchat/host"
)

// What is here judges: facts in, a check out. It looks at nothing by itself.

const (
	// lowSpace is how much of a disk should be free at least, in bytes.
	lowSpace = 64 << 20
	// clockSlack is how far a clock may be off before anybody is told. Beacons,
	// which are what it is judged by, may be a minute old.
	clockSlack = 2 * time.Minute
	// maxAgentShown is how many bytes of what a seed calls itself are shown.
	maxAgentShown = 64
)

func judgeFolder(f FolderFacts) Check {
	c := Check{Name: checkFolder, Status: CheckOK, Saw: f.Dir}.with("dir", f.Dir)
	if f.Mode != 0 {
		c = c.with("mode", fmt.Sprintf("%04o", f.Mode.Perm()))
	}
	if f.FreeKnown {
		c = c.with("free_bytes", strconv.FormatUint(f.Free, 10))
	}
	switch {
	case f.Err != nil:
		c.Status, c.Saw = CheckFail, f.Err.Error()
		c.Advice = "make it usable, or choose another folder with --data DIR"
		return c
	case f.InUse:
		c.Saw += fmt.Sprintf(" is in use by a running node (%s), so this looks beside it, under a key and a port of its own", orElse(f.Holder, "another process"))
		c = c.with("in_use_by", orElse(f.Holder, "another process"))
	default:
		c.Saw += " can be used"
	}
	if f.FreeKnown && f.Free < lowSpace {
		c.Status = CheckWarn
		c.Saw += fmt.Sprintf("; %d MiB are free on its disk", f.Free>>20)
		c.Advice = "make room: messages that cannot be stored are refused"
	}
	return c
}

func judgeHistory(f FolderFacts) Check {
	c := Check{Name: checkHistory, Status: CheckOK}
	if f.HistorySize > 0 {
		c = c.with("size_bytes", strconv.FormatInt(f.HistorySize, 10))
	}
	switch {
	case f.Err != nil:
		c.Status, c.Saw = CheckSkip, "not looked at without a data folder"
	case f.HistoryErr == nil:
		c.Saw = "the history is sound"
	case errors.Is(f.HistoryErr, fs.ErrNotExist):
		c.Saw = "no history yet"
	case errors.Is(f.HistoryErr, context.DeadlineExceeded):
		c.Status, c.Saw = CheckSkip, "the history is so large that it was not looked through to its end; what was seen is sound"
	default:
		c.Status, c.Saw = CheckFail, f.HistoryErr.Error()
		c.Advice = "start p2pchat join once: a damaged history is moved aside, and members bring back what they have"
	}
	return c
}

// A listenView is where a node listens.
type listenView struct {
	addrs []ma.Multiaddr // of interfaces, not unspecified ones
	err   error
	// wanted is set if the node was told to listen at all.
	wanted bool
}

func judgeListen(l listenView) Check {
	c := Check{Name: checkListen, Status: CheckOK}
	port := portOf(l.addrs)
	if port != 0 {
		c = c.with("port", strconv.Itoa(port)).with("addrs", addrList(l.addrs))
	}
	switch {
	case l.err != nil:
		c.Status, c.Saw = CheckFail, "cannot listen: "+l.err.Error()
		c.Advice = "end the program that uses this port, or choose another with --listen"
	case !l.wanted:
		c.Status, c.Saw = CheckSkip, "this node only dials"
	case len(l.addrs) == 0:
		c.Status, c.Saw = CheckFail, "there is no address to listen on: this computer seems to have no network"
		c.Advice = "connect this computer to a network"
	case onlyLoopback(l.addrs):
		c.Saw = fmt.Sprintf("TCP port %d, for this computer alone", port)
	default:
		c.Saw = fmt.Sprintf("TCP port %d, on %s", port, countOf(len(l.addrs), "address", "addresses"))
	}
	return c
}

// A seedView is how it stands with one seed.
type seedView struct {
	peer      chat.PeerID
	addr      string // where it is, or is said to be
	connected bool
	took      time.Duration // until it was connected
	rtt       time.Duration // 0 if it did not answer
	err       error         // why it was not reached
	// identified is set once it said what it is: agent, and what it offers.
	identified           bool
	agent                string
	serves, relays, sees bool // the DHT, relayed connections, calling back
}

func judgeSeed(s seedView) Check {
	c := Check{Name: checkSeed, Status: CheckOK}.with("peer", s.peer.String()).with("addr", s.addr)
	if s.identified {
		c = c.with("agent", clipText(s.agent, maxAgentShown)).with("dht", yesNo(s.serves)).with("relay", yesNo(s.relays)).with("autonat", yesNo(s.sees))
	}
	switch {
	case !s.connected && s.err != nil:
		c.Status, c.Saw = CheckFail, s.addr+": "+bootstrap.Reason(s.err)
		c.Advice = "check your internet connection and the address; else ask who runs this seed"
		return c.with("error", s.err.Error())
	case !s.connected:
		c.Status, c.Saw = CheckFail, s.addr+": no answer in time"
		c.Advice = "check your internet connection, or look longer with --wait 30s"
		return c
	}
	c = c.with("connected_ms", millis(s.took)).with("rtt_ms", millis(s.rtt))
	c.Saw = fmt.Sprintf("%s answers; connected after %s", s.addr, short(s.took))
	if s.rtt > 0 {
		c.Saw += ", round trip " + short(s.rtt)
	}
	switch {
	case s.identified && !s.serves:
		c.Status = CheckWarn
		c.Saw += "; but it is no seed: it does not say where others are"
		c.Advice = "ask for the address of a seed, as p2pchat --bootstrap prints it"
	case s.rtt == 0:
		c.Status = CheckWarn
		c.Saw += "; it did not answer a ping"
		c.Advice = "your connection, or the seed, may be overloaded; try again"
	case s.identified && s.agent != "":
		c.Saw += " (" + clipText(s.agent, maxAgentShown) + ")"
	}
	return c
}

// judgeNoSeed is about having no seed at all. Company is how many are connected
// all the same, addressed that a peer is to be reached where it is said to be.
func judgeNoSeed(company int, addressed bool) Check {
	switch {
	case company > 0:
		return Check{Name: checkSeed, Status: CheckSkip, Saw: "no seed is set; " + countOf(company, "other is", "others are") + " connected all the same"}
	case addressed:
		return Check{Name: checkSeed, Status: CheckSkip, Saw: "no seed is set; one address is enough to try"}
	}
	return Check{
		Name: checkSeed, Status: CheckWarn, Saw: "no seed is set",
		Advice: "ask somebody for the address of a seed, and give it with --seed; without, only people in your own network are found",
	}
}

// judgeRelay is about one seed that was asked to relay for us.
func judgeRelay(r host.Relay, reach network.Reachability, own bool) Check {
	c := Check{Name: checkRelay, Status: CheckOK}.with("peer", r.Peer.String()).with("addrs", addrList(r.Addrs))
	who := "the seed ~" + shortID(r.Peer.String())
	if r.Reserved {
		c.Saw = who + " relays for this node" + limitWords(r.Limit)
		if !r.Expires.IsZero() {
			c = c.with("expires", r.Expires.UTC().Format(time.RFC3339))
		}
		return c.with("limit_bytes", positive(r.Limit.Data)).with("limit_seconds", positive(int64(r.Limit.Duration/time.Second)))
	}
	if r.LastError != nil {
		c = c.with("error", r.LastError.Error())
	}
	switch {
	case reach == network.ReachabilityPublic:
		c.Status, c.Saw = CheckSkip, who+" does not relay for this node, which needs no relay"
	case own:
		c.Status, c.Saw = CheckSkip, who+" does not relay for this node; in one network that is not needed"
	case r.LastError != nil:
		c.Status, c.Saw = CheckWarn, who+" refuses to relay for this node: "+r.LastError.Error()
		c.Advice = "add another seed with --seed; this one may be full"
	default:
		c.Status, c.Saw = CheckWarn, who+" does not relay for this node"
		c.Advice = "add another seed with --seed; this one does not relay, or is slow"
	}
	return c
}

// limitWords says how a relay limits connections.
func limitWords(l host.RelayLimit) string {
	var parts []string
	if l.Data > 0 {
		parts = append(parts, bytesWords(l.Data)+" each way")
	}
	if l.Duration > 0 {
		parts = append(parts, spanWords(l.Duration))
	}
	if len(parts) == 0 {
		return ""
	}
	return ", each connection at most " + strings.Join(parts, " and ")
}

// spanWords is a time span without its empty parts: 1h, 10m, 1h30m.
func spanWords(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func bytesWords(n int64) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

// A reachView is how others reach this node.
type reachView struct {
	host.Reach
	port int  // that it listens on, or 0
	up   bool // a seed is connected
	one  bool // and no other: the kind of NAT needs two to be told
	own  bool // all that are connected are in our own network
}

// reserved is how many relays relay for us.
func (r reachView) reserved() (n int) {
	for _, x := range r.Relays {
		if x.Reserved {
			n++
		}
	}
	return n
}

// settled reports whether the seeds have told what they see, after we waited.
func (r reachView) settled(waited time.Duration) bool {
	return r.Reachability == network.ReachabilityPublic || len(r.Refuted) > 0 ||
		(r.NAT != natUnknown || r.one) && waited >= callWait
}

func judgeReach(r reachView) Check {
	c := Check{Name: checkReach, Status: CheckOK}.with("nat", r.NAT).with("reachability", strings.ToLower(r.Reachability.String())).
		with("confirmed", addrList(r.Confirmed)).with("refuted", addrList(r.Refuted)).with("observed", addrList(r.Observed)).
		with("advertised", addrList(r.Advertised)).with("hole_punching", yesNo(r.PunchReady))
	switch {
	case !r.up:
		c.Status, c.Saw = CheckSkip, "nobody could be asked: no seed is connected"
	case r.Reachability == network.ReachabilityPublic:
		c.Saw = "others can reach this node directly"
		if len(r.Confirmed) > 0 {
			c.Saw += " at " + r.Confirmed[0].String()
		}
	case r.own:
		c.Status, c.Saw = CheckSkip, "not tested: the seed is in your own network, and sees nobody from outside"
	case r.NAT == natSymmetric:
		c.Status, c.Saw = CheckWarn, "behind a router that uses another port for everybody (a symmetric NAT): direct connections mostly fail"
		c.Advice = forwardAdvice(r.port)
	case r.NAT == natFriendly && r.PunchReady:
		c.Saw = "behind a router that can be passed: others come through a seed first, and directly a moment later"
	case r.NAT == natFriendly:
		c.Status, c.Saw = CheckWarn, "behind a router that could be passed, but this node is not ready for that yet"
		c.Advice = "look longer with --wait 30s"
	case r.Reachability == network.ReachabilityPrivate && len(r.Refuted) > 0:
		c.Status, c.Saw = CheckWarn, "others cannot reach this node directly: a seed called back and did not get through"
		c.Advice = forwardAdvice(r.port)
	case r.reserved() > 0 && r.one:
		c.Saw = "others reach this node through the seed; what kind of router is between takes two seeds to tell"
	case r.reserved() > 0:
		c.Saw = "others reach this node through a seed; whether directly too was not found out in time"
	default:
		c.Status, c.Saw = CheckWarn, "how others reach this node was not found out in time"
		c.Advice = "look longer with --wait 30s"
	}
	return c
}

// The kinds of NAT that host.Reach tells.
const (
	natUnknown   = "unknown"
	natFriendly  = "friendly"
	natSymmetric = "symmetric"
)

func forwardAdvice(port int) string {
	if port == 0 {
		return "let this node listen, and forward its TCP port on your router to this computer"
	}
	return fmt.Sprintf("forward TCP port %d on your router to this computer, or switch UPnP on there", port)
}

// A mappingView is what became of asking the router for a port.
type mappingView struct {
	reachView
	off      bool // the user does not want it
	loopback bool // there is nothing to forward to
}

func judgeMapping(m mappingView) Check {
	c := Check{Name: checkPortMapping, Status: CheckSkip}.with("mapped", addrList(m.Mapped))
	switch {
	case len(m.Mapped) > 0:
		c.Status, c.Saw = CheckOK, "the router forwards "+m.Mapped[0].String()+" to this computer"
	case m.off:
		c.Saw = "switched off"
	case m.loopback:
		c.Saw = "not needed: this node listens for this computer alone"
	case m.Reachability == network.ReachabilityPublic:
		c.Saw = "not needed"
	default:
		c.Saw = "no router answers that could be asked (UPnP, NAT-PMP)"
	}
	return c
}

func judgeDHT(d discovery.Detail, seedsUp int) Check {
	c := Check{Name: checkDHT, Status: CheckOK}.with("mode", d.Mode).with("servers", strconv.Itoa(d.TableSize)).
		with("scope", d.Scope).with("known_peers", strconv.Itoa(d.Known)).with("lookups", strconv.Itoa(d.Lookups))
	switch {
	case d.TableSize > 0:
		c.Saw = countOf(d.TableSize, "node", "nodes") + " can be asked where others are; this node only asks"
		if d.Mode == "server" {
			c.Saw = countOf(d.TableSize, "node", "nodes") + " can be asked where others are; this node answers, too"
		}
	case seedsUp > 0:
		c.Status, c.Saw = CheckWarn, "a seed is connected, but no server of the hash table is known"
		c.Advice = "the seed may be starting up; try again in a minute"
	default:
		c.Status, c.Saw = CheckSkip, "no server of the hash table is known"
	}
	return c
}

// judgeLAN is about looking around on the local network: one check for each
// interface.
func judgeLAN(d discovery.Detail, off bool) []Check {
	switch {
	case off:
		return []Check{{Name: checkMDNS, Status: CheckSkip, Saw: "switched off"}}
	case len(d.LAN) == 0 && d.MDNS:
		return []Check{{Name: checkMDNS, Status: CheckOK, Saw: "looks for people on the local network"}}
	case len(d.LAN) == 0:
		c := Check{Name: checkMDNS, Status: CheckWarn, Saw: "cannot look for people on the local network", Advice: noLANAdvice}
		if d.LastError != nil {
			c = c.with("error", d.LastError.Error())
		}
		return []Check{c}
	}
	var out []Check
	for _, l := range d.LAN {
		c := Check{Name: checkMDNS, Status: CheckOK, Saw: "looks for people on the local network of " + l.Interface}.with("interface", l.Interface).with("addrs", addrList(l.Addrs))
		switch {
		case !l.On && l.LastError != nil:
			c.Status, c.Saw, c.Advice = CheckWarn, "cannot look for people on the local network of "+l.Interface+": "+l.LastError.Error(), noLANAdvice
		case !l.On:
			c.Status, c.Saw = CheckSkip, l.Interface+": not looked at"
		}
		out = append(out, c)
	}
	return out
}

const noLANAdvice = "people in your own network are found through a seed only; a firewall that lets UDP port 5353 pass changes that"

// judgeClock is about what others' clocks show compared with ours.
func judgeClock(offset time.Duration, others int) Check {
	c := Check{Name: checkClock, Status: CheckOK}
	if others == 0 {
		c.Status, c.Saw = CheckSkip, "nobody told the time, so there is nothing to compare with"
		return c
	}
	c = c.with("offset_seconds", strconv.FormatInt(int64(offset/time.Second), 10)).with("others", strconv.Itoa(others))
	way := "behind those of others"
	if offset < 0 {
		way = "ahead of those of others"
	}
	off := offset.Abs()
	switch {
	case off > maxSkew:
		c.Status, c.Saw = CheckFail, fmt.Sprintf("this computer's clock is %s %s: messages come late or in the wrong order", short(off), way)
	case off > clockSlack:
		c.Status, c.Saw = CheckWarn, fmt.Sprintf("this computer's clock is %s %s", short(off), way)
	default:
		c.Saw = "the clock agrees with that of " + countOf(others, "other", "others")
		return c
	}
	c.Advice = "set this computer's clock, best by the network"
	return c
}

// Small words.

func countOf(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// millis is a time span for programs, or nothing.
func millis(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', -1, 64)
}

func positive(n int64) string {
	if n <= 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// short is a time span for people: two or three digits.
func short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "less than 1ms"
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func shortID(s string) string { return s[max(0, len(s)-6):] }

// clipText is the beginning of a text that somebody else chose.
func clipText(s string, most int) string {
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return chat.SafeString(s)
}

// maxAddrsShown is how many addresses one detail lists.
const maxAddrsShown = 16

func addrList(addrs []ma.Multiaddr) string {
	var all []string
	for _, a := range addrs[:min(len(addrs), maxAddrsShown)] {
		all = append(all, a.String())
	}
	return strings.Join(all, " ")
}

// portOf is the TCP port of the first address that has one, or 0.
func portOf(addrs []ma.Multiaddr) int {
	for _, a := range addrs {
		if text, err := a.ValueForProtocol(ma.P_TCP); err == nil {
			if port, err := strconv.Atoi(text); err == nil {
				return port
			}
		}
	}
	return 0
}

func onlyLoopback(addrs []ma.Multiaddr) bool {
	for _, a := range addrs {
		if !manet.IsIPLoopback(a) {
			return false
		}
	}
	return len(addrs) > 0
}
