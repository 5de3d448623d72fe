package node

import (
	"fmt"
	"slices"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// screenful is how many segments of the past are enough to show at once
	// while more are fetched.
	screenful = 50
	// maxBacklog is how many segments of a room's past are shown when one comes;
	// what is older is in the log. In a private talk all are.
	maxBacklog = 1000
	// backlogPatience is how long the past waits for the rest of it while nobody
	// is being asked.
	backlogPatience = time.Second
)

// A backlog is what was written before we came and is not shown yet: it comes
// newest first, and is shown in order. The loop owns it.
type backlog struct {
	segs []*chat.Segment
	// said are those of segs that came as they were said, by gossip from somebody
	// who waited for company or whose clock is behind: they are shown in any case.
	said  map[chat.SegmentID]bool
	since time.Time // when the first of segs came
	// needed is how many segments catch-up is about to fetch.
	needed int
	// shown is set when the past was shown. What is fetched later and stands
	// before last, the newest place shown, is not shown any more: a screen only
	// grows downwards.
	shown   bool
	last    chat.OrderKey
	skipped int // not shown, since that was last told
}

func (b *backlog) add(s *chat.Segment, said bool) {
	if len(b.segs) == 0 {
		b.since = time.Now()
	}
	b.segs = append(b.segs, s)
	if said {
		if b.said == nil {
			b.said = make(map[chat.SegmentID]bool)
		}
		b.said[s.ID] = true
	}
}

// take returns what is to be shown, in order. Of a private talk that is all.
func (b *backlog) take(all bool) []*chat.Segment {
	segs := sorted(b.segs)
	if !all {
		behind := 0
		for behind < len(segs) && segs[behind].Key().Compare(b.last) <= 0 {
			behind++
		}
		limit := maxBacklog
		if b.needed > maxBacklog { // what others hand over beside the fetch is older
			limit = screenful
		}
		from := max(behind, len(segs)-limit)
		kept := slices.DeleteFunc(slices.Clone(segs[:from]), func(s *chat.Segment) bool { return !b.said[s.ID] })
		b.skipped += from - len(kept)
		segs = append(kept, segs[from:]...)
	}
	if n := len(segs); n > 0 {
		b.shown = true
		if last := segs[n-1].Key(); last.Compare(b.last) > 0 {
			b.last = last
		}
	}
	b.segs, b.said = nil, nil
	return segs
}

// showBacklog shows the past. done says that no more of it is on its way.
func (c *conversation) showBacklog(done bool) {
	b := &c.backlog
	past := b.segs
	var evs []chat.Event
	for _, s := range b.take(c.conv.IsDirect()) {
		evs = c.appendMessages(evs, s)
	}
	if done {
		b.needed = 0
		if b.skipped > 0 {
			evs = append(evs, chat.Notice{
				Conversation: c.conv, Code: chat.NoticeEarlier,
				Text: fmt.Sprintf("%s in the history (hint: p2pchat history %s)", count(b.skipped, "earlier message is", "earlier messages are"), c.conv),
			})
			b.skipped = 0
		}
	}
	c.node.feed.publish(evs...)
	for _, s := range past {
		delete(c.intake.coming, s.ID)
	}
	for _, s := range past {
		c.show(c.intake.shown(s.ID))
	}
}

// fetched notes how far a fetch is, after a batch of it was stored. When there is
// very much to come, a screenful of the newest is shown at once.
func (c *conversation) fetched(needed int) {
	b := &c.backlog
	b.needed = max(b.needed, needed)
	if !b.shown && b.needed > maxBacklog && len(b.segs) >= screenful && !c.conv.IsDirect() {
		c.showBacklog(false)
	}
}

// backlogTick shows a past of which no more seems to come.
func (c *conversation) backlogTick(now time.Time) {
	if len(c.backlog.segs) > 0 && len(c.syncer.running) == 0 && now.Sub(c.backlog.since) >= backlogPatience {
		c.showBacklog(true)
	}
}

// count writes a number with its noun.
func count(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}
