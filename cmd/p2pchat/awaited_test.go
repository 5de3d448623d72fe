package main

import (
	"testing"

	"github.com/p2pchat/p2pchat/chat"
)

// idNumber is the ID of a message, for numbers below 1 << 24.
func idNumber(n int) (id chat.MessageID) {
	id[0], id[1], id[2], id[3] = 1, byte(n>>16), byte(n>>8), byte(n)
	return id
}

func deliveryOf(n int, state chat.DeliveryState) chat.Delivery {
	return chat.Delivery{Conversation: chat.InRoom("lobby"), ID: idNumber(n), State: state, HeldBy: 1, Members: 1}
}

// A message is forgotten once it got far enough, and what others said never is
// remembered.
func TestAwaitedIsForgotten(t *testing.T) {
	t.Parallel()
	a, lobby := newAwaited(untilHeld), chat.InRoom("lobby")
	for i := range 3 * maxAhead {
		a.say()
		a.note(deliveryOf(i+1_000_000, chat.Held)) // another face's
		if d, far := a.stored(lobby, idNumber(i)); far || d.State != chat.Queued {
			t.Fatalf("message %d: %+v, %v", i, d, far)
		}
		if a.note(deliveryOf(i, chat.Sent)) || !a.note(deliveryOf(i, chat.Held)) || a.note(deliveryOf(i, chat.Held)) {
			t.Fatalf("message %d is not told once, when it is held", i)
		}
		if len(a.waiting)+len(a.ahead) > 0 {
			t.Fatalf("after message %d, %d wait and %d are remembered", i, len(a.waiting), len(a.ahead))
		}
	}
	if n, _ := a.lost(); n != 0 || a.said != 3*maxAhead {
		t.Errorf("%d of %d are lost", n, a.said)
	}
	a.say()
	for i := range 3 * maxAhead {
		if a.note(deliveryOf(i, chat.Held)); len(a.ahead) > maxAhead {
			t.Fatalf("%d states are remembered", len(a.ahead))
		}
	}
	if d, far := a.stored(lobby, idNumber(3*maxAhead-1)); !far || d.State != chat.Held {
		t.Errorf("its event came first: %+v, %v", d, far)
	}
	a.note(deliveryOf(1, chat.Held))
	if a.say(); len(a.ahead) > 0 {
		t.Error("states of messages that nobody waits for are remembered")
	}
}

// What does not get far enough is told at the end, in the order it was said.
func TestAwaitedAtTheEnd(t *testing.T) {
	t.Parallel()
	a, den := newAwaited(untilDelivered), chat.InRoom("den")
	for i, conv := range []chat.Conversation{chat.InRoom("lobby"), den, den, den} {
		a.say()
		a.stored(conv, idNumber(9-i))
	}
	a.note(deliveryOf(9, chat.Held))
	a.note(chat.Delivery{Conversation: den, ID: idNumber(7), State: chat.Held, Members: 2, HeldBy: 1})
	a.note(chat.Delivery{Conversation: den, ID: idNumber(6), State: chat.Held}) // by whom is not known
	all := a.giveUp()
	if len(all) != 3 || all[0].ID != idNumber(8) || all[1].ID != idNumber(7) || all[2].ID != idNumber(6) || all[1].State != chat.Held {
		t.Errorf("told is %+v", all)
	}
	if n, in := a.lost(); n != 3 || in != den || len(a.waiting) != 0 {
		t.Errorf("%d are lost, in %s", n, in)
	}
	a.say()
	a.stored(chat.InRoom("lobby"), idNumber(20))
	a.giveUp()
	if n, in := a.lost(); n != 4 || !in.IsPresence() {
		t.Errorf("%d are lost, in %s", n, in)
	}
}
