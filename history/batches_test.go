package history

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
)

func TestHole(t *testing.T) {
	key := func(n int) chat.OrderKey { return chat.OrderKey{Time: chat.Time(n)} }
	for _, c := range []struct {
		h    hole
		key  int
		want bool
	}{
		{hole{}, 1, false},
		{hole{end: true}, 1, false}, // nothing is known
		{hole{from: key(3), to: key(6)}, 3, false},
		{hole{from: key(3), to: key(6)}, 4, true},
		{hole{from: key(3), to: key(6)}, 5, true},
		{hole{from: key(3), to: key(6)}, 6, false},
		{hole{from: key(3), to: key(6)}, 7, false},
		{hole{from: key(3), end: true}, 2, false},
		{hole{from: key(3), end: true}, 7, true},
	} {
		if got := c.h.has(key(c.key)); got != c.want {
			t.Errorf("%d in %+v: %v", c.key, c.h, got)
		}
	}
}

func TestVacancies(t *testing.T) {
	v := vacancies{below: vacancy{1, 100}, above: vacancy{120, 130}}
	for _, c := range []struct {
		from, to int64
		want     bool
	}{
		{100, 101, false},
		{99, 101, false},
		{119, 121, false},
		{129, 131, false},
		{120, 122, true},
		{121, 123, false},
		{122, 130, true},
		{130, 131, false}, // one batch
		{80, 85, true},
		{84, 86, false},
		{85, 99, true},
		{99, 100, true},
		{99, 100, false}, // one older
		{60, 61, true},
		{80, 81, false},
		{61, 80, true},
		{1, 60, true},
		{1, 2, false},
	} {
		if got := v.take(c.from, c.to); got != c.want {
			t.Errorf("%d to %d of %+v: %v", c.from, c.to, v, got)
		}
	}
	if (&vacancies{}).take(1, 2) {
		t.Error("something is vacant of which nothing is known")
	}
}

// A history that comes from new to old in batches, some of which overlap, is the
// same as one that comes in its order, and has the same one fork.
func TestBackwards(t *testing.T) {
	alice, bob, c := someone(1), someone(2), conv("lobby")
	var all []*chat.Segment
	for i := range 500 {
		who, n := alice, i+1
		if i%3 == 0 {
			who = bob
		}
		if i == 200 { // alice numbers two alike
			n--
		}
		s := &chat.Segment{Conversation: c, Seq: uint64(n), Time: chat.Time(i+1) << 16}
		if i > 0 {
			s.Parents = idsOf(all[i-1])
		}
		all = append(all, who.seal(s))
	}
	for _, size := range []int{1, 7, 16, 31, 64, 100, 512} {
		for name, open := range forms() {
			t.Run(fmt.Sprint(name, size), func(t *testing.T) {
				l := open(t, Config{})
				for end := len(all); end > 0; end -= size {
					batch := all[max(0, end-size):min(len(all), end+size/8)]
					if added, wanted := put(t, l, batch...), min(size, end); len(added) != wanted {
						t.Fatalf("%d were new, want %d", len(added), wanted)
					}
				}
				wantSegs(t, "all", segsOf(t)(l.After(t.Context(), c, chat.OrderKey{}, 1000)), all)
				want(t, "heads", l.Heads(c), idsOf(all[499]))
				if forks := l.Forks(c); len(forks) != 1 || forks[0].Author != alice.id {
					t.Errorf("forks: %v", forks)
				}
				found, err := l.Search(t.Context(), Search{Words: "hello", Limit: 1000})
				if err != nil || len(found) != len(all) {
					t.Errorf("%d of %d are found: %v", len(found), len(all), err)
				}
			})
		}
	}
}

// Many segments are looked up at once, whatever their number, in the order asked.
func TestGetMany(t *testing.T) {
	for name, open := range forms() {
		t.Run(name, func(t *testing.T) {
			l, c, all := open(t, Config{}), conv("lobby"), chainOf(3*maxLookUp)
			put(t, l, all...)
			put(t, l, someone(1).say(conv("other"), 1))
			for _, n := range []int{0, 1, 2, 3, maxLookUp - 1, maxLookUp, maxLookUp + 1, len(all)} {
				asked := slices.Clone(all[:n])
				slices.Reverse(asked)
				wantSegs(t, fmt.Sprint(n), segsOf(t)(l.Get(t.Context(), c, idsOf(asked...)...)), asked)
			}
			odd := []*chat.Segment{all[5], someone(1).say(conv("other"), 1), seg(1000), all[2], all[5]}
			wantSegs(t, "odd ones", segsOf(t)(l.Get(t.Context(), c, idsOf(odd...)...)), []*chat.Segment{all[5], all[2], all[5]})
		})
	}
}

// More parents are missing than the writer remembers.
func TestManyLacking(t *testing.T) {
	const each = chat.MaxParents
	c, path := conv("lobby"), filepath.Join(t.TempDir(), "history.db")
	d := openDB(t, path, Config{})
	var parents, children []*chat.Segment
	for i := range maxLacking/each + 2 {
		for j := range each {
			parents = append(parents, seg(i*each+j+1))
		}
		children = append(children, someone(2).say(c, 10_000+i, parents[len(parents)-each:]...))
	}
	put(t, d, children...)
	if _, n := d.Missing(c); n != len(parents) {
		t.Errorf("%d are missing, want %d", n, len(parents))
	}
	put(t, d, parents[:each]...)
	want(t, "heads", d.Heads(c), idsOf(children[0]))
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = openDB(t, path, Config{})
	put(t, d, parents[each:2*each]...)
	want(t, "heads", d.Heads(c), idsOf(children[1], children[0]))
	put(t, d, parents...)
	want(t, "missing", missing(d, c), nil)
	if got := len(d.Heads(c)); got != min(len(children), chat.MaxHeads) {
		t.Errorf("%d heads", got)
	}
}

// What is stored and pruned by one transaction leaves no words.
func TestPrunedAtOnceLeavesNoWords(t *testing.T) {
	d, c := openDB(t, filepath.Join(t.TempDir(), "history.db"), Config{}), conv("lobby")
	put(t, d, seg(1))
	retain(t, d, c, Retention{MaxBytes: 1})
	err := d.write(t.Context(), &job{run: func(w *writer) error {
		if _, err := w.append(seg(2), false); err != nil {
			return err
		}
		n, err := w.prune(c, at(3))
		if n != 2 {
			t.Errorf("%d were pruned", n)
		}
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	err = d.read(t.Context(), func(c *conn) error {
		n, err := c.number("SELECT count(*) FROM words_docsize")
		if n != 0 {
			t.Errorf("the words of %d messages are left", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
