package api

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// maxPending is how many messages may be on their way to the node; whoever
	// says more waits for each.
	maxPending = 10_000
	// maxAccepted is how many own messages are remembered that were accepted.
	maxAccepted = 4096
	// maxUnsure is how many messages are remembered that the node took or not.
	maxUnsure = 1000
	// recallSlack is how much earlier than it was said a message may be dated.
	recallSlack = 2 * time.Second
)

// A said message was handed to a node, and is not known to be stored.
type said struct {
	wire string // its key, as the node knows it
	key  string // as the face knows it
	conv chat.Conversation
	body chat.Body
	wait string // until when; with its key it is always the same
	at   time.Time
	run  string // of the node it was handed to, as far as known
	// unsure is set if a node may have taken it that did not say so. left is set if
	// the face was told so, and nothing is done before it says it again.
	unsure, left bool
	// done is set when it is known what became of it, and id if it is stored.
	done bool
	id   chat.MessageID
}

// stored reports whether it is known that it is.
func (s *said) stored() bool { return s.id != (chat.MessageID{}) }

// A pending holds what was said and not accepted yet, in order. It is pure; the
// Client's mu guards it.
type pending struct {
	byKey map[string]*said
	order []*said // some are settled already
	// unsure are those that the node took or not, by the face's keys; some are known
	// to be stored since then. doubts are the same, the oldest first.
	unsure map[string]*said
	doubts []*said
	// accepted are messages of ours that are stored, so that none is taken for
	// another of the same words.
	accepted map[chat.MessageID]bool
	queue    []chat.MessageID // of accepted
}

func newPending() pending {
	return pending{byKey: make(map[string]*said), unsure: make(map[string]*said), accepted: make(map[chat.MessageID]bool)}
}

func (p *pending) add(s *said) {
	if p.byKey[s.wire] == s && !s.left {
		return // it is said again
	}
	s.left = false
	p.byKey[s.wire] = s
	p.order = append(p.order, s)
}

// doubt notes that it is not known whether the node took a message: a face that says
// it again must not say it twice.
func (p *pending) doubt(s *said) {
	if s.key == "" || s.done || p.unsure[s.key] == s {
		return
	}
	p.unsure[s.key] = s
	p.doubts = append(p.doubts, s)
	if len(p.doubts) <= maxUnsure {
		return
	}
	old := p.doubts[0]
	p.doubts = p.doubts[1:]
	if old.left {
		delete(p.byKey, old.wire)
	}
	if p.unsure[old.key] == old {
		delete(p.unsure, old.key)
	}
}

// leave leaves it to the face to say a message again.
func (p *pending) leave(s *said) {
	if s.key == "" {
		p.settle(s.wire, chat.MessageID{})
		return
	}
	p.doubt(s)
	s.left = true
	p.order = slices.DeleteFunc(p.order, func(o *said) bool { return o == s })
}

// again is a message that the face says again. It may be stored meanwhile.
func (p *pending) again(conv chat.Conversation, key string, b chat.Body) *said {
	s := p.unsure[key]
	if s == nil || s.conv != conv || s.body.Kind != b.Kind || s.body.Target != b.Target || s.body.Text != b.Text {
		return nil
	}
	return s
}

// settle notes that it is known what became of a message; the ID is zero if it is
// not stored.
func (p *pending) settle(wire string, id chat.MessageID) {
	if s := p.byKey[wire]; s != nil {
		s.done, s.id = true, id
		delete(p.byKey, wire)
		if p.unsure[s.key] == s && !s.stored() { // it may be tried anew
			delete(p.unsure, s.key)
		}
	}
	for len(p.order) > 0 && p.byKey[p.order[0].wire] != p.order[0] {
		p.order = p.order[1:]
	}
}

// accept notes a message that is stored.
func (p *pending) accept(id chat.MessageID) {
	if p.accepted[id] {
		return
	}
	p.accepted[id] = true
	p.queue = append(p.queue, id)
	if len(p.queue) > maxAccepted {
		delete(p.accepted, p.queue[0])
		p.queue = p.queue[1:]
	}
}

// open are those of which it is not known, in order.
func (p *pending) open() []*said {
	return slices.DeleteFunc(slices.Clone(p.order), func(s *said) bool { return p.byKey[s.wire] != s })
}

// before is the run of the node that was handed the last message before s of which it
// is not known what became: no other node may get s sooner than that. It is empty if
// there is none.
func (p *pending) before(s *said) (run string) {
	for i := len(p.order) - 1; i >= 0; i-- {
		if o := p.order[i]; o != s && p.byKey[o.wire] == o && o.run != "" {
			return o.run
		}
	}
	return ""
}

// match finds the message that s became, among those of the history since then.
func (p *pending) match(s *said, msgs []chat.Message) (chat.Message, bool) {
	for _, m := range msgs {
		same := m.Mine && m.Kind == s.body.Kind && m.Text == s.body.Text && m.Target == s.body.Target
		if same && !p.accepted[m.ID] && !m.Time.Before(s.at.Add(-recallSlack)) {
			return m, true
		}
	}
	return chat.Message{}, false
}

// wireKey makes a key that no other face uses.
func wireKey(face string, n uint64, key string) string {
	return face + "." + strconv.FormatUint(n, 10) + "." + key
}

// faceKey finds the face's own key again; ours is not set if another face's.
func faceKey(face, wire string) (key string, ours bool) {
	rest, ours := strings.CutPrefix(wire, face+".")
	if !ours {
		return "", false
	}
	_, key, ours = strings.Cut(rest, ".")
	return key, ours
}
