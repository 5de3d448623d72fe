package node

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// shareAfter is how long lines gather for a common segment while earlier ones
// are still on their way. A lone line never waits.
const shareAfter = 20 * time.Millisecond

// A batch gathers drafts for the next segment. One conversation owns it.
type batch struct {
	drafts []chat.Draft
	size   int
	since  time.Time
	next   *chat.Draft // did not fit: the first of the segment after
}

// take adds a draft; the batch must not be full.
func (b *batch) take(d chat.Draft, now time.Time) {
	if len(b.drafts) == 0 {
		b.since = now
	} else if b.size+d.Body.Size() > chat.MaxSegment {
		b.next = &d
		return
	}
	b.drafts = append(b.drafts, d)
	b.size += d.Body.Size()
}

// full reports whether nothing more can be added.
func (b *batch) full() bool { return b.next != nil || len(b.drafts) == chat.MaxBodies }

// empty reports whether there is nothing to seal.
func (b *batch) empty() bool { return len(b.drafts) == 0 }

// drain returns what was gathered and begins anew.
func (b *batch) drain(now time.Time) []chat.Draft {
	out, next := b.drafts, b.next
	*b = batch{}
	if next != nil {
		b.take(*next, now)
	}
	return out
}

// A sealer numbers and signs our segments of one conversation.
type sealer struct {
	key   crypto.PrivKey
	conv  chat.ConversationID
	chain chat.Chain
	next  uint64
	last  chat.SegmentID // our own newest, the zero value before the first
}

func newSealer(key crypto.PrivKey, conv chat.ConversationID) *sealer {
	s := &sealer{key: key, conv: conv, next: 1}
	rand.Read(s.chain[:])
	return s
}

// seal makes the next segment of these drafts, and the same again until one is
// accepted. parents are the heads held, newest first; latest is the highest time
// in the conversation.
func (s *sealer) seal(drafts []chat.Draft, parents []chat.SegmentID, clock time.Time, latest chat.Time) (*chat.Segment, error) {
	seg := &chat.Segment{
		Conversation: s.conv,
		Chain:        s.chain,
		Seq:          s.next,
		Time:         chat.TimeOf(clock).After(latest),
		Bodies:       make([]chat.Body, 0, len(drafts)),
	}
	if s.last != (chat.SegmentID{}) {
		seg.Parents = append(seg.Parents, s.last)
	}
	for _, h := range parents {
		if h != s.last && len(seg.Parents) < chat.MaxParents {
			seg.Parents = append(seg.Parents, h)
		}
	}
	for _, d := range drafts {
		seg.Bodies = append(seg.Bodies, d.Body)
	}
	if err := wire.SealSegment(s.key, seg); err != nil {
		return nil, fmt.Errorf("sign %d messages: %w", len(drafts), err)
	}
	return seg, nil
}

// accepted says that a segment is stored: the next one follows it.
func (s *sealer) accepted(seg *chat.Segment) { s.next, s.last = seg.Next(), seg.ID }
