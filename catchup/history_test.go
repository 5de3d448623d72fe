package catchup

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

// A newcomer has a screen of the newest within a few round trips, and the rest
// behind it, newest to oldest; and is told how far it is.
func TestTheNewestComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, latency = 6000, 50 * time.Millisecond
		w := newWorld(t, testnet.Config{Latency: latency})
		bob := w.join()
		segs := bob.write(lobby(), n)
		bob.hold(segs...)
		var begin time.Time
		var batches [][]*chat.Segment
		var screen time.Duration
		var told [][2]int
		alice := w.join(func(m *member) {
			m.cfg.Accept = func(ctx context.Context, p chat.PeerID, segs []*chat.Segment) error {
				if batches = append(batches, slices.Clone(segs)); len(batches) == 1 {
					screen = time.Since(begin)
				}
				return m.accept(ctx, p, segs)
			}
			m.cfg.Progress = func(conv chat.ConversationID, from chat.PeerID, fetched, needed int) {
				if conv != lobby() || from != bob.id {
					t.Errorf("progress with %s in %s", from, conv)
				}
				told = append(told, [2]int{fetched, needed})
			}
		})
		w.net.Connect(alice.host, bob.host)
		time.Sleep(time.Second)
		begin = time.Now()
		res := alice.mustRun(bob)
		t.Logf("%v to the first %d, %v to all: %+v", screen, len(batches[0]), time.Since(begin), res)
		if trips := screen / (2 * latency); trips > 2 || len(batches[0]) != firstWindow {
			t.Errorf("%d segments after %v, want %d after two round trips", len(batches[0]), screen, firstWindow)
		}
		if newest := batches[0][len(batches[0])-1]; newest.ID != segs[n-1].ID {
			t.Error("the newest is not in the first batch")
		}
		for i := 1; i < len(batches); i++ {
			if batches[i][len(batches[i])-1].Key().Compare(batches[i-1][0].Key()) > 0 {
				t.Errorf("batch %d is not older than the one before", i)
			}
		}
		if first := told[0]; first != [2]int{firstWindow, n} {
			t.Errorf("told first: %v", first)
		}
		if last := told[len(told)-1]; last != [2]int{n, n} {
			t.Errorf("told last: %v", last)
		}
		alice.wantEqual(bob)
	})
}

// While one batch is being stored, the next is verified and another is read.
func TestFetchingDoesNotWaitForTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, commit = 10_000, 600 * time.Millisecond
		w := newWorld(t, testnet.Config{Latency: 300 * time.Millisecond})
		alice, bob := w.join(), w.join()
		w.net.Connect(alice.host, bob.host)
		bob.hold(bob.write(lobby(), n)...)
		time.Sleep(time.Second)
		begin := time.Now()
		alice.mustRun(bob)
		quick := time.Since(begin)

		batches := 0
		carol := w.join(func(m *member) {
			m.cfg.Accept = func(ctx context.Context, p chat.PeerID, segs []*chat.Segment) error {
				batches++
				time.Sleep(commit)
				return m.accept(ctx, p, segs)
			}
		})
		w.net.Connect(carol.host, bob.host)
		time.Sleep(time.Second)
		begin = time.Now()
		carol.mustRun(bob)
		slow := time.Since(begin)
		t.Logf("%v with a log that takes no time, %v with %d commits of %v", quick, slow, batches, commit)
		if alone := time.Duration(batches) * commit; slow > max(quick, alone)+3*time.Second {
			t.Errorf("%v, want little more than the longer of %v and %v", slow, quick, alone)
		}
	})
}

// A run breaks off; the next one, with another member, goes on from there.
func TestAnotherMemberGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 5000
		w := newWorld(t, testnet.Config{Latency: 50 * time.Millisecond, Bandwidth: 300 << 10})
		seen := make(map[chat.SegmentID]int)
		alice := w.join(func(m *member) {
			m.cfg.Accept = func(ctx context.Context, p chat.PeerID, segs []*chat.Segment) error {
				for _, s := range segs {
					seen[s.ID]++
				}
				return m.accept(ctx, p, segs)
			}
		})
		bob, carol := w.join(), w.join()
		w.net.Connect(alice.host, bob.host)
		w.net.Connect(alice.host, carol.host)
		segs := bob.write(lobby(), n)
		bob.hold(segs...)
		carol.hold(segs...)
		time.AfterFunc(3*time.Second, func() { w.net.Kill(bob.host) })
		res, err := alice.run(bob)
		if err == nil || errors.Is(err, ErrLied) || res.Complete || res.Fetched < n/10 || res.Fetched != alice.log.Len(lobby()) {
			t.Fatalf("%+v, %v: %d in her log", res, err, alice.log.Len(lobby()))
		}
		rest := alice.mustRun(carol)
		t.Logf("%d from the first, %d from the second, in %d rounds", res.Fetched, rest.Fetched, rest.Rounds)
		if !rest.Complete || rest.Fetched != n-res.Fetched {
			t.Errorf("%+v after %d", rest, res.Fetched)
		}
		for id, times := range seen {
			if times != 1 {
				t.Errorf("%s came %d times", id, times)
			}
		}
		alice.wantEqual(carol)
	})
}

// Three runs at once with three members, as a newcomer does it, share the work.
func TestRunsShareTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 4000
		w := newWorld(t, testnet.Config{Latency: 30 * time.Millisecond, Bandwidth: 500 << 10})
		alice := w.join()
		var others []*member
		for range 3 {
			others = append(others, w.join())
		}
		segs := others[0].write(lobby(), n)
		for _, m := range others {
			m.hold(segs...)
			w.net.Connect(alice.host, m.host)
		}
		var mu sync.Mutex
		fetched := 0
		var wg sync.WaitGroup
		for _, m := range others {
			wg.Go(func() {
				res := alice.mustRun(m)
				mu.Lock()
				defer mu.Unlock()
				t.Logf("%+v", res)
				fetched += res.Fetched
				if !res.Complete || res.Fetched < n/10 {
					t.Errorf("%+v", res)
				}
			})
		}
		wg.Wait()
		if fetched > n+n/20 {
			t.Errorf("%d fetched, of %d", fetched, n)
		}
		alice.wantEqual(others[0])
		if left := len(alice.svc.claims.orders); left != 0 {
			t.Errorf("%d segments are still claimed", left)
		}
	})
}

// A member who answers slowly holds nobody up who answers well.
func TestClaimsOfASlowMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, testnet.Config{Latency: 10 * time.Millisecond})
		alice, bob, slow := w.join(), w.join(), w.join()
		segs := bob.write(lobby(), 40)
		bob.hold(segs...)
		slow.hold(segs...)
		w.net.Connect(alice.host, bob.host)
		w.net.Connect(alice.host, slow.host)
		time.Sleep(time.Second)
		done := make(chan Result)
		go func() {
			res, _ := alice.run(slow)
			done <- res
		}()
		time.Sleep(25 * time.Millisecond) // she has asked for all of them
		w.net.Cut(alice.host, slow.host)
		time.Sleep(5 * time.Millisecond)
		begin := time.Now()
		res := alice.mustRun(bob)
		if took := time.Since(begin); res.Fetched != 40 || !res.Complete || took > claimTime+time.Second/2 {
			t.Errorf("%+v in %v", res, took)
		}
		<-done
		if left := len(alice.svc.claims.orders); left != 0 {
			t.Errorf("%d segments are still claimed", left)
		}
	})
}

// New messages come on both sides during a run.
func TestMessagesThatComeDuringARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 3000
		w := newWorld(t, testnet.Config{Latency: 50 * time.Millisecond, Bandwidth: 300 << 10})
		alice, bob := w.join(), w.join()
		w.net.Connect(alice.host, bob.host)
		segs := bob.write(lobby(), n)
		bob.hold(segs...)
		alice.hold(segs[:100]...)
		mine := alice.write(lobby(), 50)
		alice.hold(mine[:25]...)
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := 25; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(200 * time.Millisecond):
				}
				if i < len(mine) {
					alice.hold(mine[i])
				}
				bob.hold(bob.write(lobby(), 1)...)
			}
		})
		res := alice.mustRun(bob)
		close(stop)
		wg.Wait()
		t.Logf("%+v", res)
		if !res.Complete || !res.PeerHolds || res.Fetched < n-100 || res.Pushed < 25 {
			t.Errorf("%+v", res)
		}
		alice.mustRun(bob)
		alice.wantEqual(bob)
	})
}

// The log is looked into for one frame at a time, and let go each time.
func TestViewsAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, testnet.Config{})
		alice, bob := w.join(), w.join()
		w.net.Connect(alice.host, bob.host)
		bob.hold(bob.write(lobby(), 2000)...)
		alice.hold(alice.write(lobby(), 100)...)
		alice.mustRun(bob)
		alice.idle()
		for _, m := range []*member{alice, bob} {
			if m.log.views != 0 {
				t.Errorf("%d views are open", m.log.views)
			}
		}
	})
}

// What one side pruned is nobody's difference, also when it goes during a run.
func TestPruningDuringARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 3000
		w := newWorld(t, testnet.Config{Latency: 50 * time.Millisecond, Bandwidth: 300 << 10})
		bob := w.join()
		bob.hold(bob.write(lobby(), n)...)
		pruned := false
		alice := w.join(func(m *member) {
			m.cfg.Accept = func(ctx context.Context, p chat.PeerID, segs []*chat.Segment) error {
				if !pruned && m.log.Len(lobby()) > n*3/4 { // she knows by then of the oldest
					pruned = true
					bob.log.prune(lobby(), 50)
				}
				return m.accept(ctx, p, segs)
			}
		})
		w.net.Connect(alice.host, bob.host)
		res := alice.mustRun(bob)
		if res.Missing > 50 || res.Fetched != n-res.Missing || res.Complete != (res.Missing == 0) {
			t.Errorf("%+v", res)
		}
		if res.Missing == 0 {
			t.Error("nothing was pruned before it was fetched")
		}
		// Bob has pruned them: now all that he has was fetched.
		if res := alice.mustRun(bob); !res.Complete || !res.PeerHolds || res.Fetched+res.Pushed != 0 {
			t.Errorf("%+v", res)
		}
	})
}
