package history

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// talk makes n segments of one message of 100 bytes each, in a row: words of
// which some are frequent, as in a language.
func talk(n int) (segs []*chat.Segment) {
	rng := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(rng, 1.1, 3, 20_000)
	alice := someone(1)
	for i := range n {
		var b strings.Builder
		for b.Len() < 100 {
			// A word's letters are drawn from its number.
			h := sha256.Sum256(binary.BigEndian.AppendUint64(nil, zipf.Uint64()))
			for _, c := range h[1 : 2+h[0]%9] {
				b.WriteByte('a' + c%26)
			}
			b.WriteByte(' ')
		}
		s := &chat.Segment{
			Conversation: conv("lobby"), Chain: chat.Chain{1, 2, 3, 4, 5, 6, 7, 8}, Seq: uint64(i + 1),
			Time:   chat.TimeOf(time.UnixMilli(1_790_000_000_000 + int64(i)*7919)),
			Bodies: []chat.Body{words(b.String()[:100])},
		}
		if i > 0 {
			s.Parents = idsOf(segs[i-1])
		}
		segs = append(segs, alice.seal(s))
	}
	return segs
}

func benchDB(b *testing.B, path string) *DB {
	b.Helper()
	d, _, err := Open(context.Background(), path, Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { d.Close() })
	return d
}

// rawSync is what it costs to write 4 KiB and wait until they are on the disk,
// as the median of some.
func rawSync(b *testing.B, dir string) time.Duration {
	b.Helper()
	f, err := os.Create(filepath.Join(dir, "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var took []time.Duration
	for range 200 {
		start := time.Now()
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	return median(took)
}

func median(took []time.Duration) time.Duration {
	sorted := append([]time.Duration(nil), took...)
	for i := range sorted { // few
		for j := i; j > 0 && sorted[j] < sorted[j-1]; j-- {
			sorted[j], sorted[j-1] = sorted[j-1], sorted[j]
		}
	}
	return sorted[len(sorted)/2]
}

// One message after the other, each on disk before the next: the fsyncs are what
// it should cost.
func BenchmarkAppendOne(b *testing.B) {
	dir := b.TempDir()
	d, all := benchDB(b, filepath.Join(dir, "history.db")), talk(600)
	ctx := context.Background()
	if _, err := d.Append(ctx, all[:200]...); err != nil {
		b.Fatal(err)
	}
	raw := rawSync(b, dir)
	at := 200
	var took []time.Duration
	for b.Loop() {
		if at == len(all) {
			b.StopTimer()
			more := talk(at + 400)
			all = append(all, more[at:]...)
			b.StartTimer()
		}
		start := time.Now()
		if _, err := d.Append(ctx, all[at]); err != nil {
			b.Fatal(err)
		}
		took = append(took[max(0, len(took)-400):], time.Since(start))
		at++
	}
	b.ReportMetric(float64(median(took))/float64(raw), "fsyncs/message")
}

// Batches, as catch-up brings them, against the least that SQLite can do: one
// insert into one table with one index for each.
func BenchmarkAppendBatch(b *testing.B) {
	const n, batch = 20_000, 512
	all, ctx := talk(n), context.Background()
	var ours, raw time.Duration
	var size int64
	for b.Loop() {
		dir := b.TempDir()
		d := benchDB(b, filepath.Join(dir, "history.db"))
		start := time.Now()
		for i := 0; i < n; i += batch {
			if _, err := d.Append(ctx, all[i:min(i+batch, n)]...); err != nil {
				b.Fatal(err)
			}
		}
		ours += time.Since(start)
		if err := d.Close(); err != nil {
			b.Fatal(err)
		}
		st, err := os.Stat(filepath.Join(dir, "history.db"))
		if err != nil {
			b.Fatal(err)
		}
		size = st.Size()
		raw += rawInserts(b, filepath.Join(dir, "raw.db"), all, batch)
	}
	b.ReportMetric(float64(ours.Microseconds())/float64(n*b.N), "us/segment")
	b.ReportMetric(float64(raw)/float64(ours), "of-raw-speed")
	b.ReportMetric(float64(size)/n, "bytes/message")
}

func rawInserts(b *testing.B, path string, all []*chat.Segment, batch int) time.Duration {
	b.Helper()
	name, err := dsn(path, "rwc", writerCache, "journal_mode(wal)", "synchronous(full)")
	if err != nil {
		b.Fatal(err)
	}
	c, err := openConn(name)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.close() }() // nothing is left to write
	if err := c.script("CREATE TABLE segment(n INTEGER PRIMARY KEY, id BLOB UNIQUE, time INTEGER, envelope BLOB)"); err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	for i := 0; i < len(all); i += batch {
		if _, err := c.exec("BEGIN"); err != nil {
			b.Fatal(err)
		}
		for _, s := range all[i:min(i+batch, len(all))] {
			if _, err := c.exec("INSERT INTO segment(id, time, envelope) VALUES(?, ?, ?)", s.ID[:], int64(s.Time), s.Envelope); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := c.exec("COMMIT"); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(start)
}

// Newest first, as catch-up brings a whole history: nothing is complete before
// the oldest is there.
func BenchmarkAppendBackwards(b *testing.B) {
	const n, batch = 20_000, 512
	all, ctx := talk(n), context.Background()
	for b.Loop() {
		d := benchDB(b, filepath.Join(b.TempDir(), "history.db"))
		for end := n; end > 0; end -= batch {
			if _, err := d.Append(ctx, all[max(0, end-batch):end]...); err != nil {
				b.Fatal(err)
			}
		}
		if heads := d.Heads(conv("lobby")); len(heads) != 1 || heads[0] != all[n-1].ID {
			b.Fatal("wrong heads")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n*b.N), "us/segment")
}

// 64 goroutines that each store one after the other: what group commit is for.
func BenchmarkAppendTogether(b *testing.B) {
	const n, writers = 20_000, 64
	all := talk(n)
	for b.Loop() {
		d := benchDB(b, filepath.Join(b.TempDir(), "history.db"))
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := w; i < n; i += writers {
					if _, err := d.Append(context.Background(), all[i]); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n*b.N), "us/segment")
}

func BenchmarkHas(b *testing.B) {
	d, all := benchDB(b, filepath.Join(b.TempDir(), "history.db")), talk(20_000)
	if _, err := d.Append(context.Background(), all...); err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		id   func(i int) chat.SegmentID
	}{
		{"held, met lately", func(i int) chat.SegmentID { return all[len(all)-1-i%100].ID }},
		{"held", func(i int) chat.SegmentID { return all[i*7919%len(all)].ID }},
		{"new", func(i int) chat.SegmentID { return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i))) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			i := 0
			for b.Loop() {
				d.Has(conv("lobby"), c.id(i))
				i++
			}
		})
	}
}

// Views of a million places (of 50,000 with -short), of which only the places
// are stored.
func BenchmarkView(b *testing.B) {
	n := 1_000_000
	if testing.Short() {
		n = 50_000
	}
	path := filepath.Join(b.TempDir(), "history.db")
	d := benchDB(b, path)
	c, rng := conv("lobby"), rand.New(rand.NewPCG(1, 2))
	for at := 0; at < n; {
		err := d.write(context.Background(), &job{run: func(w *writer) error {
			s, err := w.state(c, true)
			if err != nil {
				return err
			}
			w.touch(s)
			for range 50_000 {
				key := chat.OrderKey{Time: chat.Time(at+1) << 16, ID: number(int(rng.Int64()))}
				if _, err := w.take(s, key); err != nil {
					return err
				}
				if _, err := w.c.exec("INSERT INTO place(c, time, id, n) VALUES(?, ?, ?, ?)", s.c, dbTime(key.Time), key.ID[:], at+1); err != nil {
					return err
				}
				if err := w.addToBlock(s, key); err != nil {
					return err
				}
				at++
			}
			return nil
		}})
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		b.Fatal(err)
	}
	var err error
	start := time.Now()
	if d, _, err = Open(context.Background(), path, Config{}); err != nil {
		b.Fatal(err)
	}
	opened := time.Since(start)
	defer d.Close()
	view := func(b *testing.B, fn func(*View) error) {
		v, err := d.View(c)
		if err != nil {
			b.Fatal(err)
		}
		defer v.Close()
		if err := fn(v); err != nil {
			b.Fatal(err)
		}
	}
	start = time.Now()
	view(b, func(v *View) error { _, err := v.Sum(0, v.Len()); return err })
	b.Logf("%d places: opened in %v, the first sum of all in %v", n, opened, time.Since(start))
	for name, fn := range map[string]func(*View) error{
		"taken":      func(*View) error { return nil },
		"sum of all": func(v *View) error { _, err := v.Sum(0, v.Len()); return err },
		"sum of all but some": func(v *View) error {
			_, err := v.Sum(100, v.Len()-100)
			return err
		},
		"16 parts": func(v *View) error {
			for i := range 16 {
				if _, err := v.Sum(i*v.Len()/16, (i+1)*v.Len()/16); err != nil {
					return err
				}
			}
			return nil
		},
		"32 places": func(v *View) error {
			_, err := v.Keys(v.Len()/2, v.Len()/2+32)
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				view(b, fn)
			}
		})
	}
}

// What an open log costs that does nothing.
func BenchmarkIdle(b *testing.B) {
	path := filepath.Join(b.TempDir(), "history.db")
	d := benchDB(b, path)
	if _, err := d.Append(context.Background(), talk(20_000)...); err != nil {
		b.Fatal(err)
	}
	if err := d.Close(); err != nil {
		b.Fatal(err)
	}
	measure := func() (heap, rss float64) {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		status, err := os.ReadFile("/proc/self/status")
		if err == nil {
			for line := range strings.Lines(string(status)) {
				_, _ = fmt.Sscanf(line, "RssAnon: %f kB", &rss)
			}
		}
		return float64(m.HeapAlloc) / 1024, rss
	}
	for b.Loop() {
		heap, rss := measure()
		goroutines := runtime.NumGoroutine()
		d, _, err := Open(context.Background(), path, Config{})
		if err != nil {
			b.Fatal(err)
		}
		d.Heads(conv("lobby"))
		if _, err := d.Before(context.Background(), conv("lobby"), chat.OrderKey{}, 50); err != nil {
			b.Fatal(err)
		}
		heap2, rss2 := measure()
		b.ReportMetric(heap2-heap, "KiB-heap")
		b.ReportMetric(rss2-rss, "KiB-resident")
		b.ReportMetric(float64(runtime.NumGoroutine()-goroutines), "goroutines")
		if err := d.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// On disk a message of 100 bytes, with all that is needed to page, search and
// compare it, takes little more than twice its envelope.
func TestSizeOnDisk(t *testing.T) {
	const n = 5000
	path, all := filepath.Join(t.TempDir(), "history.db"), talk(n)
	d := openDB(t, path, Config{})
	size := 0
	for _, s := range all {
		size += len(s.Envelope)
	}
	for i := 0; i < n; i += 50 {
		put(t, d, all[i:i+50]...)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	ratio := float64(st.Size()) / float64(size)
	t.Logf("%d bytes a message, %.2f times its envelope", st.Size()/n, ratio)
	if ratio > 2.2 {
		t.Error("more than 2.2 times")
	}
}
