package main

import (
	"cmp"
	"slices"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// maxAhead is how many states are remembered of messages that are not known to be
	// ours, while the answer that says so is on its way: its event can be faster. Of
	// more, all are forgotten.
	maxAhead = 10_000
	// maxWaiting is how many messages may wait to get as far as --until says: the node
	// follows about so many. With as many, no more are read.
	maxWaiting = 1000
)

// An awaited holds the messages of this process that have not got far enough. It is
// pure; a delivering owns it.
type awaited struct {
	until   until
	waiting map[chat.MessageID]*waitingMessage
	saying  bool // the answer to one is on its way
	ahead   map[chat.MessageID]chat.Delivery
	said    int
	// left counts those that did not get far enough, by conversation.
	left map[chat.Conversation]int
}

// A waitingMessage is one that was said as number n, and how far it got.
type waitingMessage struct {
	n  int
	at chat.Delivery
}

func newAwaited(u until) *awaited {
	return &awaited{
		until: u, waiting: make(map[chat.MessageID]*waitingMessage), ahead: make(map[chat.MessageID]chat.Delivery),
		left: make(map[chat.Conversation]int),
	}
}

// say begins to remember states: one of them may be that of the message that is said
// now. stored or refused follows.
func (a *awaited) say() { a.saying = true }

// refused: it is no message.
func (a *awaited) refused() {
	a.saying = false
	clear(a.ahead)
}

// stored notes which message it is, and returns how far it got if that is enough.
func (a *awaited) stored(conv chat.Conversation, id chat.MessageID) (chat.Delivery, bool) {
	at, known := a.ahead[id]
	a.refused()
	if !known {
		at = chat.Delivery{Conversation: conv, ID: id, State: chat.Queued}
	}
	a.said++
	if a.until.met(at) {
		return at, true
	}
	a.waiting[id] = &waitingMessage{a.said, at}
	return at, false
}

// note notes how far a message got, and reports whether it is ours and far enough
// now; then it is forgotten.
func (a *awaited) note(d chat.Delivery) bool {
	w := a.waiting[d.ID]
	switch {
	case w == nil && a.saying:
		if len(a.ahead) >= maxAhead {
			clear(a.ahead)
		}
		a.ahead[d.ID] = d
		return false
	case w == nil:
		return false
	}
	if w.at = d; !a.until.met(d) {
		return false
	}
	delete(a.waiting, d.ID)
	return true
}

// all are the messages that wait, in the order they were said.
func (a *awaited) all() []chat.Delivery {
	list := make([]*waitingMessage, 0, len(a.waiting))
	for _, w := range a.waiting {
		list = append(list, w)
	}
	slices.SortFunc(list, func(x, y *waitingMessage) int { return cmp.Compare(x.n, y.n) })
	out := make([]chat.Delivery, len(list))
	for i, w := range list {
		out[i] = w.at
	}
	return out
}

// giveUp waits no longer for any, and returns them.
func (a *awaited) giveUp() []chat.Delivery {
	out := a.all()
	for _, d := range out {
		a.left[d.Conversation]++
	}
	clear(a.waiting)
	return out
}

// lost is how many did not get far enough, and where, if that is one conversation.
func (a *awaited) lost() (n int, in chat.Conversation) {
	for conv, m := range a.left {
		n, in = n+m, conv
	}
	if len(a.left) != 1 {
		in = chat.Conversation{}
	}
	return n, in
}
