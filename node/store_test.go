package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
)

var errDiskFull = errors.New("the disk is full")

// A disk is a log that can be slow, or full.
type disk struct {
	Log
	mu    sync.Mutex
	delay time.Duration
	full  bool
}

func newDisk(self chat.PeerID) *disk {
	return &disk{Log: history.NewMemory(history.Config{Self: self})}
}

func (d *disk) set(full bool, delay time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full, d.delay = full, delay
}

func (d *disk) write() error {
	d.mu.Lock()
	full, delay := d.full, d.delay
	d.mu.Unlock()
	time.Sleep(delay)
	if full {
		return errDiskFull
	}
	return nil
}

func (d *disk) Append(ctx context.Context, segs ...*chat.Segment) ([]*chat.Segment, error) {
	if err := d.write(); err != nil {
		return nil, err
	}
	return d.Log.Append(ctx, segs...)
}

func (d *disk) AppendOwn(ctx context.Context, segs ...*chat.Segment) ([]*chat.Segment, error) {
	if err := d.write(); err != nil {
		return nil, err
	}
	return d.Log.AppendOwn(ctx, segs...)
}

// withDisk starts a person whose log can be slow or full.
func (w *world) withDisk(nick string) (*person, *disk) {
	w.t.Helper()
	d := newDisk(chat.PeerID{})
	return w.with(Config{Seeds: w.seeds, History: d}, nick), d
}

// TestNothingIsAcceptedBeforeItIsStored: with a disk that takes a second, an own
// message is shown as accepted, and handed to others, only then; and a private
// one is acknowledged, and shown, only when the other side has stored it.
func TestNothingIsAcceptedBeforeItIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		w.seed()
		alice, aliceDisk := w.withDisk("alice")
		bob, bobDisk := w.withDisk("bob")
		alice.join("lobby")
		bob.join("lobby")
		alice.wantMember(5*time.Second, lobby(), bob, true)
		bob.wantMember(5*time.Second, lobby(), alice, true)

		aliceDisk.set(false, time.Second)
		said := time.Now()
		alice.say("lobby", "slow")
		if at := bob.wantText(5*time.Second, "slow"); at.Sub(said) < time.Second {
			t.Errorf("bob was shown it %v after it was written, and alice's disk takes 1s", at.Sub(said))
		}
		if at := alice.wantText(0, "slow"); at.Sub(said) < time.Second {
			t.Errorf("accepted after %v", at.Sub(said))
		}
		aliceDisk.set(false, 0)

		if err := alice.Dial(t.Context(), bob.Self()); err != nil {
			t.Fatal(err)
		}
		alice.tell(chat.With(bob.Self()), "hello")
		alice.wantDelivery(5*time.Second, "hello", chat.Held, 1)
		bobDisk.set(false, time.Second)
		said = time.Now()
		alice.tell(chat.With(bob.Self()), "private")
		if at := alice.wantDelivery(5*time.Second, "private", chat.Held, 1); at.Sub(said) < time.Second {
			t.Errorf("acknowledged after %v, and bob's disk takes 1s", at.Sub(said))
		}
		if at := bob.wantText(0, "private"); at.Sub(said) < time.Second {
			t.Errorf("shown after %v", at.Sub(said))
		}
	})
}

// TestBurstSharesCommits: lines that are written while the disk is busy share
// its next commit.
func TestBurstSharesCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		w.seed()
		alice, d := w.withDisk("alice")
		alice.join("lobby")
		d.set(false, 100*time.Millisecond)
		began := time.Now()
		for i := range 1000 {
			alice.say("lobby", fmt.Sprint("line ", i))
		}
		if at := alice.wantText(5*time.Second, "line 999"); at.Sub(began) > time.Second {
			t.Errorf("1000 lines took %v with commits of 100ms", at.Sub(began))
		}
	})
}

// TestFullDisk: what cannot be stored is refused with the reason and never shown
// as accepted; what others write is not lost; and all goes on by itself when
// there is room again.
func TestFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		w.seed()
		alice, d := w.withDisk("alice")
		bob := w.person("bob")
		for _, p := range []*person{alice, bob} {
			p.join("lobby")
		}
		alice.wantMember(5*time.Second, lobby(), bob, true)
		bob.wantMember(5*time.Second, lobby(), alice, true)
		alice.say("lobby", "before")
		bob.wantText(5*time.Second, "before")

		d.set(true, 0)
		alice.say("lobby", "refused")
		alice.want(time.Second, "refusal", func(ev chat.Event) bool {
			r, ok := ev.(chat.Refused)
			return ok && r.Key == "2" && strings.Contains(r.Reason, "the disk is full")
		})
		bob.say("lobby", "kept by bob")
		if err := bob.Dial(t.Context(), alice.Self()); err != nil {
			t.Fatal(err)
		}
		bob.tell(chat.With(alice.Self()), "private")
		time.Sleep(time.Minute)
		if alice.saw("refused") || alice.saw("kept by bob") || alice.saw("private") {
			t.Error("alice was shown what is not stored")
		}
		if _, _, ok := bob.find(func(ev chat.Event) bool {
			e, ok := ev.(chat.Delivery)
			return ok && e.State == chat.Held && e.Conversation.IsDirect()
		}); ok {
			t.Error("a private message was acknowledged and not stored")
		}

		d.set(false, 0)
		alice.wantText(time.Minute, "kept by bob")
		alice.wantText(2*time.Minute, "private")
		bob.wantDelivery(time.Minute, "private", chat.Held, 1)
		alice.say("lobby", "after")
		bob.wantText(5*time.Second, "after")
		if !alice.told(chat.NoticeFailed) || !alice.told(chat.NoticeStored) {
			t.Error("alice was not told about her disk")
		}
		if bob.saw("refused") {
			t.Error("what was refused went out")
		}
		time.Sleep(10 * time.Second)
		w.check(lobby(), alice, bob)
	})
}
