package catchup

import (
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// behind is the bound right behind k, or none if k is zero.
func behind(k chat.OrderKey) wire.Bound {
	if k == (chat.OrderKey{}) {
		return wire.Bound{}
	}
	id := k.ID
	for i := len(id) - 1; i >= 0; i-- {
		if id[i]++; id[i] != 0 {
			return wire.Bound{Time: k.Time, Prefix: id[:]}
		}
	}
	return wire.Bound{Time: k.Time + 1}
}

// between is the shortest bound that stands behind a and not behind b.
func between(a, b chat.OrderKey) wire.Bound {
	if a.Time != b.Time {
		return wire.Bound{Time: b.Time}
	}
	n := 0
	for n < len(a.ID)-1 && a.ID[n] == b.ID[n] {
		n++
	}
	return wire.Bound{Time: b.Time, Prefix: append([]byte(nil), b.ID[:n+1]...)}
}

// beginsBefore reports whether a, as a beginning, is before b, as an end.
func beginsBefore(a, b wire.Bound) bool {
	if a.IsEnd() || b.IsEnd() {
		return true
	}
	return a.Time < b.Time || a.Time == b.Time && string(a.Prefix) < string(b.Prefix)
}
