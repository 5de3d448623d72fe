package line

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// delivered is what becomes of the message of a draft.
func delivered(key string, state chat.DeliveryState) chat.Event {
	return chat.Delivery{Conversation: lobby(), ID: typed(lobby(), key).ID, State: state}
}

// What other faces said is not waited for, and does not count.
func TestOnlyOwnWordsCount(t *testing.T) {
	fake(t, func(t *testing.T) {
		other := chat.Delivery{Conversation: lobby(), ID: idOf(7)}
		for _, c := range []struct {
			name  string
			left  int // that Settle counts, of all faces
			ends  bool
			evs   []chat.Event
			took  time.Duration
			count int
		}{
			{"all of ours is held", 9, false, []chat.Event{delivered("1", chat.Held), delivered("2", chat.Read)}, 0, 0},
			{"one of ours has failed", 9, false, []chat.Event{delivered("2", chat.Failed), delivered("1", chat.Held)}, 0, 1},
			{"one was taken back", 9, false, []chat.Event{delivered("1", chat.Failed), delivered("2", chat.Held)}, 0, 0},
			{"it failed, and came through", 9, false, []chat.Event{delivered("1", chat.Failed), delivered("1", chat.Held), delivered("2", chat.Held)}, 0, 0},
			{"sent is not held", 9, false, []chat.Event{delivered("1", chat.Sent), delivered("2", chat.Held)}, 10 * time.Second, 1},
			{"another face's message is held", 9, false, []chat.Event{with2(other, chat.Held)}, 10 * time.Second, 2},
			{"others' have failed, ours is held", 1, true, []chat.Event{delivered("1", chat.Held), delivered("2", chat.Held)}, 0, 0},
			{"events were missed", 0, true, nil, 0, 0},
			{"and one of all has failed", 1, true, nil, 0, 1},
			{"one was refused", 9, false, []chat.Event{chat.Refused{Conversation: lobby(), Key: "1"}, delivered("2", chat.Held)}, 0, 0},
		} {
			node := newFake()
			node.quiet = true
			node.settle = func(ctx context.Context) (int, error) {
				if c.ends {
					node.happen(c.evs...)
					return c.left, nil
				}
				<-ctx.Done()
				return c.left, ctx.Err()
			}
			s := begin(t, node, Config{})
			s.write("one", "two")
			node.happen(typed(lobby(), "1"), typed(lobby(), "2"))
			synctest.Wait()
			s.in.Close()
			if !c.ends && len(c.evs) > 0 {
				s.goesOn(time.Millisecond)
				node.happen(c.evs...)
			}
			synctest.Wait()
			if c.took > 0 {
				s.goesOn(c.took - 2*time.Millisecond)
				time.Sleep(2 * time.Millisecond)
			}
			synctest.Wait()
			select {
			case <-s.done:
			default:
				t.Fatalf("%s: it goes on", c.name)
			}
			if s.res.Left != c.count || s.res.Said != 2 || s.err != nil {
				t.Errorf("%s: ended with %+v, %v; want %d left", c.name, s.res, s.err, c.count)
			}
		}
	})
}

func with2(d chat.Delivery, state chat.DeliveryState) chat.Event {
	d.State = state
	return d
}

// A message that is said while its event is on its way is counted once.
func TestTally(t *testing.T) {
	t.Parallel()
	a := newTally()
	id := idOf(1)
	a.stored("1", id) // another face's, or of nobody
	a.say(1)
	a.stored("1", id)
	a.stored("1", id)
	a.delivery(chat.Delivery{ID: id, State: chat.Held})
	a.stored("1", id) // once more, from the next node
	a.delivery(chat.Delivery{ID: id, State: chat.Failed})
	wants := func(wantHere, wantUnknown, wantFailed int) {
		t.Helper()
		if here, unknown := a.left(); here != wantHere || unknown != wantUnknown || a.failed != wantFailed {
			t.Errorf("%d and %d left, %d failed; want %d, %d, %d", here, unknown, a.failed, wantHere, wantUnknown, wantFailed)
		}
	}
	wants(0, 0, 0)
	a.say(2)
	a.stored("2", idOf(2))
	a.delivery(chat.Delivery{ID: idOf(2), State: chat.Failed})
	a.delivery(chat.Delivery{ID: idOf(2), State: chat.Failed})
	wants(1, 0, 1)
	if !a.await(t.Context()) {
		t.Error("what has failed is waited for")
	}
	a.say(3)
	wants(1, 1, 1)
	if !a.awaitKnown(t.Context()) {
		t.Error("what nobody knows of is waited for")
	}
	a.drop("3")
	a.drop("x")
	wants(1, 0, 1)
}

// The node ended before it had handed all over: the next one has nothing to do for
// it when asked to settle, and what comes of it is waited for all the same.
func TestLeftAtTheNextNode(t *testing.T) {
	fake(t, func(t *testing.T) {
		for _, c := range []struct {
			name  string
			state chat.DeliveryState // of the second message, when asked
			evs   []chat.Event       // that come later
			took  time.Duration
			count int
		}{
			{"it was held, and the event missed", chat.Held, nil, 0, 0},
			{"the next node hands it over", chat.Sent, []chat.Event{delivered("2", chat.Held)}, 2 * time.Second, 0},
			{"nobody comes", chat.Queued, nil, 10 * time.Second, 1},
			{"it has failed", chat.Failed, nil, 0, 1},
		} {
			node := newFake()
			node.quiet = true
			s := begin(t, node, Config{State: func(_ context.Context, id chat.MessageID) (chat.DeliveryState, error) {
				if id != typed(lobby(), "2").ID {
					t.Errorf("%s: asked for %s", c.name, id)
				}
				return c.state, nil
			}})
			s.write("one", "two", "three") // of the third nothing is heard
			node.happen(typed(lobby(), "1"), typed(lobby(), "2"), delivered("1", chat.Held))
			synctest.Wait()
			s.in.Close()
			if c.took > 0 {
				s.goesOn(c.took - time.Millisecond)
				node.happen(c.evs...)
				time.Sleep(time.Millisecond)
			}
			s.ended(Result{Said: 3, Left: c.count}, nil)
		}
	})
}
