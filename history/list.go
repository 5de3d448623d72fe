package history

import (
	"iter"
	"slices"
	"sort"
)

// chunkMax is how many elements one chunk of a list holds: so few that an
// insertion in the middle moves little, so many that there are few chunks.
const chunkMax = 512

// A list keeps distinct elements sorted. Adding at the end, which is what a
// conversation does nearly always, costs next to nothing; adding anywhere else
// moves one chunk.
type list[T any] struct {
	cmp    func(a, b T) int
	chunks [][]T // none is empty
	n      int
}

func (l *list[T]) len() int { return l.n }

// insert adds v, or reports that it is there.
func (l *list[T]) insert(v T) bool {
	last := len(l.chunks) - 1
	if last < 0 || l.cmp(l.chunks[last][len(l.chunks[last])-1], v) < 0 {
		if last < 0 || len(l.chunks[last]) >= chunkMax {
			l.chunks = append(l.chunks, nil)
			last++
		}
		l.chunks[last] = append(l.chunks[last], v)
		l.n++
		return true
	}
	c, i := l.find(func(e T) bool { return l.cmp(e, v) >= 0 })
	chunk := l.chunks[c]
	if l.cmp(chunk[i], v) == 0 {
		return false
	}
	if len(chunk) >= chunkMax {
		const half = chunkMax / 2
		l.chunks = slices.Insert(l.chunks, c+1, slices.Clone(chunk[half:]))
		clear(chunk[half:])
		l.chunks[c] = chunk[:half]
		if i > half {
			c, i = c+1, i-half
		}
	}
	l.chunks[c] = slices.Insert(l.chunks[c], i, v)
	l.n++
	return true
}

// remove takes v out, if it is there.
func (l *list[T]) remove(v T) {
	c, i := l.find(func(e T) bool { return l.cmp(e, v) >= 0 })
	if c == len(l.chunks) || l.cmp(l.chunks[c][i], v) != 0 {
		return
	}
	l.n--
	switch chunk := l.chunks[c]; {
	case len(chunk) == 1:
		l.chunks = slices.Delete(l.chunks, c, c+1)
	case i == 0: // the oldest go first when a log is pruned: move nothing
		var zero T
		chunk[0] = zero
		l.chunks[c] = chunk[1:]
	default:
		l.chunks[c] = slices.Delete(chunk, i, i+1)
	}
}

// first is the lowest element, if there is one.
func (l *list[T]) first() (v T, ok bool) {
	if l.n == 0 {
		return v, false
	}
	return l.chunks[0][0], true
}

// find is the place of the first element that is behind some point: behind is
// false for all elements up to one, and true from there on. If there is none,
// the chunk is len(l.chunks).
func (l *list[T]) find(behind func(T) bool) (chunk, index int) {
	c := sort.Search(len(l.chunks), func(i int) bool { return behind(l.chunks[i][len(l.chunks[i])-1]) })
	if c == len(l.chunks) {
		return c, 0
	}
	return c, sort.Search(len(l.chunks[c]), func(i int) bool { return behind(l.chunks[c][i]) })
}

// ascend yields all elements from the first that is behind, upwards.
func (l *list[T]) ascend(behind func(T) bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		c, i := l.find(behind)
		for ; c < len(l.chunks); c, i = c+1, 0 {
			for _, v := range l.chunks[c][i:] {
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
			for _, v := range slices.Backward(l.chunks[c][:i]) {
				if !yield(v) {
					return
				}
			}
		}
		for c--; c >= 0; c-- {
			for _, v := range slices.Backward(l.chunks[c]) {
				if !yield(v) {
					return
				}
			}
		}
	}
}
