package node

import (
	"fmt"
	"slices"

	"github.com/p2pchat/p2pchat/chat"
)

// logged lists all that a person's log has of a conversation, oldest first.
func (p *person) logged(conv chat.Conversation) (segs []*chat.Segment) {
	p.t.Helper()
	v, err := p.Node.log.View(conv.ID(p.Self()))
	if err != nil {
		p.t.Fatal(err)
	}
	defer v.Close()
	keys, err := v.Keys(0, v.Len())
	if err != nil {
		p.t.Fatal(err)
	}
	for chunk := range slices.Chunk(keys, 500) {
		ids := make([]chat.SegmentID, len(chunk))
		for i, k := range chunk {
			ids[i] = k.ID
		}
		got, err := p.Node.log.Get(p.t.Context(), conv.ID(p.Self()), ids...)
		if err != nil {
			p.t.Fatal(err)
		}
		segs = append(segs, got...)
	}
	return segs
}

// checkAll is the checker for people who are all connected and had time to
// settle. accepted are the messages that were shown as accepted to anybody, in
// any run. It fails the test if
//   - a log lacks an accepted message, or two logs differ,
//   - a log misses a parent,
//   - somebody was shown a message twice in one run,
//   - somebody was shown a message before one that it follows from, and was not
//     told that something was missing.
func (w *world) checkAll(conv chat.Conversation, accepted map[chat.MessageID]string, people ...*person) {
	w.t.Helper()
	faults := 0
	fault := func(format string, args ...any) {
		if faults++; faults <= 20 {
			w.t.Errorf(format, args...)
		}
	}
	var first []*chat.Segment
	for i, p := range people {
		segs := p.logged(conv)
		if i == 0 {
			first = segs
		} else if !slices.EqualFunc(segs, first, func(a, b *chat.Segment) bool { return a.ID == b.ID }) {
			fault("the logs of %s (%d segments) and %s (%d) differ: %s", p.nick, len(segs), people[0].nick, len(first), difference(segs, first))
		}
		has := make(map[chat.MessageID]bool)
		of := make(map[chat.MessageID]*chat.Segment)
		for _, s := range segs {
			for i := range s.Bodies {
				has[s.MessageID(i)], of[s.MessageID(i)] = true, s
			}
		}
		for id, what := range accepted {
			if !has[id] {
				fault("%s has lost %s", p.nick, what)
			}
		}
		if ids, n := p.Node.log.Missing(conv.ID(p.Self())); n > 0 {
			fault("%s misses %d parents: %v", p.nick, n, ids)
		}
		p.checkScreen(conv, of, fault)
	}
}

// checkScreen checks what one run showed.
func (p *person) checkScreen(conv chat.Conversation, of map[chat.MessageID]*chat.Segment, fault func(string, ...any)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := make(map[chat.MessageID]int)  // where each message was shown
	seg := make(map[chat.SegmentID]int) // and the last of each segment
	var shown []*chat.Segment
	gap := make(map[chat.SegmentID]bool)
	for i, ev := range p.events {
		m, ok := ev.(chat.Message)
		if !ok || m.Conversation != conv {
			continue
		}
		if _, twice := at[m.ID]; twice {
			fault("%s was shown %q twice", p.nick, m.Text)
		}
		at[m.ID] = i
		if s := of[m.ID]; s != nil {
			if _, known := seg[s.ID]; !known {
				shown = append(shown, s)
			}
			seg[s.ID] = i
			gap[s.ID] = gap[s.ID] || m.Gap
		}
	}
	for _, s := range shown {
		for _, parent := range s.Parents {
			if i, ok := seg[parent]; ok && i > at[s.MessageID(0)] && !gap[s.ID] {
				fault("%s was shown a message of segment %s before its parent %s", p.nick, s.ID, parent)
			}
		}
	}
}

// difference says what is only in one of two logs.
func difference(a, b []*chat.Segment) string {
	in := make(map[chat.SegmentID]int)
	for _, s := range a {
		in[s.ID] |= 1
	}
	for _, s := range b {
		in[s.ID] |= 2
	}
	only := [4]int{}
	for _, where := range in {
		only[where]++
	}
	return fmt.Sprintf("%d only here, %d only there", only[1], only[2])
}

// accepted adds the own messages that were shown to p as accepted in this run.
func (p *person) accepted(conv chat.Conversation, all map[chat.MessageID]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, ev := range p.events {
		if m, ok := ev.(chat.Message); ok && m.Conversation == conv && m.Mine && m.Key != "" {
			all[m.ID] = fmt.Sprintf("%q of %s", m.Text.Raw(), p.nick)
		}
	}
}

// checkTwice checks a run that has ended: nothing was shown twice.
func (p *person) checkTwice(conv chat.Conversation) {
	p.t.Helper()
	p.checkScreen(conv, nil, p.t.Errorf)
}
