package history

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// What waits is committed together; a call that fails does not fail others.
func TestGroupCommit(t *testing.T) {
	d := openDB(t, filepath.Join(t.TempDir(), "history.db"), Config{})
	c, all := conv("lobby"), chainOf(200)
	bad := errors.New("no")
	ran := 0
	var jobs []*job
	for i, s := range all {
		j := &job{err: make(chan error, 1), run: func(w *writer) error {
			ran++
			_, err := w.append(s, false)
			return err
		}}
		if i == 100 {
			j.run = func(w *writer) error {
				if _, err := w.append(s, false); err != nil {
					return err
				}
				return bad
			}
		}
		jobs = append(jobs, j)
	}
	// The loop waits for jobs, so its writer may be used here.
	d.writer.group(jobs)
	for i, j := range jobs {
		if err := <-j.err; (i == 100) != errors.Is(err, bad) || i != 100 && err != nil {
			t.Fatalf("job %d: %v", i, err)
		}
	}
	if d.Len(c) != len(all)-1 || d.Has(c, all[100].ID) {
		t.Errorf("%d segments", d.Len(c))
	}
	want(t, "missing", missing(d, c), idsOf(all[100]))
	ran = 0
	var again []*job
	for _, s := range all {
		again = append(again, &job{err: make(chan error, 1), run: func(w *writer) error {
			ran++
			_, err := w.append(s, false)
			return err
		}})
	}
	before := must[int64](t)(d.writer.c.number("SELECT gen FROM conversation"))
	d.writer.group(again)
	after := must[int64](t)(d.writer.c.number("SELECT gen FROM conversation"))
	if ran != len(all) || after != before+1 {
		t.Errorf("%d calls ran in %d transactions", ran, after-before)
	}
}

// A group is bounded, by calls, by segments and by bytes.
func TestGroupsAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		j    job
		want int
	}{
		"calls":    {job{}, groupJobs},
		"segments": {job{segments: 100}, groupSegments/100 + 1},
		"bytes":    {job{bytes: 1 << 20}, groupBytes >> 20},
	} {
		d := newDB("", Config{})
		var wg sync.WaitGroup
		for range 2 * groupJobs {
			wg.Go(func() { // over and over: there must be some however many are taken
				for {
					j := c.j
					select {
					case d.jobs <- &j:
					case <-d.quit:
						return
					}
				}
			})
		}
		got := 0
		for range 50 { // they need time to come
			first := <-d.jobs
			got = max(got, len(d.gather(first)))
			if got >= c.want {
				break
			}
		}
		close(d.quit)
		wg.Wait()
		if got > c.want {
			t.Errorf("%s: %d in one group, want at most %d", name, got, c.want)
		}
	}
}

// Another process writes while we have the file open: our own writes heed it,
// and after Changed so do our answers.
func TestAnotherProcessWrites(t *testing.T) {
	path, ctx, c := filepath.Join(t.TempDir(), "history.db"), t.Context(), conv("lobby")
	node, all := openDB(t, path, Config{Self: someone(1).id}), chainOf(700)
	put(t, node, all[:300]...)
	if node.Changed(ctx) {
		t.Error("our own writes count as another's")
	}
	other := openDB(t, path, Config{})
	put(t, other, all[300:600]...)
	if !node.Changed(ctx) || node.Changed(ctx) {
		t.Error("Changed does not tell once")
	}
	want(t, "heads", node.Heads(c), idsOf(all[599]))
	put(t, other, all[600:650]...)
	// A View is of one moment, whatever is known.
	checkLen := func(n int) {
		t.Helper()
		v := must[*View](t)(node.View(c))
		defer v.Close()
		keys := must[[]chat.OrderKey](t)(v.Keys(0, v.Len()))
		sum := must[wire.SetSum](t)(v.Sum(0, v.Len()))
		if len(keys) != n || sum != *sumOf(keys) {
			t.Errorf("a view of %d, want %d", len(keys), n)
		}
	}
	checkLen(650)
	put(t, node, all[640:]...)
	checkLen(700)
	want(t, "heads", node.Heads(c), idsOf(all[699]))
	if node.Len(c) != 700 {
		t.Errorf("%d segments", node.Len(c))
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	reader, err := OpenReadOnly(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if reader.Changed(ctx) {
		t.Error("nothing has changed")
	}
	want(t, "heads", reader.Heads(c), idsOf(all[699]))
	late := seg(1000, all[699])
	put(t, node, late)
	want(t, "heads", reader.Heads(c), idsOf(late))
	if _, err := reader.Append(ctx, seg(1001)); !errors.Is(err, ErrReadOnly) {
		t.Errorf("a reader writes: %v", err)
	}
	if err := reader.Check(ctx); err != nil {
		t.Error(err)
	}
}

// After Close every method that can says so, and none hangs.
func TestClosed(t *testing.T) {
	d := openDB(t, filepath.Join(t.TempDir(), "history.db"), Config{})
	put(t, d, seg(1))
	if err := errors.Join(d.Close(), d.Close()); err != nil {
		t.Fatal(err)
	}
	ctx, c := context.Background(), conv("lobby")
	_, err := d.Append(ctx, seg(2))
	_, err2 := d.Before(ctx, c, chat.OrderKey{}, 1)
	_, err3 := d.View(c)
	for _, err := range []error{err, err2, err3, d.SetState(ctx, c, chat.Sent, ""), d.Check(ctx)} {
		if !errors.Is(err, chat.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
	d.MarkSeen(c)
	d.Has(c, seg(1).ID)
}
