package node

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// Who holds a message is known by name.
func TestHolders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Millisecond)
		w.seed()
		lobby := chat.InRoom("lobby")
		alice, bob, eve := w.person("alice"), w.person("bob"), w.person("eve")
		alice.join("lobby")
		bob.join("lobby")
		alice.wantMember(time.Minute, lobby, bob, true)
		alice.say("lobby", "first")
		alice.wantDelivery(time.Minute, "first", chat.Held, 1)
		bob.leave()
		alice.wantMember(time.Minute, lobby, bob, false)
		alice.say("lobby", "second")
		eve.join("lobby")
		alice.wantDelivery(time.Minute, "second", chat.Held, 1)
		both := []chat.PeerID{bob.Self(), eve.Self()}
		slices.SortFunc(both, chat.PeerID.Compare)
		for text, want := range map[string][]chat.PeerID{"first": both, "second": {eve.Self()}} {
			got, err := alice.Holders(t.Context(), lobby, alice.idOf(text))
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s is held by %v: %v, want %v", text, got, err, want)
			}
		}
		if got, err := alice.Holders(t.Context(), lobby, chat.MessageID{1}); err != nil || len(got) != 0 {
			t.Error(got, err)
		}
		if _, err := alice.Holders(t.Context(), chat.InRoom("den"), alice.idOf("first")); !errors.Is(err, chat.ErrNotFound) {
			t.Error(err)
		}
	})
}

// idOf is the ID of a message that was shown.
func (p *person) idOf(text string) chat.MessageID {
	p.t.Helper()
	ev, _, ok := p.find(func(ev chat.Event) bool {
		m, ok := ev.(chat.Message)
		return ok && m.Text.Raw() == text
	})
	if !ok {
		p.t.Fatalf("%q was not shown", text)
	}
	return ev.(chat.Message).ID
}
