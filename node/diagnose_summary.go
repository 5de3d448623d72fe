package node

import (
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/p2pchat/p2pchat/chat"
)

// A view is what a diagnosis has seen, as far as its last words need it.
type view struct {
	counts map[CheckStatus]int
	// worst is the first check that failed or, if none did, the first that warned;
	// else it has no name.
	worst Check

	folderBad bool
	listen    listenView
	// seedsGiven and seedsUp count the seeds set and those connected, company all
	// who are connected.
	seedsGiven, seedsUp, company int
	// own is set if all connected seeds are in our own network.
	own   bool
	lan   bool // mDNS is at work
	reach reachView
	peer  *peerView // nil if none was asked for
}

// summarize says what it comes to.
func summarize(v view) Diagnosis {
	d := Diagnosis{Outcome: Healthy, Counts: v.counts}
	if v.worst.Name != "" {
		d.Outcome = Degraded
	}
	var well bool
	d.Text, well = lastWords(v)
	switch {
	case v.peer != nil && !v.peer.connected:
		d.Outcome = Unreachable
	case well && d.Outcome == Degraded:
		d.Text = fmt.Sprintf("The network is well, but look at %q above: %s.", v.worst.Name, orElse(v.worst.Advice, v.worst.Saw))
	case !well && d.Outcome == Healthy:
		d.Outcome = Degraded
	}
	d.Text = chat.SafeString(d.Text)
	return d
}

// lastWords says in plain words how things stand, and whether that is well.
func lastWords(v view) (text string, well bool) {
	switch {
	case v.folderBad:
		return "Your data folder cannot be used, so nothing can be kept: " + v.worst.Advice + ".", false
	case v.peer != nil && v.peer.connected:
		return peerWords(*v.peer, v.reach)
	case v.peer != nil:
		return peerTrouble(v)
	}
	return ownWords(v)
}

// ownWords are about this node alone.
func ownWords(v view) (text string, well bool) {
	if v.seedsUp == 0 {
		return noSeedWords(v)
	}
	r := v.reach
	switch relayed := r.reserved() > 0; {
	case v.listen.err != nil:
		return "You can chat, but others cannot reach you by themselves, because this program cannot listen: end the program that uses its port.", false
	case r.Reachability == network.ReachabilityPublic:
		return "All is well: others can reach you directly.", true
	case v.own:
		return "All is well in your own network; whether others reach you from outside cannot be told, because your seed is inside too.", true
	case r.NAT == natFriendly && relayed:
		return "All is well: others reach you through the seed, and directly a moment later.", true
	case relayed && (r.NAT == natSymmetric || len(r.Refuted) > 0):
		return "You can chat, but others reach you only through the seed; " + forwardWords(r.port) + " would make it faster.", false
	case relayed:
		return "You can chat, and others reach you at least through the seed.", true
	case r.Reachability == network.ReachabilityPrivate:
		return "You can reach others, but others cannot reach you: no seed relays for you. Add another seed with --seed; " + forwardWords(r.port) + " would help too.", false
	default:
		return "You are connected, but how others reach you was not found out in time; try again with --wait 30s.", false
	}
}

func noSeedWords(v view) (text string, well bool) {
	switch {
	case len(v.listen.addrs) > 0 && onlyLoopback(v.listen.addrs) && v.listen.wanted && v.seedsGiven == 0 && v.company == 0:
		return "Nobody was found, and no seed is set; ask somebody for the address of a seed.", false
	case v.listen.wanted && len(v.listen.addrs) == 0 && v.listen.err == nil:
		return "This computer seems to have no network; connect it first.", false
	case v.seedsGiven > 0 && v.company > 0:
		return "No seed answers, but others are connected; check your internet connection, or ask who gave you the seed's address.", false
	case v.seedsGiven > 0:
		return "No seed answers; check your internet connection, or ask who gave you the seed's address.", false
	case v.company > 0:
		return "All is well: you are connected to others, even without a seed.", true
	case v.lan:
		return "No seed is set, so only people in your own network are found, and there is nobody now; ask somebody for the address of a seed.", false
	default:
		return "No seed is set, so nobody is found; ask somebody for the address of a seed.", false
	}
}

func forwardWords(port int) string {
	if port == 0 {
		return "forwarding a TCP port on your router to this computer"
	}
	return fmt.Sprintf("forwarding TCP port %d on your router to this computer", port)
}

// peerWords are about a peer that was reached.
func peerWords(p peerView, r reachView) (text string, well bool) {
	name := p.called()
	switch {
	case p.seed:
		return "All is well: " + name + " is a seed, and answers.", true
	case !p.compatible:
		return "You are connected to " + name + ", but cannot talk: use the same version of p2pchat on both sides.", false
	case p.relayed:
		return "You can talk to " + name + ", but only through the seed; " + forwardWords(r.port) + ", or on the other side, would make it faster.", false
	case p.first:
		return "All is well: you are connected directly to " + name + ", after a moment through the seed.", true
	default:
		return "All is well: you are connected directly to " + name + ".", true
	}
}

// called is how a peer is named in a sentence.
func (p peerView) called() string {
	switch {
	case p.name != "":
		return p.name
	case p.id.IsZero():
		return p.at
	default:
		return p.id.String()
	}
}

// peerTrouble is about a peer that was not reached.
func peerTrouble(v view) (text string, well bool) {
	name := v.peer.called()
	if v.seedsGiven > 0 && v.seedsUp == 0 && v.company == 0 {
		return name + " was not reached, and no seed answers either; check your internet connection first.", false
	}
	switch {
	case v.peer.id.IsZero():
		return "Nobody can be reached at " + name + "; ask whether p2pchat runs there, and at which port.", false
	case errors.Is(v.peer.err, chat.ErrNotFound) && v.seedsGiven == 0:
		return name + " was not found; set a seed that both of you use, or give the full address.", false
	case errors.Is(v.peer.err, chat.ErrNotFound):
		return name + " was not found; ask whether p2pchat runs there, and uses one of your seeds.", false
	default:
		return name + " does not answer where it was last known to be; ask whether p2pchat runs there, and have p2pchat doctor run there too.", false
	}
}
