package api

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// What --json prints has no field for clients; all else is as in the stream. A new
// field for clients must be named here, and left out by EncodePublic.
func TestEncodePublic(t *testing.T) {
	t.Parallel()
	room := chat.InRoom("lobby")
	text, err := chat.NewText("hi \x1b")
	if err != nil {
		t.Fatal(err)
	}
	var bob chat.PeerID
	copy(bob[:], strings.Repeat("b", len(bob)))
	for _, c := range []struct {
		ev     chat.Event
		hidden []string
	}{
		{chat.Message{Conversation: room, Author: bob, Nick: text, Time: time.UnixMilli(1e12), Clock: 1 << 60, Kind: chat.KindText, Text: text, Mine: true, Key: "1"}, []string{"clock", "key"}},
		{chat.Message{Conversation: room, Author: bob, Kind: 77, Clock: 1}, []string{"clock", "kind_number"}},
		{chat.Member{Conversation: room, Peer: bob, Nick: text, Online: true, Since: time.UnixMilli(1e12), Path: chat.PathRelayed, Via: bob}, []string{"since"}},
		{chat.Refused{Conversation: room, Key: "12", Reason: "disk full\x1b"}, []string{"conversation", "key"}},
		{chat.Ready{Peer: bob}, nil},
		{chat.Delivery{Conversation: room, State: chat.Held, HeldBy: 1, Members: 3}, nil},
		{chat.History{Conversation: room, Complete: true}, nil},
		{chat.Notice{Conversation: room, Code: chat.NoticeWaiting, Text: "t\x1b", Detail: "d"}, nil},
		{chat.Ended{Conversation: chat.With(bob), Refused: true, Reason: "no"}, nil},
	} {
		whole, public := fields(t, EncodeEvent(c.ev)), fields(t, EncodePublic(c.ev))
		for _, name := range c.hidden {
			if _, ok := whole[name]; !ok {
				t.Errorf("%T has no %q for clients", c.ev, name)
			}
			delete(whole, name)
		}
		if !reflect.DeepEqual(whole, public) {
			t.Errorf("%T is printed as %s, and is %s", c.ev, EncodePublic(c.ev), EncodeEvent(c.ev))
		}
	}
	if got, want := string(EncodePublic(chat.Refused{Conversation: room, Key: "12", Reason: "no"})), `{"type":"rejected","line":12,"reason":"no"}`; got != want {
		t.Errorf("rejected is %s, want %s", got, want)
	}
}

func fields(t *testing.T, b []byte) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(b, &o); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return o
}
