package line

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// An event as it is shown in these tests.
func brief(evs []chat.Event) string {
	var out []string
	for _, ev := range evs {
		switch ev := ev.(type) {
		case chat.Message:
			out = append(out, ev.Nick.Line()+":"+ev.Text.Line())
		case chat.Member:
			out = append(out, "+"+ev.Nick.Line())
		default:
			out = append(out, fmt.Sprintf("%T", ev))
		}
	}
	return strings.Join(out, " ")
}

func TestHoldWaitsForNicks(t *testing.T) {
	t.Parallel()
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	bob, eve := peerN(1), peerN(2)
	says := func(p chat.PeerID, name, text string) chat.Message {
		return chat.Message{Author: p, Nick: nick(name), Text: nick(text)}
	}
	h := newHold()
	for i, c := range []struct {
		ms   int
		ev   chat.Event // nil: only time passes
		want string
	}{
		{0, says(bob, "bob", "named"), "bob:named"},
		{0, says(bob, "", "early"), ""},
		{10, chat.Notice{}, ""}, // the order stays
		{20, says(eve, "", "too"), ""},
		{30, chat.Member{Peer: bob, Nick: nick("bob")}, "+bob"},
		{40, chat.Member{Peer: eve, Nick: nick("eve")}, "+eve bob:early chat.Notice eve:too"},
		{50, says(bob, "", "a member needs no waiting"), ":a member needs no waiting"},
		{60, says(peerN(3), "", "nobody knows me"), ""},
		{559, nil, ""},
		{560, nil, ":nobody knows me"},
		{570, says(peerN(3), "", "still not"), ":still not"},
		{580, chat.Message{Author: peerN(4), Old: true, Text: nick("old")}, ":old"},
		{590, chat.Message{Author: peerN(5), Mine: true, Text: nick("mine")}, ":mine"},
	} {
		var got []chat.Event
		if c.ev == nil {
			got = h.due(at(c.ms))
		} else {
			got = h.add(at(c.ms), c.ev)
		}
		if brief(got) != c.want {
			t.Fatalf("step %d: shown are %q, want %q", i, brief(got), c.want)
		}
	}
}

func TestHoldIsBounded(t *testing.T) {
	t.Parallel()
	h := newHold()
	shown := 0
	const all = 3 * maxHeld
	for i := range all {
		shown += len(h.add(time.Time{}, chat.Message{Author: peerN(i)}))
		if len(h.events) > maxHeld || len(h.met) > maxMet || len(h.missing) > maxHeld {
			t.Fatalf("held are %d events and %d peers", len(h.events), len(h.met))
		}
	}
	if shown += len(h.release()); shown != all {
		t.Fatalf("%d events are shown, want %d", shown, all)
	}
}
