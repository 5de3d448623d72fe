package rooms

import (
	"bytes"
	"slices"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// Limits of a roster. Anybody can make identities for nothing, so what they
// cost us is bounded.
const (
	// maxMembers is how many members one room's roster holds, those who left
	// included. When it is full, who left longest ago makes room; when all are
	// online, newcomers are not listed.
	maxMembers = 10_000

	// newMembersBurst and newMembersPerSecond bound how fast a roster grows.
	newMembersBurst     = 1024
	newMembersPerSecond = 20

	// unheard is how long somebody is remembered whose first beacon was judged
	// but got lost on its way to the roster, because the inbox was full.
	unheard = time.Minute

	// authorBurst and authorPerSecond bound the beacons of one author that we
	// judge. The sender's own rules (see beaconBurst) keep well below, even if
	// it leaves and joins again a few times.
	authorBurst     = 16
	authorPerSecond = 1

	// maxBeaconSkew is how far from our clock a beacon may have been sent, back
	// or ahead. Whoever left is remembered until their last beacon is older, so
	// that no replay brings them back.
	maxBeaconSkew = 24 * time.Hour

	// clockSlack is how far ahead of ours a clock may be that we call right.
	clockSlack = 2 * time.Minute

	// leftFor is how long the last beacon of somebody who left is passed on to
	// those we meet: they may have got the message and missed its author's name.
	leftFor = 10 * time.Minute

	// awayIntervals is how many intervals a member may be silent, and awayGrace
	// what is allowed on top: the 20 % of jitter, and the way through the room.
	awayIntervals = 3
	awayGrace     = 20 * time.Second
	// Of someone who was connected to us and is not any more, half as many: the
	// connection's end is a hint, but others may still be connected.
	lostIntervals = 1.5
)

// A Member is somebody in a room, as their newest beacon tells.
type Member struct {
	Peer chat.PeerID
	// Nick is what they call themselves. It may be empty.
	Nick chat.Text
	// Online is false for those who left or fell silent.
	Online bool
	// Left is set for those who said goodbye.
	Left bool
	// Since is when we first heard of them in this room, since they were last
	// away. Heard is when we last did.
	Since, Heard time.Time
	// Seed is set for seed nodes.
	Seed bool
	// Heads are the segments they say that they hold, with all ancestors.
	Heads []chat.SegmentID
	// Rooms are those they show to be in, in the presence room's roster.
	Rooms []chat.RoomName
}

// A roster knows who was heard in a room, and when. It is pure; the room
// guards it with a mutex.
type roster struct {
	self    chat.PeerID
	members map[chat.PeerID]*entry
	online  int
	seeds   int // online, of those
	near    int // online, of those: neighbours of ours
	sized   int // the size that the quiet times were last adapted to
	growth  bucket
	sweepAt time.Time // nothing happens by itself before; zero is never
}

// An entry is a member, or (not online) the memory of one.
type entry struct {
	Member
	sent      time.Time // the author's clock in the newest beacon
	envelope  []byte    // that beacon; nil if not online, and leftFor over
	connected bool      // is a neighbour of ours in this room now
	lost      bool      // was one when last heard
	deadline  time.Time // away, or not passed on, or forgotten, from then on
	forget    time.Time // if not online and envelope is set: when to forget it all
	quota     bucket
}

// news is what a beacon changed.
type news struct {
	fresh               bool // newer than what we knew
	came, renamed, left bool
	member              Member
}

func newRoster(self chat.PeerID) *roster {
	return &roster{self: self, members: make(map[chat.PeerID]*entry)}
}

// size is the number of members online, ourselves included.
func (r *roster) size() int { return r.online + 1 }

// people is the number of members online who are not seeds, without ourselves.
func (r *roster) people() int { return r.online - r.seeds }

// calm reports whether there are members, and all are neighbours of ours.
func (r *roster) calm() bool { return r.online > 0 && r.near == r.online }

// away is how long a member may be silent.
func (r *roster) away() time.Duration { return awayIntervals*interval(r.size()) + awayGrace }

// admits reports, before anything dear is done, whether another beacon of this
// author is worth judging. The author is only claimed here: nothing is charged.
func (r *roster) admits(now time.Time, author chat.PeerID) bool {
	if e := r.members[author]; e != nil {
		return e.quota.holds(now, 1, authorPerSecond, authorBurst)
	}
	return r.growth.holds(now, 1, newMembersPerSecond, newMembersBurst) && r.room()
}

// judge reports whether a verified beacon is to be passed on, and charges its
// author. The one that we know already is: it may have come to us another way
// than by gossip, and others wait for it.
func (r *roster) judge(now time.Time, b *chat.Beacon) bool {
	fresh := r.fresh(now, b)
	e := r.members[b.Author]
	if e == nil && fresh {
		e = r.enter(now, b.Author) // offline, until heard
	}
	if e == nil || !e.quota.take(now, 1, authorPerSecond, authorBurst) {
		return false
	}
	return fresh || e.Online && e.sent.Equal(b.Sent)
}

// enter makes an entry for somebody new, if there may be one more.
func (r *roster) enter(now time.Time, p chat.PeerID) *entry {
	if !r.makeRoom() || !r.growth.take(now, 1, newMembersPerSecond, newMembersBurst) {
		return nil
	}
	e := &entry{Member: Member{Peer: p}, deadline: now.Add(unheard)}
	r.members[p] = e
	r.sweepBy(e.deadline)
	return e
}

// fresh reports whether b says something newer than what we know of its author.
func (r *roster) fresh(now time.Time, b *chat.Beacon) bool {
	if e := r.members[b.Author]; e != nil {
		return newer(now, e.sent, b.Sent)
	}
	return newer(now, time.Time{}, b.Sent)
}

// hear takes in a verified beacon of somebody else.
func (r *roster) hear(now time.Time, b *chat.Beacon) news {
	if b.Author == r.self || !r.fresh(now, b) {
		return news{}
	}
	e := r.members[b.Author]
	if e == nil {
		if e = r.enter(now, b.Author); e == nil {
			return news{}
		}
	}
	n := news{
		fresh:   true,
		came:    !e.Online && !b.Leaving,
		left:    e.Online && b.Leaving,
		renamed: e.Online && !b.Leaving && e.Nick != b.Nick,
	}
	if e.Online && e.Seed {
		r.seeds--
	}
	e.sent, e.Heard = b.Sent, now
	e.Nick, e.Seed, e.Heads, e.Rooms, e.Left = b.Nick, b.Seed, b.Heads, b.Rooms, b.Leaving
	if n.came {
		e.Online, e.Since = true, now
		r.online++
		if e.connected {
			r.near++
		}
	}
	if e.Online && e.Seed {
		r.seeds++
	}
	e.envelope = b.Envelope
	e.lost = false
	e.deadline = now.Add(r.away())
	if b.Leaving {
		r.drop(e)
	}
	r.sweepBy(e.deadline)
	r.resized(now)
	n.member = e.Member
	return n
}

// drop takes a member offline; what is left is the memory against replays.
func (r *roster) drop(e *entry) {
	if e.Online {
		e.Online = false
		r.online--
		if e.Seed {
			r.seeds--
		}
		if e.connected {
			r.near--
		}
	}
	e.Heads, e.Rooms = nil, nil
	e.deadline = e.sent.Add(maxBeaconSkew + time.Second) // no replay is fresh then
	if soon := e.Heard.Add(leftFor); soon.Before(e.deadline) {
		e.forget, e.deadline = e.deadline, soon
	} else {
		e.envelope = nil
	}
}

// room reports whether one more member fits.
func (r *roster) room() bool { return len(r.members) < maxMembers || r.online < len(r.members) }

// makeRoom forgets who left longest ago if the roster is full.
func (r *roster) makeRoom() bool {
	if len(r.members) < maxMembers {
		return true
	}
	var oldest *entry
	for _, e := range r.members {
		if !e.Online && (oldest == nil || e.Heard.Before(oldest.Heard) ||
			e.Heard.Equal(oldest.Heard) && e.Peer.Compare(oldest.Peer) < 0) {
			oldest = e
		}
	}
	if oldest == nil {
		return false
	}
	delete(r.members, oldest.Peer)
	return true
}

// connect notes that p is a neighbour of ours in this room, or is not any more.
func (r *roster) connect(now time.Time, p chat.PeerID, connected bool) {
	e := r.members[p]
	if e == nil {
		return
	}
	was := e.connected
	e.connected, e.lost = connected, !connected
	switch {
	case !e.Online:
	case connected && !was:
		r.near++
	case was && !connected:
		r.near--
	}
	if e.lost && e.Online {
		// Whatever was left of the time to be silent: a neighbour that was calm
		// may not have said anything for long.
		e.deadline = now.Add(time.Duration(lostIntervals * float64(interval(r.size()))))
		r.sweepBy(e.deadline)
	}
}

// sweep takes those offline who were silent for too long, forgets those who are
// long gone, and returns the former in the order of their keys. A neighbour is
// not silent: its connection is kept alive, and it would have said goodbye.
func (r *roster) sweep(now time.Time) (gone []Member) {
	if r.sweepAt.IsZero() || now.Before(r.sweepAt) {
		return nil
	}
	r.sweepAt = time.Time{}
	for p, e := range r.members {
		switch {
		case now.Before(e.deadline):
		case e.Online && e.connected:
			e.deadline = now.Add(r.away())
		case e.Online:
			r.drop(e)
			gone = append(gone, e.Member)
		case e.envelope != nil:
			e.envelope, e.deadline = nil, e.forget
		default:
			delete(r.members, p)
			continue
		}
		r.sweepBy(e.deadline)
	}
	r.resized(now)
	slices.SortFunc(gone, byPeer)
	return gone
}

// resized adapts all members' quiet times to a room that grew or shrank, as they
// themselves adapt their intervals (see pacer.resize).
// It does so in steps of a sixteenth, so that a large room does not look at all
// its members whenever one comes.
func (r *roster) resized(now time.Time) {
	was, is := interval(r.sized), interval(r.size())
	if 16*(is-was).Abs() < was {
		return
	}
	r.sized = r.size()
	for _, e := range r.members {
		switch {
		case !e.Online:
			continue
		case is < was:
			e.deadline = now.Add(scale(e.deadline.Sub(now), was, is))
		case !e.lost:
			e.deadline = e.Heard.Add(r.away())
		}
		r.sweepBy(e.deadline)
	}
}

func (r *roster) sweepBy(t time.Time) {
	if r.sweepAt.IsZero() || t.Before(r.sweepAt) {
		r.sweepAt = t
	}
}

// list returns the members online, in the order of their keys.
func (r *roster) list() []Member {
	out := make([]Member, 0, r.online)
	for _, e := range r.members {
		if e.Online {
			out = append(out, e.Member)
		}
	}
	slices.SortFunc(out, byPeer)
	return out
}

// knows reports whether envelope is the newest beacon known of author.
func (r *roster) knows(author chat.PeerID, envelope []byte) bool {
	e := r.members[author]
	return e != nil && e.envelope != nil && bytes.Equal(e.envelope, envelope)
}

// envelopes returns up to limit of the newest beacons: of the members online,
// those heard last first, then of those who left lately.
func (r *roster) envelopes(limit int) [][]byte {
	var on []*entry
	for _, e := range r.members {
		if e.envelope != nil {
			on = append(on, e)
		}
	}
	slices.SortFunc(on, func(a, b *entry) int {
		if a.Online != b.Online {
			if a.Online {
				return -1
			}
			return 1
		}
		if c := b.Heard.Compare(a.Heard); c != 0 {
			return c
		}
		return a.Peer.Compare(b.Peer)
	})
	var out [][]byte
	for _, e := range on[:min(limit, len(on))] {
		out = append(out, e.envelope)
	}
	return out
}

func byPeer(a, b Member) int { return a.Peer.Compare(b.Peer) }
