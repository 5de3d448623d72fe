package node

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// TestPathsAreToldSeldom: the first change at once, the next not before its time,
// and none that was taken back until then.
func TestPathsAreToldSeldom(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_000, 0)
	bob := chat.PeerID{1}
	p := make(paths)
	if p.due(bob, chat.PathDirect, start) {
		t.Error("told of somebody who is not here")
	}
	p.said(bob, chat.PathRelayed)
	for _, step := range []struct {
		after      time.Duration
		path       chat.Path
		tell, late bool
	}{
		{0, chat.PathRelayed, false, false},
		{300 * time.Millisecond, chat.PathDirect, true, false},
		{time.Second, chat.PathRelayed, false, true},
		{2 * time.Second, chat.PathDirect, false, false}, // taken back
		{3 * time.Second, chat.PathNone, false, true},
		{10 * time.Second, chat.PathRelayed, false, true},
		{300*time.Millisecond + pathPause, chat.PathRelayed, true, false},
		{time.Second + pathPause, chat.PathDirect, false, true},
		{time.Minute, chat.PathDirect, true, false},
		{2 * time.Minute, chat.PathNone, true, false},
		{2*time.Minute + 1, chat.PathRelayed, true, false}, // a connection at last
		{2*time.Minute + 2, chat.PathDirect, false, true},
		{2*time.Minute + pathPause, chat.PathDirect, true, false},
	} {
		if tell := p.due(bob, step.path, start.Add(step.after)); tell != step.tell {
			t.Errorf("after %s, %q: told %t, want %t", step.after, step.path, tell, step.tell)
		}
		if late := len(p.late()) == 1; late != step.late {
			t.Errorf("after %s, %q: late %t, want %t", step.after, step.path, late, step.late)
		}
	}
	p.forget(bob)
	if len(p) != 0 {
		t.Error("somebody who has gone is remembered")
	}
}

// TestPathIsTold: members of a room are told with how they are connected, and again
// when that changes; and the seed that relays is named.
func TestPathIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 50*time.Millisecond)
		seed := w.seed()
		alice, bob := w.person("alice"), w.person("bob")
		w.apart(alice, bob)
		time.Sleep(3 * time.Second)
		alice.join("den")
		bob.join("den")
		time.Sleep(10 * time.Second)
		w.direct(alice, bob)
		time.Sleep(3 * time.Second)
		room := chat.InRoom("den")
		told := alice.paths(room, bob)
		if len(told) < 2 || told[len(told)-2].Path != chat.PathRelayed || told[len(told)-1].Path != chat.PathDirect {
			t.Fatalf("told %+v, want relayed and then direct", told)
		}
		if relay := told[len(told)-2].Via; relay != seed.Self() {
			t.Errorf("relayed by %s, want the seed", relay)
		}
		members, err := alice.Members(t.Context(), room)
		if err != nil || len(members) != 1 || members[0].Path != chat.PathDirect || members[0].Via != (chat.PeerID{}) {
			t.Errorf("members are %+v, %v", members, err)
		}
	})
}

// paths are the events about o in a conversation.
func (p *person) paths(conv chat.Conversation, o *person) (out []chat.Member) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, ev := range p.events {
		if m, ok := ev.(chat.Member); ok && m.Conversation == conv && m.Peer == o.Self() {
			out = append(out, m)
		}
	}
	return slices.Clone(out)
}
