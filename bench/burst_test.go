package bench

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkBurst pipes 10,000 lines of 100 bytes into a room at once. Ours must
// deliver all of them, in order; bare gossipsub, given one line a publish,
// loses some.
func BenchmarkBurst(b *testing.B) {
	const lines, size = 10_000, 100
	for _, n := range []int{10, 50} {
		b.Run(fmt.Sprint("room=", n), func(b *testing.B) {
			for b.Loop() {
				c := newCrowd(b, nil, n)
				pairs := c.links()
				var got, disorder atomic.Int64
				next := make([]int, n)
				c.listen(b, func(r int, text string, _ time.Time) {
					if i, _ := written(text); i != next[r] {
						disorder.Add(1)
					}
					next[r]++
					got.Add(1)
				})
				want := int64(lines * (n - 1))
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				start := time.Now()
				for i := range lines {
					c.say(b, 0, line(i, size))
				}
				took := waitCount(&got, want, 10*time.Second).Sub(start)
				runtime.ReadMemStats(&after)
				ours := float64(got.Load()) / took.Seconds()
				b.ReportMetric(100*float64(got.Load())/float64(want), "%delivered")
				b.ReportMetric(float64(disorder.Load()), "disorder")
				b.ReportMetric(ours, "deliveries/s")
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20)/float64(n), "MiB/node")
				for _, p := range c.nodes {
					_ = p.Close(context.Background())
				}

				x := newBare(b, nil, n, pairs)
				var bareGot atomic.Int64
				x.listen(b, func(int, string, time.Time) { bareGot.Add(1) })
				start = time.Now()
				for i := range lines {
					if err := x.topics[0].Publish(b.Context(), []byte(line(i, size))); err != nil {
						b.Fatal(err)
					}
				}
				took = waitCount(&bareGot, want, 5*time.Second).Sub(start)
				theirs := float64(bareGot.Load()) / took.Seconds()
				b.ReportMetric(100*float64(bareGot.Load())/float64(want), "%bare")
				b.ReportMetric(theirs, "bare/s")
				b.ReportMetric(ours/theirs, "ratio")
			}
		})
	}
}
