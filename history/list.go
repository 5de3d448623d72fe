package history

import (
	"iter"
	"slices"
	"sort"

	"github.com/p2pchat/p2pchat/wire"
)

// chunkMax is how many elements one chunk of a list holds: so few that an
// insertion in the middle moves little, so many that there are few chunks.
const chunkMax = 512

// A list keeps distinct elements sorted. Adding at the end, which is what a
// conversation does nearly always, costs next to nothing; adding anywhere else
// moves one chunk.
type list[T any] struct {
	cmp    func(a, b T) int
	chunks []*chunk[T] // none is empty
	n      int
}

// A chunk is a part of a list.
type chunk[T any] struct {
	items []T
	// frozen says that somebody keeps items: what stands there may not change,
	// but more may be added behind.
	frozen bool
	// sum is that of the items' IDs, or nil; see Memory.View.
	sum *wire.SetSum
}

// thaw makes a chunk's items free to change.
func (c *chunk[T]) thaw() {
	c.sum = nil
	if c.frozen {
		c.items, c.frozen = append(make([]T, 0, len(c.items)+1), c.items...), false
	}
}

func (l *list[T]) len() int { return l.n }

// insert adds v, or reports that it is there.
func (l *list[T]) insert(v T) bool {
	last := len(l.chunks) - 1
	if last < 0 || l.cmp(l.chunks[last].items[len(l.chunks[last].items)-1], v) < 0 {
		if last < 0 || len(l.chunks[last].items) >= chunkMax {
			l.chunks = append(l.chunks, &chunk[T]{})
			last++
		}
		c := l.chunks[last]
		c.items, c.sum = append(c.items, v), nil
		l.n++
		return true
	}
	at, i := l.find(func(e T) bool { return l.cmp(e, v) >= 0 })
	c := l.chunks[at]
	if l.cmp(c.items[i], v) == 0 {
		return false
	}
	c.thaw()
	if len(c.items) >= chunkMax {
		const half = chunkMax / 2
		right := &chunk[T]{items: slices.Clone(c.items[half:])}
		l.chunks = slices.Insert(l.chunks, at+1, right)
		clear(c.items[half:])
		c.items = c.items[:half]
		if i > half {
			c, i = right, i-half
		}
	}
	c.items = slices.Insert(c.items, i, v)
	l.n++
	return true
}

// remove takes v out, if it is there.
func (l *list[T]) remove(v T) {
	at, i := l.find(func(e T) bool { return l.cmp(e, v) >= 0 })
	if at == len(l.chunks) || l.cmp(l.chunks[at].items[i], v) != 0 {
		return
	}
	l.n--
	switch c := l.chunks[at]; {
	case len(c.items) == 1:
		l.chunks = slices.Delete(l.chunks, at, at+1)
	case i == 0: // the oldest go first when a log is pruned: move nothing
		if !c.frozen {
			var zero T
			c.items[0] = zero
		}
		c.items, c.sum = c.items[1:], nil
	default:
		c.thaw()
		c.items = slices.Delete(c.items, i, i+1)
	}
}

// first is the lowest element, if there is one.
func (l *list[T]) first() (v T, ok bool) {
	if l.n == 0 {
		return v, false
	}
	return l.chunks[0].items[0], true
}

// find is the place of the first element that is behind some point: behind is
// false for all elements up to one, and true from there on. If there is none,
// the chunk is len(l.chunks).
func (l *list[T]) find(behind func(T) bool) (chunk, index int) {
	at := sort.Search(len(l.chunks), func(i int) bool {
		items := l.chunks[i].items
		return behind(items[len(items)-1])
	})
	if at == len(l.chunks) {
		return at, 0
	}
	items := l.chunks[at].items
	return at, sort.Search(len(items), func(i int) bool { return behind(items[i]) })
}

// ascend yields all elements from the first that is behind, upwards.
func (l *list[T]) ascend(behind func(T) bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		c, i := l.find(behind)
		for ; c < len(l.chunks); c, i = c+1, 0 {
			for _, v := range l.chunks[c].items[i:] {
				if !yield(v) {
					return
				}
			}
		}
	}
}

// descend yields all elements before the first that is behind, downwards.
func (l *list[T]) descend(behind func(T) bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		c, i := l.find(behind)
		if c < len(l.chunks) {
			for _, v := range slices.Backward(l.chunks[c].items[:i]) {
				if !yield(v) {
					return
				}
			}
		}
		for c--; c >= 0; c-- {
			for _, v := range slices.Backward(l.chunks[c].items) {
				if !yield(v) {
					return
				}
			}
		}
	}
}

// newest is the point before which descend begins with the last element.
func newest[T any](T) bool { return false }
