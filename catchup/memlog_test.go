package catchup

import (
	"context"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// chunkMax is how many keys a chunk of the log below has: as in a log on disk,
// the sums of whole chunks are kept, those of parts are hashed.
const chunkMax = 256

// A memLog is a Log in memory, with Views that stay as they were.
type memLog struct {
	mu    sync.Mutex
	convs map[chat.ConversationID]*memConv
	views int // opened and not closed
	// commit is how long a commit takes.
	commit time.Duration
}

type memConv struct {
	segs   map[chat.SegmentID]*chat.Segment
	pruned map[chat.SegmentID]bool
	chunks []*chunk // never changed in place
	n      int
	floor  chat.OrderKey
}

type chunk struct {
	keys []chat.OrderKey
	once sync.Once
	sum  wire.SetSum
}

func newMemLog() *memLog { return &memLog{convs: make(map[chat.ConversationID]*memConv)} }

func (l *memLog) conv(id chat.ConversationID) *memConv {
	c := l.convs[id]
	if c == nil {
		c = &memConv{segs: make(map[chat.SegmentID]*chat.Segment), pruned: make(map[chat.SegmentID]bool)}
		l.convs[id] = c
	}
	return c
}

func (l *memLog) Append(_ context.Context, segs ...*chat.Segment) (added []*chat.Segment, err error) {
	if l.commit > 0 {
		time.Sleep(l.commit)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	fresh := make(map[*memConv][]chat.OrderKey)
	for _, s := range segs {
		c := l.conv(s.Conversation)
		switch {
		case c.segs[s.ID] != nil || c.pruned[s.ID]:
		case s.Key().Compare(c.floor) <= 0:
			c.pruned[s.ID] = true
		default:
			c.segs[s.ID] = s
			fresh[c] = append(fresh[c], s.Key())
			added = append(added, s)
		}
	}
	for c, keys := range fresh {
		c.insert(keys)
	}
	return added, nil
}

// insert puts keys into the chunks they belong into, and copies only those.
func (c *memConv) insert(keys []chat.OrderKey) {
	slices.SortFunc(keys, chat.OrderKey.Compare)
	c.n += len(keys)
	old := c.chunks
	c.chunks = nil
	for i := 0; i < len(old) || len(keys) > 0; i++ {
		n := len(keys)
		if i+1 < len(old) {
			next := old[i+1].keys[0]
			n = sort.Search(len(keys), func(j int) bool { return keys[j].Compare(next) > 0 })
		}
		if n == 0 {
			c.chunks = append(c.chunks, old[i])
			continue
		}
		all := slices.Clone(keys[:n])
		if i < len(old) {
			all = append(all, old[i].keys...)
			slices.SortFunc(all, chat.OrderKey.Compare)
		}
		for part := range slices.Chunk(all, chunkMax) {
			c.chunks = append(c.chunks, &chunk{keys: part})
		}
		keys = keys[n:]
	}
}

// prune takes the n oldest out.
func (l *memLog) prune(id chat.ConversationID, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.conv(id)
	var keys []chat.OrderKey
	for _, k := range c.chunks {
		keys = append(keys, k.keys...)
	}
	for _, k := range keys[:n] {
		delete(c.segs, k.ID)
		c.pruned[k.ID] = true
		c.floor = k
	}
	c.chunks, c.n = nil, 0
	c.insert(keys[n:])
}

func (l *memLog) Has(conv chat.ConversationID, id chat.SegmentID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.convs[conv]
	return c != nil && (c.segs[id] != nil || c.pruned[id])
}

func (l *memLog) Lacks(conv chat.ConversationID, ids ...chat.SegmentID) []chat.SegmentID {
	return slices.DeleteFunc(slices.Clone(ids), func(id chat.SegmentID) bool { return l.Has(conv, id) })
}

func (l *memLog) Get(_ context.Context, conv chat.ConversationID, ids ...chat.SegmentID) (segs []*chat.Segment, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		if s := l.conv(conv).segs[id]; s != nil {
			segs = append(segs, s)
		}
	}
	return segs, nil
}

func (l *memLog) Len(conv chat.ConversationID) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conv(conv).n
}

// all are the segments of a conversation, in order.
func (l *memLog) all(conv chat.ConversationID) (segs []*chat.Segment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.conv(conv)
	for _, ch := range c.chunks {
		for _, k := range ch.keys {
			segs = append(segs, c.segs[k.ID])
		}
	}
	return segs
}

func (l *memLog) View(conv chat.ConversationID) (View, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.views++
	c := l.conv(conv)
	v := &memView{log: l, chunks: c.chunks, n: c.n, floor: c.floor}
	return v, nil
}

// A memView is a log at one moment.
type memView struct {
	log    *memLog // nil if nobody counts
	chunks []*chunk
	firsts []int // the number of each chunk's first key; made at first use
	n      int
	floor  chat.OrderKey
}

// viewOf is a log of keys without segments.
func viewOf(keys []chat.OrderKey, floor chat.OrderKey) *memView {
	keys = slices.DeleteFunc(slices.Clone(keys), func(k chat.OrderKey) bool {
		return floor != chat.OrderKey{} && k.Compare(floor) <= 0
	})
	c := &memConv{}
	c.insert(keys)
	return &memView{chunks: c.chunks, n: c.n, floor: floor}
}

// without is a log that lacks some keys. What they have in common is shared.
func (v *memView) without(keys map[chat.OrderKey]bool) *memView {
	out := &memView{n: v.n - len(keys), floor: v.floor}
	for _, c := range v.chunks {
		if slices.ContainsFunc(c.keys, func(k chat.OrderKey) bool { return keys[k] }) {
			c = &chunk{keys: slices.DeleteFunc(slices.Clone(c.keys), func(k chat.OrderKey) bool { return keys[k] })}
		}
		if len(c.keys) > 0 {
			out.chunks = append(out.chunks, c)
		}
	}
	return out
}

func (v *memView) Len() int { return v.n }

func (v *memView) Floor() chat.OrderKey { return v.floor }

func (v *memView) Close() error {
	if v.log != nil {
		v.log.mu.Lock()
		defer v.log.mu.Unlock()
		v.log.views--
	}
	return nil
}

// place is the chunk of key number i, and its place in it.
func (v *memView) place(i int) (c, at int) {
	if v.firsts == nil {
		n := 0
		for _, c := range v.chunks {
			v.firsts = append(v.firsts, n)
			n += len(c.keys)
		}
	}
	c = sort.SearchInts(v.firsts, i+1) - 1
	return c, i - v.firsts[c]
}

func (v *memView) Rank(b wire.Bound) (int, error) {
	if b.IsEnd() || v.n == 0 {
		return v.n, nil
	}
	c := sort.Search(len(v.chunks), func(i int) bool { return b.After(v.chunks[i].keys[len(v.chunks[i].keys)-1]) })
	if c == len(v.chunks) {
		return v.n, nil
	}
	v.place(0)
	keys := v.chunks[c].keys
	return v.firsts[c] + sort.Search(len(keys), func(i int) bool { return b.After(keys[i]) }), nil
}

func (v *memView) Keys(lo, hi int) (keys []chat.OrderKey, err error) {
	for lo < hi {
		c, at := v.place(lo)
		part := v.chunks[c].keys[at:]
		part = part[:min(len(part), hi-lo)]
		keys = append(keys, part...)
		lo += len(part)
	}
	return keys, nil
}

func (v *memView) Sum(lo, hi int) (sum wire.SetSum, err error) {
	for lo < hi {
		c, at := v.place(lo)
		ch := v.chunks[c]
		part := ch.keys[at:]
		part = part[:min(len(part), hi-lo)]
		if len(part) == len(ch.keys) {
			ch.once.Do(func() {
				for _, k := range ch.keys {
					ch.sum.Add(k.ID)
				}
			})
			sum.Merge(&ch.sum)
		} else {
			for _, k := range part {
				sum.Add(k.ID)
			}
		}
		lo += len(part)
	}
	return sum, nil
}
