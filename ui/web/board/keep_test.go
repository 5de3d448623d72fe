package board

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// slowSource takes a while, and notices when it is asked twice at once.
type slowSource struct {
	fakeSource
	takes time.Duration
	busy  sync.Mutex
	twice bool
}

func (s *slowSource) Snapshot(ctx context.Context) (Snapshot, error) {
	if !s.busy.TryLock() {
		s.twice = true
	} else {
		defer s.busy.Unlock()
	}
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return Snapshot{}, ctx.Err()
	}
	return s.fakeSource.Snapshot(ctx)
}

func TestOneSnapshotASecondHoweverManyLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &slowSource{takes: 100 * time.Millisecond}
		k := newKeeper(t.Context(), source, time.Now, false)
		var looking sync.WaitGroup
		for range 1000 {
			looking.Go(func() {
				for range 10 {
					if _, err := k.view(t.Context()); err != nil {
						t.Error(err)
					}
					time.Sleep(time.Second)
				}
			})
		}
		looking.Wait()
		if n := source.asked(); n < 9 || n > 11 || source.twice {
			t.Errorf("asked %d times in 10 s; at once: %v", n, source.twice)
		}
	})
}

func TestSnapshotThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &slowSource{takes: time.Hour}
		k := newKeeper(t.Context(), source, time.Now, false)
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var looking sync.WaitGroup
		looking.Go(func() {
			if _, err := k.view(t.Context()); err == nil {
				t.Error("an answer of a node that hangs")
			}
		})
		looking.Go(func() {
			synctest.Wait()
			began := time.Now()
			if _, err := k.view(impatient); err == nil || time.Since(began) > time.Second {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		})
		looking.Wait()
		source.takes = 0
		time.Sleep(snapshotEvery)
		if _, err := k.view(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestClockSetBackMakesAnswersOld(t *testing.T) {
	now := noon()
	source := &fakeSource{}
	k := newKeeper(t.Context(), source, func() time.Time { return now }, false)
	for _, step := range []time.Duration{0, 0, -time.Hour, 0, time.Second, snapshotEvery / 2} {
		now = now.Add(step)
		if _, err := k.view(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if n := source.asked(); n != 3 {
		t.Errorf("asked %d times, want 3", n)
	}
}

// While nobody looks, only the plots ask.
func TestNobodyLooksNobodyAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		source := &fakeSource{}
		r := openRings("", Config{}.log())
		done := make(chan struct{})
		go func() {
			defer close(done)
			sampleFor(ctx, newKeeper(ctx, source, time.Now, false), r, Config{}.log())
		}()
		time.Sleep(time.Minute + time.Second)
		cancel()
		<-done
		if n := source.asked(); n != 7 {
			t.Errorf("asked %d times in a minute", n)
		}
	})
}
