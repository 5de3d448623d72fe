package line

import (
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// nickFor is how long a message may wait for its author's nick: a beacon
	// brings that, and a newcomer's first message can be faster.
	nickFor = 500 * time.Millisecond
	// maxHeld is how many events may wait so; beyond, all are shown as they are.
	maxHeld = 10_000
	// maxMet bounds the people that are known not to be waited for; of more, none
	// is waited for.
	maxMet = 10_000
)

// A hold keeps events back, in their order, while the nick of a message's
// author is not known, but none longer than nickFor. It is pure; the screen owns
// it.
type hold struct {
	events  []chat.Event
	until   time.Time
	missing map[chat.PeerID]bool // whose nick events wait for
	met     map[chat.PeerID]bool // who needs no waiting: known, or waited for in vain
}

func newHold() *hold {
	return &hold{missing: make(map[chat.PeerID]bool), met: make(map[chat.PeerID]bool)}
}

// add takes an event and returns what may be shown now.
func (h *hold) add(now time.Time, ev chat.Event) []chat.Event {
	switch ev := ev.(type) {
	case chat.Member:
		h.meet(ev.Peer)
		if h.missing[ev.Peer] {
			return h.named(ev)
		}
	case chat.Message:
		if !ev.Mine && !ev.Old && ev.Nick.Empty() && !h.met[ev.Author] && len(h.met) < maxMet {
			h.missing[ev.Author] = true
		}
	}
	if len(h.missing) == 0 {
		return []chat.Event{ev}
	}
	if len(h.events) == 0 {
		h.until = now.Add(nickFor)
	}
	if h.events = append(h.events, ev); len(h.events) >= maxHeld {
		return h.release()
	}
	return nil
}

// named lets what waited for m's nick have it, and follow m.
func (h *hold) named(m chat.Member) []chat.Event {
	for i, ev := range h.events {
		if msg, ok := ev.(chat.Message); ok && msg.Author == m.Peer && msg.Nick.Empty() {
			msg.Nick = m.Nick
			h.events[i] = msg
		}
	}
	out := []chat.Event{m}
	if delete(h.missing, m.Peer); len(h.missing) == 0 {
		out = append(out, h.release()...)
	}
	return out
}

// due returns what has waited long enough.
func (h *hold) due(now time.Time) []chat.Event {
	if len(h.events) == 0 || now.Before(h.until) {
		return nil
	}
	return h.release()
}

// release returns everything. For whom it waited in vain, it will not again.
func (h *hold) release() []chat.Event {
	for p := range h.missing {
		h.meet(p)
	}
	clear(h.missing)
	evs := h.events
	h.events = nil
	return evs
}

func (h *hold) meet(p chat.PeerID) {
	if len(h.met) < maxMet {
		h.met[p] = true
	}
}
