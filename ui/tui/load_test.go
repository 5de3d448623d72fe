package tui

import (
	"testing"

	"github.com/p2pchat/p2pchat/chat"
)

// What a page says of own messages is newer than what is shown, unless an event came
// while it was on its way.
func TestDeliveriesOfPages(t *testing.T) {
	t.Parallel()
	f, id := long(3)
	first, second := f.add(id, 1, "first"), f.add(id, 1, "second")
	held := func(m chat.Message, by int) chat.Delivery {
		return chat.Delivery{Conversation: id, ID: m.ID, State: chat.Held, HeldBy: by, Members: 2}
	}
	f.delivery[first.ID] = chat.Delivery{Conversation: id, ID: first.ID, State: chat.Queued}
	s := newScreen(t, f, 80, 24)
	s.want("first [queued]")
	s.wantNot("second [")

	f.delivery[first.ID], f.delivery[second.ID] = held(first, 1), held(second, 1)
	msg := s.m.loadNewest(s.m.cur)() // it is on its way
	s.events(held(second, 2))
	s.want("first [queued]", "second [held 2/2]")
	s.update(msg)
	s.want("first [held 1/2]", "second [held 2/2]")

	// The next page has nothing of what was told before it was asked for.
	f.delivery[second.ID] = chat.Delivery{Conversation: id, ID: second.ID, State: chat.Read}
	s.update(s.m.loadNewest(s.m.cur)())
	s.want("second [read]")
}

// A message found has its mark too, though no page has it.
func TestDeliveryOfHit(t *testing.T) {
	t.Parallel()
	f, id := long(500)
	f.add(id, 1, "needle")
	for range 500 {
		f.add(id, 2, "hay")
	}
	s := newScreen(t, f, 80, 24)
	s.keys("<alt+s>needle<enter><enter>")
	s.want("needle [held 1/2]")
}
