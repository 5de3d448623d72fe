package bench

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
	"github.com/p2pchat/p2pchat/node"
)

// screenRuns is how many newcomers only look at the newest screen.
const screenRuns = 5

// BenchmarkJoin lets newcomers with an empty history on disk join a room in
// which one member has 100,000 messages on disk, each a segment of its own. It
// takes the time from before the start of the newcomer's node until the newest
// message is shown, and, for the last of them, until the whole history is on its
// disk. That is compared with what SQLite alone takes for the same segments, in
// one plain table and in such as can be searched, and with the log alone, given
// the newest batch first, as catch-up gives them.
func BenchmarkJoin(b *testing.B) {
	n := 100_000
	if testing.Short() {
		n = 10_000
	}
	segs := talk(b, room, n)
	last := segs[n-1].MessageID(0)
	var newest []*chat.Segment // the newest batch first
	for end := n; end > 0; end -= storeBatch {
		newest = append(newest, segs[max(0, end-storeBatch):end]...)
	}
	for b.Loop() {
		plain := storeRaw(b, segs, plainTable)
		tablesCPU := cpu()
		tables := storeRaw(b, segs, searchableTables)
		tablesCPU = cpu() - tablesCPU
		log := openLog(b, filepath.Join(b.TempDir(), "history.db"), newKey(b))
		aloneCPU := cpu()
		alone := store(b, log, newest)
		aloneCPU = cpu() - aloneCPU
		seed := []peer.AddrInfo{infoOf(b, startNode(b, nil, node.Config{Seed: true}))}
		key := newKey(b)
		log = openLog(b, filepath.Join(b.TempDir(), "history.db"), key)
		store(b, log, segs)
		member := startNode(b, nil, node.Config{Key: key, Seeds: seed, History: log})
		if err := member.Join(b.Context(), room); err != nil {
			b.Fatal(err)
		}
		time.Sleep(3 * time.Second) // the member is announced

		var screens []time.Duration
		for range screenRuns {
			j := joinAs(b, seed)
			screens = append(screens, j.screen(b, last))
			j.leave()
		}
		j := joinAs(b, seed)
		screens = append(screens, j.screen(b, last))
		busy := cpu()
		whole := j.whole(b, n)
		busy = cpu() - busy
		j.leave()

		b.ReportMetric(0, "ns/op")
		b.ReportMetric(ms(quantile(screens, 0.5)), "screen-p50-ms")
		b.ReportMetric(ms(slices.Max(screens)), "screen-max-ms")
		b.ReportMetric(float64(n)/whole.Seconds(), "messages/s")
		b.ReportMetric(float64(n)/plain.Seconds(), "plain-messages/s")
		b.ReportMetric(float64(n)/tables.Seconds(), "searchable-messages/s")
		b.ReportMetric(float64(n)/alone.Seconds(), "log-messages/s")
		b.ReportMetric(plain.Seconds()/whole.Seconds(), "of-plain")
		b.ReportMetric(tables.Seconds()/whole.Seconds(), "of-searchable")
		b.ReportMetric(alone.Seconds()/whole.Seconds(), "of-log")
		each := func(used time.Duration) float64 { return float64(used.Microseconds()) / float64(n) }
		b.ReportMetric(each(busy), "CPU-us/message")
		b.ReportMetric(each(tablesCPU), "searchable-CPU-us/message")
		b.ReportMetric(each(aloneCPU), "log-CPU-us/message")
	}
}

// A joining is a newcomer to the room.
type joining struct {
	began time.Time
	node  *node.Node
	log   *history.DB
	reader
}

func joinAs(b testing.TB, seed []peer.AddrInfo) *joining {
	b.Helper()
	key := newKey(b)
	j := &joining{log: openLog(b, filepath.Join(b.TempDir(), "history.db"), key)}
	j.began = time.Now()
	j.node = startNode(b, nil, node.Config{Key: key, Seeds: seed, History: j.log})
	j.sub = j.node.Subscribe()
	if err := j.node.Join(b.Context(), room); err != nil {
		b.Fatal(err)
	}
	return j
}

// screen is how long it took until the newest message was shown.
func (j *joining) screen(b testing.TB, last chat.MessageID) time.Duration {
	b.Helper()
	j.until(b, "the newest message", func(ev chat.Event) bool {
		m, ok := ev.(chat.Message)
		return ok && m.ID == last
	})
	return time.Since(j.began)
}

// whole is how long it took until all n messages were on disk and that was told.
func (j *joining) whole(b testing.TB, n int) time.Duration {
	b.Helper()
	j.until(b, "the whole history", func(ev chat.Event) bool {
		h, ok := ev.(chat.History)
		return ok && h.Complete
	})
	took := time.Since(j.began)
	if got := j.log.Len(chat.InRoom(room).ID(j.node.Self())); got != n {
		b.Fatalf("%d of %d messages are on disk", got, n)
	}
	return took
}

func (j *joining) leave() {
	j.sub.Close()
	_ = j.node.Close(context.Background())
	_ = j.log.Close()
}
