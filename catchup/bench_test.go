package catchup

import (
	"context"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

// What a commit costs below: as SQLite does it, a part for each segment that
// keeps a core busy, and one wait for the disk.
const (
	commitEach = 20 * time.Microsecond
	commitSync = time.Millisecond
)

func commitCost(n int) {
	for begin := time.Now(); time.Since(begin) < time.Duration(n)*commitEach; {
	}
	time.Sleep(commitSync)
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A newcomer fetches a whole history, over real Noise and yamux in memory, both
// sides on this machine. The log only seems to store: bench/ has the real one.
func BenchmarkWholeHistory(b *testing.B) {
	const n = 20_000
	w := newWorld(b, testnet.Config{})
	quiet := func(m *member) { m.cfg.Logger = slog.New(slog.DiscardHandler) }
	bob := w.join(quiet)
	segs := bob.write(lobby(), n)
	bob.hold(segs...)
	for b.Loop() {
		b.StopTimer()
		var screen, stored time.Duration
		var begin time.Time
		alice := w.join(quiet, func(m *member) {
			m.cfg.Accept = func(ctx context.Context, p chat.PeerID, segs []*chat.Segment) error {
				at := time.Now()
				commitCost(len(segs))
				err := m.accept(ctx, p, segs)
				if screen == 0 && m.log.Len(lobby()) >= 64 {
					screen = time.Since(begin)
				}
				stored += time.Since(at)
				return err
			}
		})
		w.net.Connect(alice.host, bob.host)
		b.StartTimer()
		begin = time.Now()
		used := cpu(b)
		if res := alice.mustRun(bob); res.Fetched != n || !res.Complete {
			b.Fatalf("%+v", res)
		}
		took := time.Since(begin)
		b.ReportMetric(n/took.Seconds(), "segments/s")
		b.ReportMetric(float64(stored)/float64(took), "of-the-log-alone")
		b.ReportMetric(float64((cpu(b)-used).Microseconds())/n-float64(commitEach.Microseconds()), "cpu-us/segment")
		b.ReportMetric(float64(screen.Milliseconds()), "ms-to-64")
	}
}
