package api

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/chat"
)

// What the line face asks for fits as it is: these are its interfaces, which stand
// above this package.
var (
	_ interface {
		Self() chat.PeerID
		Say(ctx context.Context, conv chat.Conversation, d chat.Draft) error
		Settle(ctx context.Context, conv chat.Conversation) (left int, err error)
		Members(ctx context.Context, conv chat.Conversation) ([]chat.Member, error)
		Net(ctx context.Context, asJSON bool) ([]string, error)
		SetName(name chat.Text) error
		MarkRead(conv chat.Conversation, id chat.MessageID)
	} = (*Client)(nil)
	_ interface {
		Next(ctx context.Context) ([]chat.Event, error)
	} = (*Stream)(nil)
)

// drawText draws a text, also such as could hurt a terminal.
func drawText(t *rapid.T, name string) chat.Text {
	x, err := chat.NewText(rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"\x1b[31m", "\u202eevil", "<&>\"\\", "\U000e0041", "é́́́́́́"})).Draw(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func drawConversation(t *rapid.T) chat.Conversation {
	return rapid.SampledFrom([]chat.Conversation{chat.Presence(), chat.InRoom("lobby"), chat.InRoom(".."), chat.InRoom("a/b?ü"), chat.With(apitest.Person(1))}).Draw(t, "conversation")
}

func drawID(t *rapid.T) (id chat.MessageID) {
	copy(id[:], rapid.SliceOfN(rapid.Byte(), len(id), len(id)).Draw(t, "id"))
	return id
}

func drawTime(t *rapid.T) time.Time {
	return time.UnixMilli(rapid.Int64Range(0, 1<<42).Draw(t, "time"))
}

func drawMessage(t *rapid.T) chat.Message {
	bool := rapid.Bool()
	m := chat.Message{
		Conversation: drawConversation(t), ID: drawID(t), Author: apitest.Person(rapid.IntRange(0, 3).Draw(t, "author")), Nick: drawText(t, "nick"),
		Time: drawTime(t), Clock: chat.Time(rapid.Uint64().Draw(t, "clock")),
		Kind: chat.Kind(rapid.Uint32Range(0, 20).Draw(t, "kind")), Text: drawText(t, "text"), Mine: bool.Draw(t, "mine"),
		Key: drawText(t, "key").Raw(), Gap: bool.Draw(t, "gap"), Old: bool.Draw(t, "old"), Request: bool.Draw(t, "request"),
		Edited: bool.Draw(t, "edited"), Deleted: bool.Draw(t, "deleted"),
	}
	if m.Kind.HasTarget() {
		m.Target = drawID(t)
	}
	if bool.Draw(t, "reactions") {
		m.Reactions = []chat.Reaction{{Text: drawText(t, "reaction"), By: []chat.PeerID{apitest.Person(1), apitest.Person(2)}}}
	}
	return m
}

func drawEvent(t *rapid.T) chat.Event {
	number := func(name string) int { return rapid.IntRange(0, 1<<30).Draw(t, name) }
	switch rapid.IntRange(0, 7).Draw(t, "type") {
	case 0:
		return chat.Ready{Peer: apitest.Person(0), Addrs: rapid.SampledFrom([][]string{nil, {"/ip4/1.2.3.4/tcp/1"}}).Draw(t, "addrs")}
	case 1:
		return drawMessage(t)
	case 2:
		return chat.Delivery{
			Conversation: drawConversation(t), ID: drawID(t), State: rapid.SampledFrom([]chat.DeliveryState{chat.Queued, chat.Held, chat.Failed}).Draw(t, "state"),
			Reached: number("reached"), HeldBy: number("held"), Members: number("members"), Reason: drawText(t, "reason").Raw(),
		}
	case 3:
		return chat.Refused{Conversation: drawConversation(t), Key: drawText(t, "key").Raw(), Reason: drawText(t, "reason").Raw()}
	case 4:
		m := chat.Member{Conversation: drawConversation(t), Peer: apitest.Person(1), Nick: drawText(t, "nick"), Online: true, Seed: rapid.Bool().Draw(t, "seed")}
		if m.Path = rapid.SampledFrom([]chat.Path{chat.PathNone, chat.PathDirect, chat.PathRelayed}).Draw(t, "path"); m.Path == chat.PathRelayed {
			m.Via = apitest.Person(2)
		}
		if rapid.Bool().Draw(t, "known") {
			m.Since = drawTime(t)
		}
		return m
	case 5:
		return chat.History{Conversation: drawConversation(t), Complete: true, Missing: number("missing"), Fetched: number("fetched"), Total: number("total")}
	case 6:
		return chat.Notice{Conversation: drawConversation(t), Code: chat.NoticeClock, Text: drawText(t, "text").Raw(), Detail: drawText(t, "detail").Raw()}
	default:
		return chat.Ended{Conversation: drawConversation(t), Refused: true, Reason: drawText(t, "reason").Raw()}
	}
}

func TestEventsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ev := drawEvent(t)
		b := EncodeEvent(ev)
		if bytes.ContainsAny(b, "\x1b\n\r\x07") || strings.ContainsRune(string(b), '\u202e') {
			t.Fatalf("not safe: %q", b)
		}
		got, err := DecodeEvent(b)
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if !reflect.DeepEqual(got, ev) {
			t.Fatalf("%s\n%#v\n%#v", b, ev, got)
		}
	})
}

// These are the objects of --json, byte by byte, with what is for clients behind.
func TestEventsAreThoseOfJSON(t *testing.T) {
	lobby, bob, hi := chat.InRoom("lobby"), apitest.Person(1), apitest.Text(t, "hi <&>\x1b")
	target := chat.MessageID{0xab}
	at := time.Date(2026, 1, 2, 15, 4, 5, 678e6, time.UTC)
	m := chat.Message{Conversation: lobby, Author: bob, Nick: apitest.Text(t, "bob"), Time: at, Kind: chat.KindText, Text: hi}
	reply, reaction, old := m, m, m
	reply.Kind, reply.Target = chat.KindReply, target
	reaction.Kind, reaction.Target = chat.KindReaction, target
	old.Old, old.Gap, old.Request, old.Edited, old.Deleted = true, true, true, true, true
	old.Reactions = []chat.Reaction{{Text: hi, By: []chat.PeerID{bob}}}
	old.Clock, old.Key = 77, "k"
	zero := chat.MessageID{}.String()
	said := `{"type":"message","conversation":"lobby","id":"` + zero + `","author":"` + bob.String() +
		`","nick":"bob","time":"2026-01-02T15:04:05.678Z","text":"hi \u003c\u0026\u003e\u001b","mine":false`
	for want, ev := range map[string]chat.Event{
		`{"type":"ready","peer":"` + bob.String() + `","addrs":[]}`: chat.Ready{Peer: bob},
		said + `}`: m,
		said + `,"kind":"reply","reply_to":"` + target.String() + `"}`:  reply,
		said + `,"kind":"reaction","target":"` + target.String() + `"}`: reaction,
		said + `,"old":true,"gap":true,"request":true,"edited":true,"deleted":true,"reactions":[{"text":"hi \u003c\u0026\u003e\u001b","by":["` +
			bob.String() + `"]}],"clock":"77","key":"k"}`: old,
		`{"type":"delivery","conversation":"lobby","id":"` + zero + `","state":"held","reached":2,"held_by":1,"members":3,"reason":""}`: chat.Delivery{
			Conversation: lobby, State: chat.Held, Reached: 2, HeldBy: 1, Members: 3,
		},
		`{"type":"member","conversation":"lobby","peer":"` + bob.String() + `","nick":"bob","online":true}`: chat.Member{
			Conversation: lobby, Peer: bob, Nick: apitest.Text(t, "bob"), Online: true,
		},
		`{"type":"history","conversation":"lobby","complete":true,"missing":0,"fetched":1200,"total":1200}`: chat.History{
			Conversation: lobby, Complete: true, Fetched: 1200, Total: 1200,
		},
		`{"type":"notice","conversation":"","code":"waiting","text":"..."}`:                  chat.Notice{Code: chat.NoticeWaiting, Text: "..."},
		`{"type":"ended","conversation":"` + bob.String() + `","refused":false,"reason":""}`: chat.Ended{Conversation: chat.With(bob)},
		`{"type":"rejected","line":3,"reason":"full","conversation":"lobby","key":"3"}`:      chat.Refused{Conversation: lobby, Key: "3", Reason: "full"},
	} {
		if got := string(EncodeEvent(ev)); got != want {
			t.Errorf("\n%s\nwant\n%s", got, want)
		}
	}
}

func TestEventsOfNewerVersions(t *testing.T) {
	ev, err := DecodeEvent([]byte(`{"type":"hologram","x":1}`))
	if n, ok := ev.(chat.Notice); err != nil || !ok || n.Code != noticeUnknown {
		t.Fatal(ev, err)
	}
	ev, err = DecodeEvent([]byte(`{"type":"ended","conversation":"lobby","new":1}`))
	if ev != (chat.Ended{Conversation: chat.InRoom("lobby")}) || err != nil {
		t.Fatal(ev, err)
	}
}

func FuzzDecodeEvent(f *testing.F) {
	f.Add([]byte(`{"type":"message","conversation":"lobby","clock":"7"}`))
	f.Add([]byte(`{"type":"member","since":"x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		ev, err := DecodeEvent(b)
		if err != nil {
			return
		}
		again, err := DecodeEvent(EncodeEvent(ev))
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		x, y := EncodeEvent(ev), EncodeEvent(again)
		if !bytes.Equal(x, y) {
			t.Fatalf("%s\n%s", x, y)
		}
		if !json.Valid(x) {
			t.Fatalf("no JSON: %s", x)
		}
	})
}
