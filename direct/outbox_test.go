package direct

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// The transcripts below are events and what the outbox answers. A line
// "12s queue a b" says that after 12 s segments a and b were queued; each line
// "  > ..." is an effect. Without jitter, as here, a pause is exactly itself.
var transcripts = map[string]string{
	"the first message connects, is sent and acknowledged": `
		0s queue a
		  > connect
		1s link
		  > cancel
		  > report connected by us
		  > send a
		1s written a
		  > report sent a
		2s ack a
		  > report delivered a
		60s unlink
		  > report disconnected`,
	"pauses double up to a minute, and one success begins anew": `
		0s queue a
		  > connect
		0s fail
		  > report trying again after 1 at 1s
		  > wake 1s
		1s timer
		  > connect
		1s fail
		  > report trying again after 2 at 3s
		  > wake 3s
		3s timer
		  > connect
		3s fail
		  > report trying again after 3 at 7s
		  > wake 7s
		7s timer
		  > connect
		7s fail
		  > report trying again after 4 at 15s
		  > wake 15s
		15s timer
		  > connect
		15s fail
		  > report trying again after 5 at 31s
		  > wake 31s
		31s timer
		  > connect
		31s fail
		  > report trying again after 6 at 1m3s
		  > wake 1m3s
		63s timer
		  > connect
		63s fail
		  > report trying again after 7 at 2m3s
		  > wake 2m3s
		123s timer
		  > connect
		123s fail
		  > report trying again after 8 at 3m3s
		  > wake 3m3s
		183s timer
		  > connect
		184s link
		  > cancel
		  > report connected by us
		  > send a
		184s ack a
		  > report sent a
		  > report delivered a
		185s open
		  > report connected by us
		186s unlink
		  > report disconnected
		  > wake 3m7s`,
	"an early timer waits for its time, and a late one does nothing": `
		0s open
		  > connect
		0s fail
		  > report trying again after 1 at 1s
		  > wake 1s
		0.5s timer
		  > wake 1s
		1s timer
		  > connect
		1s timer
		1.5s link
		  > cancel
		  > report connected by us
		2s timer`,
	"a new stream gets everything unacknowledged again, in order": `
		0s queue a b c
		  > connect
		1s link
		  > cancel
		  > report connected by us
		  > send a b c
		1s written a b c
		  > report sent a
		  > report sent b
		  > report sent c
		2s ack b
		  > report delivered b
		3s unlink reset
		  > report cut off
		  > wake 4s
		3s queue d
		4s timer
		  > connect
		5s link
		  > cancel
		  > report connected by us
		  > send a c d
		5s written a c d
		  > report sent d
		6s ack d c a b
		  > report delivered d
		  > report delivered c
		  > report delivered a`,
	"another stream in place of the first is no news, but for what is out": `
		0s queue a
		  > connect
		1s link
		  > cancel
		  > report connected by us
		  > send a
		1s link them
		  > send a
		1s ack a
		  > report sent a
		  > report delivered a`,
	"their stream ends our attempt": `
		0s queue a
		  > connect
		1s link them
		  > cancel
		  > report connected by them
		  > send a
		1s fail`,
	"the peer connects to us: no waiting for the timer, once a second": `
		0s open
		  > connect
		0s fail
		  > report trying again after 1 at 1s
		  > wake 1s
		0.2s reachable
		  > connect
		0.3s fail
		  > report trying again after 1 at 1.3s
		  > wake 1.3s
		0.4s reachable
		  > wake 1.2s
		1.1s timer
		  > wake 1.2s
		1.2s timer
		  > connect
		1.3s reachable`,
	"a person who asks again does not wait; a message does": `
		0s open
		  > connect
		0s fail
		  > report trying again after 1 at 1s
		  > wake 1s
		0.1s queue a
		0.2s open
		  > connect
		0.2s fail
		  > report trying again after 1 at 1.2s
		  > wake 1.2s`,
	"a refusal fails what is queued and ends the attempts": `
		0s queue a b
		  > connect
		1s refuse
		  > report refused: go away
		  > report failed a: go away
		  > report failed b: go away
		  > cancel
		2s timer
		3s reachable
		4s ack a
		5s queue a
		  > connect`,
	"a refusal in the middle of a talk ends it": `
		0s open
		  > connect
		1s link
		  > cancel
		  > report connected by us
		2s refuse
		  > report refused: go away
		  > report disconnected
		3s unlink reset`,
	"a peer without the protocol is believed the second time": `
		0s queue a
		  > connect
		0s unsupported
		  > report trying again after 1 at 1s
		  > wake 1s
		1s timer
		  > connect
		1s unsupported
		  > report refused: does not take private messages
		  > report failed a: does not take private messages
		  > cancel`,
	"a failure between two does not count": `
		0s open
		  > connect
		0s unsupported
		  > report trying again after 1 at 1s
		  > wake 1s
		1s timer
		  > connect
		1s fail
		  > report trying again after 2 at 3s
		  > wake 3s
		3s timer
		  > connect
		3s unsupported
		  > report trying again after 3 at 7s
		  > wake 7s`,
	"a talk that falls at once, again and again, is not hammered": `
		0s open
		  > connect
		0s link
		  > cancel
		  > report connected by us
		0s unlink reset
		  > report cut off
		  > wake 1s
		1s timer
		  > connect
		1s link
		  > cancel
		  > report connected by us
		1s unlink reset
		  > report cut off
		  > wake 3s
		3s timer
		  > connect
		3s link
		  > cancel
		  > report connected by us
		13s unlink reset
		  > report cut off
		  > wake 14s`,
	"goodbye of the peer: what is pending is still tried, the talk is not": `
		0s open
		  > connect
		0s link
		  > cancel
		  > report connected by us
		1s goodbye
		  > report goodbye
		1s unlink
		  > report disconnected
		2s queue a
		  > connect
		2s link
		  > cancel
		  > report connected by us
		  > send a
		3s goodbye
		3s unlink
		  > report goodbye
		  > report disconnected
		  > wake 4s`,
	"goodbye of the peer: it is told when what was on its way is acknowledged": `
		0s queue a b
		  > connect
		0s link
		  > cancel
		  > report connected by us
		  > send a b
		1s goodbye
		1s queue c
		1s ack a
		  > report sent a
		  > report delivered a
		1s ack b
		  > report sent b
		  > report delivered b
		  > report goodbye
		2s goodbye
		2s unlink
		  > report disconnected
		  > wake 3s
		3s timer
		  > connect
		3s link
		  > cancel
		  > report connected by us
		  > send c`,
	"goodbye of the peer on one of two streams: the other goes on": `
		0s open
		  > connect
		0s link
		  > cancel
		  > report connected by us
		0s queue a
		  > send a
		1s goodbye
		1s link them
		  > report goodbye
		  > send a
		1s queue b
		  > send b`,
	"what is dropped before it was sent is not sent": `
		0s queue a b
		  > connect
		0s drop a
		0s drop unknown
		1s link
		  > cancel
		  > report connected by us
		  > send b`,
	"with nothing left to send there is no reason to connect": `
		0s queue a
		  > connect
		1s drop a
		  > cancel
		2s queue b
		  > connect
		3s fail
		  > report trying again after 1 at 4s
		  > wake 4s
		3s drop b
		4s timer
		5s open
		  > connect
		6s queue c
		6s drop c`,
	"what is dropped on its way may be acknowledged all the same": `
		0s queue a b
		  > connect
		0s link
		  > cancel
		  > report connected by us
		  > send a b
		1s drop a
		1s ack a
		1s unlink
		  > report disconnected
		  > wake 2s
		2s link
		  > report connected by us
		  > send b`,
	"a goodbye does not wait for what is dropped": `
		0s queue a
		  > connect
		0s link
		  > cancel
		  > report connected by us
		  > send a
		1s goodbye
		1s drop a
		  > report goodbye`,
	"a read mark says that it is stored, too; older ones are told as they are": `
		0s queue a b
		  > connect
		0s link
		  > cancel
		  > report connected by us
		  > send a b
		1s read b
		  > report sent b
		  > report delivered b
		  > report read b
		2s read z
		  > report read z
		2s read b
		  > report read b`,
	"hanging up drops what is pending, in each state": `
		0s queue a
		  > connect
		0s hangup
		  > cancel
		1s fail
		2s queue b
		  > connect
		2s fail
		  > report trying again after 1 at 3s
		  > wake 3s
		2s hangup
		3s timer
		4s queue c
		  > connect
		4s link
		  > cancel
		  > report connected by us
		  > send c
		4s hangup
		5s ack c
		6s unlink
		  > report disconnected`,
	"a connection that broke is routine: on at once, and nobody is told": `
		0s queue a b
		  > connect
		0s link
		  > cancel
		  > report connected by us
		  > send a b
		2s ack a
		  > report sent a
		  > report delivered a
		3s cut
		  > wake 8s
		  > connect
		4s link
		  > cancel
		  > send b
		8s timer
		9s cut
		  > wake 14s
		  > connect
		10s link them
		  > cancel
		  > send b`,
	"what follows a broken connection is told if it fails": `
		0s queue a
		  > connect
		0s link
		  > cancel
		  > report connected by us
		  > send a
		2s cut
		  > wake 7s
		  > connect
		3s fail
		  > report cut off
		  > report trying again after 1 at 4s
		  > wake 4s
		4s timer
		  > connect
		5s link
		  > cancel
		  > report connected by us
		  > send a`,
	"or if it takes too long": `
		0s open
		  > connect
		0s link
		  > cancel
		  > report connected by us
		2s cut
		  > wake 7s
		  > connect
		6s timer
		  > wake 7s
		7s timer
		  > report cut off
		9s link
		  > cancel
		  > report connected by us`,
	"who does not want the talk leaves it to the peer to go on": `
		0s link them
		  > report connected by them
		2s cut
		  > wake 7s
		3s link them
		4s cut
		  > wake 9s
		9s timer
		  > report cut off
		10s link them
		  > report connected by them`,
	"a broken connection is no routine when it has just been made, or after a goodbye": `
		0s open
		  > connect
		0s link
		  > cancel
		  > report connected by us
		0.9s cut
		  > report cut off
		  > wake 1.9s
		1.9s timer
		  > connect
		2s link
		  > cancel
		  > report connected by us
		4s goodbye
		  > report goodbye
		5s cut
		  > report cut off`,
	"who opens a talk that has just broken is told of the next stream": `
		0s open
		  > connect
		0s link
		  > cancel
		  > report connected by us
		2s cut
		  > wake 7s
		  > connect
		2s open
		  > report cut off
		3s link
		  > cancel
		  > report connected by us`,
	"a refusal after a broken connection": `
		0s open
		  > connect
		0s link
		  > cancel
		  > report connected by us
		2s cut
		  > wake 7s
		  > connect
		3s refuse
		  > report cut off
		  > report refused: go away
		  > cancel
		7s timer`,
	"nothing is queued twice": `
		0s queue a a
		  > connect
		1s queue a
		2s link
		  > cancel
		  > report connected by us
		  > send a`,
}

func TestOutboxTranscripts(t *testing.T) {
	for name, want := range transcripts {
		t.Run(name, func(t *testing.T) {
			want := dedent(want)
			if got := replay(t, want); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// TestOutboxFlight: no more than MaxInFlight at once, refilled one by one.
func TestOutboxFlight(t *testing.T) {
	o := newOutbox(chat.PeerID{1}, func() float64 { return 0.5 })
	for i := range MaxQueued {
		o.handle(time.Time{}, evQueued{named(fmt.Sprint(i))})
	}
	sent := sentBy(o.handle(time.Time{}, evLinked{}))
	if len(sent) != MaxInFlight {
		t.Fatalf("%d sent at once, want %d", len(sent), MaxInFlight)
	}
	for i := 0; o.pending() > 0; i++ {
		// From the back, to make holes.
		last := sent[len(sent)-1]
		sent = sent[:len(sent)-1]
		sent = append(sent, sentBy(o.handle(time.Time{}, evAcked{[]chat.SegmentID{last.ID}}))...)
		if want := min(MaxInFlight, MaxQueued-i-1); len(sent) != want {
			t.Fatalf("%d in flight after %d acknowledgements, want %d", len(sent), i+1, want)
		}
	}
}

// TestOutboxJitter: a pause is 0.75 to 1.25 times itself, never nothing.
func TestOutboxJitter(t *testing.T) {
	for _, tc := range []struct {
		jitter float64
		want   time.Duration
	}{{0, 750 * time.Millisecond}, {0.999, 1249500 * time.Microsecond}} {
		o := newOutbox(chat.PeerID{1}, func() float64 { return tc.jitter })
		o.handle(time.Time{}, evOpened{})
		o.handle(time.Time{}, evFailed{err: errTest})
		if got := o.due.Sub(time.Time{}); got != tc.want {
			t.Errorf("jitter %v: pause of %v, want %v", tc.jitter, got, tc.want)
		}
	}
}

// TestOutboxLosesNothing lets any events happen in any order, over a stream
// that loses everything when it breaks, and looks at what the peer has got when
// at last all is well.
func TestOutboxLosesNothing(t *testing.T) {
	for seed := range uint64(500) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		o := newOutbox(chat.PeerID{1}, rnd.Float64)
		now := time.Unix(0, 0)
		var stream []*chat.Segment // on the way
		var acks []chat.SegmentID  // on the way back
		got := make(map[chat.SegmentID]bool)
		var order []string
		delivered := make(map[chat.SegmentID]int)
		queued, linkUp, dialling := 0, false, false

		do := func(ev event) {
			for _, e := range o.handle(now, ev) {
				switch e := e.(type) {
				case doSend:
					stream = append(stream, e.segs...)
				case doConnect:
					dialling = true
				case doCancel:
					dialling = false
				case doReport:
					if d, ok := e.ev.(SegmentDelivered); ok {
						delivered[d.ID]++
					}
				}
			}
		}
		arrive := func() {
			if seg := stream[0]; !got[seg.ID] {
				got[seg.ID] = true
				order = append(order, strings.TrimRight(string(seg.ID[:]), "\x00"))
			}
			acks = append(acks, stream[0].ID)
			stream = stream[1:]
		}
		up := func() { linkUp, dialling = true, false; stream, acks = nil, nil; do(evLinked{}) }
		for range 200 {
			now = now.Add(time.Duration(rnd.IntN(3000)) * time.Millisecond)
			switch rnd.IntN(8) {
			case 0, 1:
				do(evQueued{named(fmt.Sprintf("%04d", queued))})
				queued++
			case 2:
				if dialling {
					up()
				}
			case 3:
				if dialling {
					dialling = false
					do(evFailed{err: errTest})
				}
			case 4:
				if linkUp && rnd.IntN(3) == 0 {
					linkUp = false
					stream, acks = nil, nil
					do(evUnlinked{errTest, rnd.IntN(2) == 0})
				}
			case 5:
				if linkUp && len(stream) > 0 {
					arrive()
				}
			case 6:
				if len(acks) > 0 {
					do(evAcked{acks[:1]})
					acks = acks[1:]
				}
			case 7:
				do(evTimer{})
			}
		}
		for o.pending() > 0 {
			if !linkUp {
				now = now.Add(lastRetry * 2)
				do(evTimer{})
				if !dialling {
					t.Fatalf("seed %d: %d pending, and no attempt is made", seed, o.pending())
				}
				up()
			}
			for len(stream) > 0 {
				arrive()
			}
			ids := acks
			acks = nil
			do(evAcked{ids})
		}
		if len(order) != queued || !isSorted(order) {
			t.Fatalf("seed %d: queued %d, arrived %d: %q", seed, queued, len(order), order)
		}
		for id, n := range delivered {
			if n != 1 {
				t.Fatalf("seed %d: %s reported delivered %d times", seed, id, n)
			}
		}
		if len(delivered) != queued {
			t.Fatalf("seed %d: %d reported delivered, want %d", seed, len(delivered), queued)
		}
	}
}

func isSorted(s []string) bool {
	for i := 1; i < len(s); i++ {
		if s[i] <= s[i-1] {
			return false
		}
	}
	return true
}

func sentBy(do []effect) (segs []*chat.Segment) {
	for _, e := range do {
		if s, ok := e.(doSend); ok {
			segs = append(segs, s.segs...)
		}
	}
	return segs
}

// named is a segment whose ID is a name.
func named(name string) *chat.Segment {
	seg := new(chat.Segment)
	copy(seg.ID[:], name)
	return seg
}

func ids(names []string) (ids []chat.SegmentID) {
	for _, n := range names {
		ids = append(ids, named(n).ID)
	}
	return ids
}

// replay gives the events of a transcript to a new outbox, and writes the
// transcript that comes of it.
func replay(t *testing.T, script string) string {
	o := newOutbox(chat.PeerID{1}, func() float64 { return 0.5 })
	start := time.Unix(0, 0)
	var out []string
	for line := range strings.SplitSeq(script, "\n") {
		if strings.HasPrefix(line, "  > ") {
			continue
		}
		out = append(out, line)
		words := strings.Fields(line)
		at, err := time.ParseDuration(words[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range scripted(t, words[1], words[2:]) {
			for _, do := range o.handle(start.Add(at), ev) {
				out = append(out, "  > "+written(start, do))
			}
		}
	}
	return strings.Join(out, "\n")
}

func scripted(t *testing.T, verb string, args []string) []event {
	reason := text(t, "go away")
	switch verb {
	case "queue":
		var evs []event
		for _, a := range args {
			evs = append(evs, evQueued{named(a)})
		}
		return evs
	case "open":
		return []event{evOpened{}}
	case "hangup":
		return []event{evHungUp{}}
	case "link":
		return []event{evLinked{byUs: len(args) == 0}}
	case "unlink":
		if len(args) > 0 {
			return []event{evUnlinked{err: errors.New(args[0])}}
		}
		return []event{evUnlinked{}}
	case "cut":
		return []event{evUnlinked{errTest, true}}
	case "fail":
		return []event{evFailed{err: errTest}}
	case "unsupported":
		return []event{evFailed{err: errTest, unsupported: true}}
	case "written":
		return []event{evWritten{ids(args)}}
	case "ack":
		return []event{evAcked{ids(args)}}
	case "drop":
		return []event{evDropped{named(args[0]).ID}}
	case "read":
		return []event{evRead{named(args[0]).ID}}
	case "goodbye":
		return []event{evGoodbye{}}
	case "refuse":
		return []event{evRefused{reason}}
	case "reachable":
		return []event{evReachable{}}
	case "timer":
		return []event{evTimer{}}
	}
	t.Fatalf("unknown event %q", verb)
	return nil
}

func written(start time.Time, do effect) string {
	name := func(id chat.SegmentID) string { return strings.TrimRight(string(id[:]), "\x00") }
	switch do := do.(type) {
	case doConnect:
		return "connect"
	case doCancel:
		return "cancel"
	case doSend:
		s := "send"
		for _, seg := range do.segs {
			s += " " + name(seg.ID)
		}
		return s
	case doWake:
		return "wake " + do.at.Sub(start).String()
	case doReport:
		switch ev := do.ev.(type) {
		case Trying:
			return "report " + describe(ev) + " at " + ev.When.Sub(start).String()
		case SegmentSent:
			return "report sent " + name(ev.ID)
		case SegmentDelivered:
			return "report delivered " + name(ev.ID)
		case SegmentRead:
			return "report read " + name(ev.ID)
		case SegmentFailed:
			return "report failed " + name(ev.ID) + ": " + ev.Reason.Line()
		default:
			return "report " + describe(ev)
		}
	}
	return fmt.Sprintf("%T", do)
}

// dedent strips the two tabs that the source has.
func dedent(s string) string {
	return strings.TrimPrefix(strings.ReplaceAll(s, "\n\t\t", "\n"), "\n")
}
