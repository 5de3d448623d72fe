package bench

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"
)

// BenchmarkLone writes one message of 100 bytes every 100 ms, by one member
// after the other, in a room of 50, and compares latency, bytes on the wire and
// processor time per delivery with bare gossipsub. Beacons are included.
func BenchmarkLone(b *testing.B) {
	const n, rate, size = 50, 10, 100
	const count = 20 * rate
	for b.Loop() {
		ours, pairs := func() (figures, [][2]int) {
			mk, net := inMemory(b)
			c := newCrowd(b, mk, n)
			time.Sleep(20 * time.Second) // those who came have said so
			m := newMeter(net.Bytes)
			c.listen(b, m.heard)
			f := m.run(count, rate, func(i int) { c.say(b, i%n, line(i, size)) })
			pairs := c.links()
			for _, p := range c.nodes {
				_ = p.Close(context.Background())
			}
			return f, pairs
		}()
		mk, net := inMemory(b)
		x := newBare(b, mk, n, pairs)
		m := newMeter(net.Bytes)
		x.listen(b, m.heard)
		bare := m.run(count, rate, func(i int) {
			if err := x.topics[i%n].Publish(b.Context(), []byte(line(i, size))); err != nil {
				b.Fatal(err)
			}
		})
		b.ReportMetric(float64(ours.delivered)/float64(count*(n-1))*100, "%delivered")
		b.ReportMetric(float64(bare.delivered)/float64(count*(n-1))*100, "%bare")
		b.ReportMetric(ours.p50.Seconds()*1e3, "p50-ms")
		b.ReportMetric(ours.p99.Seconds()*1e3, "p99-ms")
		b.ReportMetric(ours.p50.Seconds()/bare.p50.Seconds(), "p50-ratio")
		b.ReportMetric(ours.p99.Seconds()/bare.p99.Seconds(), "p99-ratio")
		b.ReportMetric(ours.bytes, "B/delivery")
		b.ReportMetric(ours.bytes/bare.bytes, "bytes-ratio")
		b.ReportMetric(ours.cpu*1e6, "us/delivery")
		b.ReportMetric(ours.cpu/bare.cpu, "cpu-ratio")
	}
}

// figures are what one run of lone messages costs.
type figures struct {
	delivered  int
	p50, p99   time.Duration
	bytes, cpu float64 // per delivery
}

// A meter takes the time of every delivery.
type meter struct {
	bytes func() int64

	mu   sync.Mutex
	took []time.Duration
}

func newMeter(bytes func() int64) *meter { return &meter{bytes: bytes} }

func (m *meter) heard(_ int, text string, at time.Time) {
	_, sent := written(text)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.took = append(m.took, at.Sub(sent))
}

func (m *meter) run(count, rate int, say func(i int)) figures {
	bytes, busy := m.bytes(), cpu()
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for i := range count {
		<-tick.C
		say(i)
	}
	time.Sleep(500 * time.Millisecond)
	used, sent := cpu()-busy, m.bytes()-bytes
	m.mu.Lock()
	defer m.mu.Unlock()
	slices.Sort(m.took)
	n := len(m.took)
	if n == 0 {
		return figures{}
	}
	return figures{
		delivered: n, p50: m.took[n/2], p99: m.took[n*99/100],
		bytes: float64(sent) / float64(n), cpu: used.Seconds() / float64(n),
	}
}
