package history

import (
	"github.com/p2pchat/p2pchat/chat"
)

// A hole is a stretch of a conversation's order in which nothing stands: all that
// is strictly between two places. The writer remembers the one that it has filled
// last, from its beginning: what comes next mostly belongs into the rest of it,
// be it the end of the order, where people talk, or what a catch-up fills. So
// that nothing stands there need not be asked for each segment.
type hole struct {
	from, to chat.OrderKey
	// end says that nothing stands behind from at all; to is nothing then.
	end bool
}

// has reports whether key is in the hole. None is in the zero one.
func (h *hole) has(key chat.OrderKey) bool {
	return h.from != (chat.OrderKey{}) && key.Compare(h.from) > 0 && (h.end || key.Compare(h.to) < 0)
}

// take gives the place key away, unless a segment stands there: then it is false.
func (w *writer) take(s *state, key chat.OrderKey) (bool, error) {
	if !s.hole.has(key) {
		var time int64
		var id []byte
		found, err := w.c.get([]any{&time, &id}, "SELECT time, id FROM place WHERE c = ? AND (time, id) >= (?, ?) ORDER BY time, id LIMIT 1",
			s.c, dbTime(key.Time), key.ID[:])
		if err != nil {
			return false, err
		}
		next := hole{end: !found}
		if found {
			next.to.Time = timeOf(time)
			copy(next.to.ID[:], id)
			if next.to == key {
				return false, nil
			}
		}
		s.hole = next
	}
	s.hole.from = key
	return true, nil
}

// A vacancy are numbers of a chain, from up to to, that no segment has.
type vacancy struct{ from, to int64 }

func (v vacancy) has(from, to int64) bool { return v.from <= from && to <= v.to }

// vacancies are those next to where a segment was put last into its chain: what a
// catch-up brings from new to old, and each batch of it from old to new, falls
// into them. The zero value has none.
type vacancies struct{ below, above vacancy }

// take gives away the numbers from up to to, if they are known to be vacant.
func (v *vacancies) take(from, to int64) bool {
	switch {
	case v.above.has(from, to):
		v.above.from = to
	case v.below.has(from, to):
		v.above = vacancy{to, v.below.to}
		v.below.to = from
	default:
		return false
	}
	return true
}
