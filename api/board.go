package api

import (
	"maps"
	"sync"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// maxEarly is how many messages are kept for the first face.
	maxEarly = 4096
	// maxDeliveries is how many own messages the last state is remembered of.
	maxDeliveries = 10_000
	// maxSeen is how many conversations are remembered in which something happened.
	maxSeen = 1000
)

// A board holds what the node last said of things, for faces that come later.
type board struct {
	mu sync.Mutex
	// lost is set while no seed answers.
	lost *chat.Notice
	// early are the messages that came before any face opened anything, and begun
	// is set from then on; tooEarly is set if there were more.
	early           []chat.Event
	begun, tooEarly bool
	histories       map[chat.Conversation]chat.History
	seen            map[chat.Conversation]bool
	deliveries      map[chat.MessageID]chat.Delivery
	order           []chat.MessageID // of deliveries
	waiters         map[string][]chan outcome
}

// An outcome is what became of a draft.
type outcome struct {
	message chat.Message
	refused string // if it is no message: why
}

func newBoard() *board {
	return &board{
		histories: make(map[chat.Conversation]chat.History), seen: make(map[chat.Conversation]bool),
		deliveries: make(map[chat.MessageID]chat.Delivery), waiters: make(map[string][]chan outcome),
	}
}

// note takes note of events.
func (b *board) note(evs []chat.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, ev := range evs {
		switch ev := ev.(type) {
		case chat.Message:
			b.message(ev)
		case chat.Refused:
			b.tell(ev.Key, outcome{refused: ev.Reason})
		case chat.Delivery:
			b.delivery(ev)
		case chat.History:
			b.see(ev.Conversation)
			if b.seen[ev.Conversation] {
				b.histories[ev.Conversation] = ev
			}
		case chat.Notice:
			switch ev.Code {
			case chat.NoticeSeedLost:
				b.lost = &ev
			case chat.NoticeSeedBack:
				b.lost = nil
			}
		}
	}
}

func (b *board) message(m chat.Message) {
	b.see(m.Conversation)
	if m.Mine {
		b.tell(m.Key, outcome{message: m})
	}
	if b.begun {
		return
	}
	if b.early = append(b.early, m); len(b.early) > maxEarly {
		b.early, b.tooEarly = nil, true // they are in the history
	}
}

func (b *board) see(conv chat.Conversation) {
	if len(b.seen) < maxSeen {
		b.seen[conv] = true
	}
}

func (b *board) delivery(d chat.Delivery) {
	if _, known := b.deliveries[d.ID]; !known {
		b.order = append(b.order, d.ID)
	}
	b.deliveries[d.ID] = d
	if len(b.order) > maxDeliveries {
		delete(b.deliveries, b.order[0])
		b.order = b.order[1:]
	}
}

// tell tells who waits for a draft.
func (b *board) tell(key string, o outcome) {
	for _, w := range b.waiters[key] {
		w <- o // it has room
	}
	delete(b.waiters, key)
}

// await returns a channel that gets what becomes of the draft with a key; stop
// must be called.
func (b *board) await(key string) (w <-chan outcome, stop func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := make(chan outcome, 1)
	b.waiters[key] = append(b.waiters[key], c)
	return c, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		var left []chan outcome
		for _, o := range b.waiters[key] {
			if o != c {
				left = append(left, o)
			}
		}
		if b.waiters[key] = left; len(left) == 0 {
			delete(b.waiters, key)
		}
	}
}

// begin ends the time of early messages: a face opened something.
func (b *board) begin() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.begun, b.early, b.tooEarly = true, nil, false
}

// first is what a new face must know before all that follows.
func (b *board) first(ready chat.Ready) []chat.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	evs := []chat.Event{ready}
	if b.lost != nil {
		evs = append(evs, *b.lost)
	}
	if b.tooEarly {
		evs = append(evs, missedNotice("messages came before anybody looked: they are in the history"))
	}
	return append(evs, b.early...)
}

// happened are the conversations in which something happened.
func (b *board) happened() map[chat.Conversation]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.seen)
}

func (b *board) history(conv chat.Conversation) chat.History {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.histories[conv]
}

func (b *board) deliveryOf(id chat.MessageID) (chat.Delivery, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	d, ok := b.deliveries[id]
	return d, ok
}

func missedNotice(text string) chat.Notice { return chat.Notice{Code: chat.NoticeMissed, Text: text} }
