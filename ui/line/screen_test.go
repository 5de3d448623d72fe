package line

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// lobby is the conversation shown in most tests.
func lobby() chat.Conversation { return chat.InRoom("lobby") }

// noon is when everything happens in these tests.
func noon() time.Time { return time.Date(2026, 1, 2, 12, 0, 5, 678_900_000, time.Local) }

// idOf makes up a message ID.
func idOf(n byte) chat.MessageID { return chat.MessageID{n, 0xab} }

// with is a message, changed.
func with(m chat.Message, change func(*chat.Message)) chat.Message {
	change(&m)
	return m
}

// played shows events and returns both outputs.
func played(t testing.TB, cfg Config, evs ...chat.Event) (out, errs string) {
	t.Helper()
	var o, e output
	f := newFake()
	f.happen(evs...)
	cfg.Chat, cfg.Events, cfg.Out, cfg.Err = f, f, &o, &e
	if cfg.Conversation.IsPresence() {
		cfg.Conversation = lobby()
	}
	if cfg.In == nil {
		cfg.In = strings.NewReader("")
	}
	if _, err := Run(context.Background(), cfg); err != nil {
		t.Fatalf("Run: %v", err)
	}
	return o.String(), e.String()
}

func TestLines(t *testing.T) {
	t.Parallel()
	bob, carol := peerN(1), peerN(2)
	here := func(p chat.PeerID, name string) chat.Event {
		return chat.Member{Conversation: lobby(), Peer: p, Nick: nick(name), Online: true}
	}
	says := func(text string) chat.Message {
		return chat.Message{Conversation: lobby(), Author: bob, Nick: nick("bob"), Time: noon(), Kind: chat.KindText, Text: nick(text)}
	}
	private := chat.With(bob)
	for _, c := range []struct {
		name      string
		cfg       Config
		evs       []chat.Event
		out, errs string
	}{
		{name: "a message", evs: []chat.Event{says("hello")}, out: "12:00 bob | hello\n"},
		{
			name: "several lines", evs: []chat.Event{says("one\ntwo\n\n12:00 carol | three\n")},
			out: "12:00 bob | one\n      | two\n      | \n      | 12:00 carol | three\n      | \n",
		},
		{
			name: "an action", evs: []chat.Event{with(says("waves\nand goes"), func(m *chat.Message) { m.Kind = chat.KindAction })},
			out: "12:00 * bob waves and goes\n",
		},
		{
			name: "a kind of the future", evs: []chat.Event{with(says(""), func(m *chat.Message) { m.Kind = 77 })},
			out: "12:00 bob | (made by a newer version of p2pchat)\n",
		},
		{name: "one's own, typed here", evs: []chat.Event{with(says("x"), func(m *chat.Message) { m.Mine, m.Key, m.Author = true, "1", peerN(0) })}},
		{
			name: "one's own of another time", cfg: Config{Name: nick("alice")},
			evs: []chat.Event{with(says("x"), func(m *chat.Message) { m.Mine, m.Old, m.Author, m.Nick = true, true, peerN(0), nick("alice") })},
			out: "12:00 alice | x\n",
		},
		{
			name: "elsewhere", evs: []chat.Event{
				with(says("psst\nyou"), func(m *chat.Message) { m.Conversation = private }),
				with(says("hi"), func(m *chat.Message) { m.Conversation = chat.InRoom("other") }),
				chat.Member{Conversation: chat.InRoom("other"), Peer: bob, Online: true},
				chat.Member{Conversation: chat.Presence(), Peer: bob, Online: true},
				chat.Ended{Conversation: private},
				chat.Notice{Conversation: private, Code: chat.NoticeUnreachable, Text: "x"},
				chat.Delivery{Conversation: private, State: chat.Failed, Reason: "x"},
			},
			errs: "p2pchat: in private: bob: psst you\n",
		},
		{
			name: "coming and going",
			evs: []chat.Event{
				here(bob, "bob"), here(bob, "bob"), here(carol, "bob"), here(bob, "bobby"),
				chat.Member{Conversation: lobby(), Peer: bob, Nick: nick("bobby")},
				chat.Member{Conversation: lobby(), Peer: bob, Nick: nick("bobby")},
				chat.Member{Conversation: lobby(), Peer: carol, Nick: nick("bob")},
			},
			errs: "p2pchat: bob is here (" + bob.String() + ")\n" +
				"p2pchat: bob~" + carol.Short() + " is here (" + carol.String() + ")\n" +
				"p2pchat: bob~" + bob.Short() + " is now called bobby\n" +
				"p2pchat: bobby is gone\n" +
				"p2pchat: bob~" + carol.Short() + " is gone\n",
		},
		{
			name: "a private talk", cfg: Config{Conversation: private},
			evs: []chat.Event{
				chat.Member{Conversation: private, Peer: bob, Nick: nick("bob"), Online: true},
				chat.Member{Conversation: private, Peer: bob, Nick: nick("bob")},
				chat.Member{Conversation: private, Peer: bob, Nick: nick("bob"), Online: true},
				chat.Ended{Conversation: private},
				chat.Member{Conversation: private, Peer: bob, Nick: nick("bob")},
			},
			errs: "p2pchat: connected to bob (" + bob.String() + ")\n" +
				"p2pchat: lost the connection to bob; trying to get it back\n" +
				"p2pchat: connected to bob (" + bob.String() + ")\n" +
				"p2pchat: bob left the talk\n",
		},
		{
			name: "ways in a room are quiet",
			evs: []chat.Event{
				chat.Member{Conversation: lobby(), Peer: bob, Nick: nick("bob"), Online: true, Path: chat.PathRelayed, Via: carol},
				chat.Member{Conversation: lobby(), Peer: bob, Nick: nick("bob"), Online: true, Path: chat.PathDirect},
			},
			errs: "p2pchat: bob is here (" + bob.String() + ")\n",
		},
		{
			name: "notices", cfg: Config{Invite: "p2pchat join lobby --seed X"},
			evs: []chat.Event{
				chat.Notice{Code: chat.NoticeSeedLost, Text: "no seed", Detail: "failed to dial"},
				chat.Notice{Conversation: lobby(), Code: chat.NoticeWaiting, Text: "nobody is here yet"},
				chat.Notice{Conversation: lobby(), Code: chat.NoticeNotFound, Text: "not found"},
				chat.Notice{Conversation: lobby(), Code: chat.NoticeNotFound, Text: "not found"},
				chat.Notice{Conversation: lobby(), Code: chat.NoticeUnreachable, Text: "unreachable"},
				chat.Delivery{Conversation: lobby(), ID: idOf(1), State: chat.Failed, Reason: "why not"},
				chat.Delivery{Conversation: lobby(), ID: idOf(2), State: chat.Failed, Reason: "why not"},
			},
			errs: "p2pchat: no seed\np2pchat: nobody is here yet\n" +
				"p2pchat: somebody else can come here with: p2pchat join lobby --seed X\n" +
				"p2pchat: not found; still trying\np2pchat: unreachable; still trying\np2pchat: not delivered: why not\n",
		},
		{
			name: "in detail", cfg: Config{Verbose: true},
			evs: []chat.Event{
				chat.Notice{Code: chat.NoticeSeedLost, Text: "no seed", Detail: "failed to dial"},
				chat.Notice{Conversation: lobby(), Code: chat.NoticeNotFound, Text: "not found", Detail: "x"},
				chat.Notice{Conversation: lobby(), Code: chat.NoticeNotFound, Text: "not found", Detail: "y"},
				chat.Delivery{Conversation: lobby(), ID: idOf(1), State: chat.Queued},
				chat.Delivery{Conversation: lobby(), ID: idOf(1), State: chat.Sent, Reached: 2},
				chat.Delivery{Conversation: lobby(), ID: idOf(1), State: chat.Held, HeldBy: 1, Members: 3},
			},
			errs: "p2pchat: no seed (failed to dial)\np2pchat: not found (x); still trying\np2pchat: not found (y); still trying\n" +
				"p2pchat: message 01ab0000 is queued\np2pchat: message 01ab0000 is sent to 2\np2pchat: message 01ab0000 is held by 1 of 3\n",
		},
		{
			name: "read", cfg: Config{Verbose: true},
			evs:  []chat.Event{chat.Delivery{Conversation: lobby(), ID: idOf(1), State: chat.Read}},
			errs: "p2pchat: message 01ab0000 is read\n",
		},
		{
			name: "history",
			evs: []chat.Event{
				chat.History{Conversation: lobby(), Fetched: 10, Total: 90},
				chat.History{Conversation: lobby(), Missing: 3, Fetched: 90, Total: 93},
				chat.History{Conversation: lobby(), Missing: 3, Fetched: 90, Total: 93},
				chat.History{Conversation: lobby(), Missing: 1},
				chat.History{Conversation: private, Missing: 7},
				chat.History{Conversation: lobby(), Complete: true},
				chat.History{Conversation: lobby(), Complete: true},
			},
			errs: "p2pchat: history: 3 messages missing, nobody online has them\n" +
				"p2pchat: history: 1 message missing, nobody online has it\np2pchat: history: complete\n",
		},
		{
			name: "history in detail", cfg: Config{Verbose: true},
			evs:  []chat.Event{chat.History{Conversation: lobby(), Fetched: 10, Total: 90}},
			errs: "p2pchat: history: 10 of about 90 messages have come\n",
		},
		{
			name: "a stranger's first words",
			evs: []chat.Event{
				with(says("buy this"), func(m *chat.Message) { m.Conversation, m.Request = private, true }),
				chat.Notice{Conversation: private, Code: chat.NoticeRequest, Text: "somebody unknown wrote"},
			},
			errs: "p2pchat: somebody unknown wrote\n",
		},
		{
			name: "one's own, written here to another conversation", evs: []chat.Event{
				with(says("x"), func(m *chat.Message) { m.Mine, m.Key, m.Conversation = true, "1", private }),
			},
		},
		{
			name: "kinds, elsewhere", evs: []chat.Event{
				with(says("yes"), func(m *chat.Message) { m.Conversation, m.Kind, m.Target = private, chat.KindReply, idOf(7) }),
				with(says("what we do"), func(m *chat.Message) { m.Conversation, m.Kind = chat.InRoom("other"), chat.KindTopic }),
			},
			errs: "p2pchat: in private: bob: (re an earlier message) yes\n",
		},
		{
			name: "a newcomer's message and its nick",
			evs:  []chat.Event{with(says("hi"), func(m *chat.Message) { m.Nick = chat.Text{} }), here(bob, "bob")},
			out:  "12:00 bob | hi\n",
			errs: "p2pchat: bob is here (" + bob.String() + ")\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.cfg.Conversation.IsDirect() {
				c.cfg.Wait = time.Millisecond
			}
			out, errs := played(t, c.cfg, c.evs...)
			if out != c.out {
				t.Errorf("stdout:\n%swant:\n%s", out, c.out)
			}
			if errs != c.errs {
				t.Errorf("stderr:\n%swant:\n%s", errs, c.errs)
			}
		})
	}
}

func TestObjects(t *testing.T) {
	t.Parallel()
	bob := peerN(1)
	at := time.Date(2026, 1, 2, 15, 4, 5, 678_900_000, time.FixedZone("", 3600))
	id := `"01ab` + strings.Repeat("0", 60) + `"`
	id2 := strings.Replace(id, "01", "02", 1)
	p := `"` + bob.String() + `"`
	kind := func(k chat.Kind) chat.Message {
		return chat.Message{Conversation: lobby(), ID: idOf(1), Author: bob, Time: at, Kind: k, Target: idOf(2), Text: nick("y")}
	}
	kindObject := func(text, rest string) string {
		return `{"type":"message","conversation":"lobby","id":` + id + `,"author":` + p + `,"nick":"","time":"2026-01-02T14:04:05.678Z","text":` + text + `,"mine":false,"kind":` + rest + `}`
	}
	for _, c := range []struct {
		ev   chat.Event
		want string
	}{
		{chat.Ready{Peer: bob}, `{"type":"ready","peer":` + p + `,"addrs":[]}`},
		{chat.Ready{Peer: bob, Addrs: []string{"/ip4/1", "/ip6/2"}}, `{"type":"ready","peer":` + p + `,"addrs":["/ip4/1","/ip6/2"]}`},
		{
			chat.Message{Conversation: lobby(), ID: idOf(1), Author: bob, Nick: nick("bob"), Time: at, Kind: chat.KindText, Text: nick("a \"b\"\n\x1b\u202e<é>")},
			`{"type":"message","conversation":"lobby","id":` + id + `,"author":` + p + `,"nick":"bob","time":"2026-01-02T14:04:05.678Z","text":"a \"b\"\n\u001b\u202e\u003cé\u003e","mine":false}`,
		},
		{
			chat.Message{Conversation: chat.With(bob), ID: idOf(1), Author: bob, Time: at, Kind: chat.KindAction, Text: nick("waves"), Mine: true, Key: "1", Old: true},
			`{"type":"message","conversation":` + p + `,"id":` + id + `,"author":` + p + `,"nick":"","time":"2026-01-02T14:04:05.678Z","text":"waves","mine":true,"kind":"action","old":true}`,
		},
		{
			chat.Message{Conversation: lobby(), ID: idOf(1), Author: bob, Time: at.Truncate(time.Second), Kind: 9},
			`{"type":"message","conversation":"lobby","id":` + id + `,"author":` + p + `,"nick":"","time":"2026-01-02T14:04:05.000Z","text":"","mine":false,"kind":"unknown"}`,
		},
		{
			chat.Message{Conversation: lobby(), ID: idOf(1), Author: bob, Time: at, Kind: chat.KindReply, Target: idOf(2), Text: nick("y"), Request: true},
			`{"type":"message","conversation":"lobby","id":` + id + `,"author":` + p + `,"nick":"","time":"2026-01-02T14:04:05.678Z","text":"y","mine":false,"kind":"reply","reply_to":` + id2 + `,"request":true}`,
		},
		{
			chat.Message{
				Conversation: lobby(), ID: idOf(1), Author: bob, Time: at, Kind: chat.KindText, Text: nick("y"), Edited: true,
				Reactions: []chat.Reaction{{Text: nick("\u202eup"), By: []chat.PeerID{bob}}},
			},
			`{"type":"message","conversation":"lobby","id":` + id + `,"author":` + p + `,"nick":"","time":"2026-01-02T14:04:05.678Z","text":"y","mine":false,"edited":true,"reactions":[{"text":"\u202eup","by":[` + p + `]}]}`,
		},
		{
			chat.Message{Conversation: lobby(), ID: idOf(1), Author: bob, Time: at, Kind: chat.KindText, Deleted: true},
			`{"type":"message","conversation":"lobby","id":` + id + `,"author":` + p + `,"nick":"","time":"2026-01-02T14:04:05.678Z","text":"","mine":false,"deleted":true}`,
		},
		{kind(chat.KindEdit), kindObject(`"y"`, `"edit","target":`+id2)},
		{kind(chat.KindDelete), kindObject(`"y"`, `"delete","target":`+id2)},
		{kind(chat.KindReaction), kindObject(`"y"`, `"reaction","target":`+id2)},
		{kind(chat.KindTopic), kindObject(`"y"`, `"topic"`)},
		{
			chat.History{Conversation: lobby(), Missing: 3, Fetched: 90, Total: 93},
			`{"type":"history","conversation":"lobby","complete":false,"missing":3,"fetched":90,"total":93}`,
		},
		{
			chat.History{Conversation: lobby(), Complete: true},
			`{"type":"history","conversation":"lobby","complete":true,"missing":0,"fetched":0,"total":0}`,
		},
		{chat.Refused{Conversation: lobby(), Key: "12", Reason: "disk full"}, `{"type":"rejected","line":12,"reason":"disk full"}`},
		{
			chat.Delivery{Conversation: lobby(), ID: idOf(1), State: chat.Read},
			`{"type":"delivery","conversation":"lobby","id":` + id + `,"state":"read","reached":0,"held_by":0,"members":0,"reason":""}`,
		},
		{
			chat.Delivery{Conversation: lobby(), ID: idOf(1), State: chat.Held, Reached: 2, HeldBy: 1, Members: 3},
			`{"type":"delivery","conversation":"lobby","id":` + id + `,"state":"held","reached":2,"held_by":1,"members":3,"reason":""}`,
		},
		{
			chat.Delivery{Conversation: lobby(), ID: idOf(1), State: chat.Failed, Reason: "no\u009b31m"},
			`{"type":"delivery","conversation":"lobby","id":` + id + `,"state":"failed","reached":0,"held_by":0,"members":0,"reason":"no\u009b31m"}`,
		},
		{
			chat.Member{Conversation: lobby(), Peer: bob, Nick: nick("bob"), Online: true},
			`{"type":"member","conversation":"lobby","peer":` + p + `,"nick":"bob","online":true}`,
		},
		{
			chat.Member{Conversation: lobby(), Peer: bob, Online: true, Path: chat.PathRelayed, Via: bob},
			`{"type":"member","conversation":"lobby","peer":` + p + `,"nick":"","online":true,"path":"relayed","via":` + p + `}`,
		},
		{chat.Member{Peer: bob, Seed: true}, `{"type":"member","conversation":"","peer":` + p + `,"nick":"","online":false,"seed":true}`},
		{
			chat.Notice{Conversation: lobby(), Code: chat.NoticeWaiting, Text: "nobody", Detail: "\x1b]0;x\a"},
			`{"type":"notice","conversation":"lobby","code":"waiting","text":"nobody","detail":"\u001b]0;x\u0007"}`,
		},
		{chat.Notice{Code: chat.NoticeSeedLost, Text: "t"}, `{"type":"notice","conversation":"","code":"seed-lost","text":"t"}`},
		{chat.Ended{Conversation: chat.With(bob), Refused: true, Reason: "no"}, `{"type":"ended","conversation":` + p + `,"refused":true,"reason":"no"}`},
	} {
		if got := string(object(c.ev)); got != c.want+"\n" {
			t.Errorf("%T is\n%s\nwant\n%s", c.ev, got, c.want)
		}
		out, errs := played(t, Config{JSON: true, Conversation: placeOf(c.ev), Wait: time.Millisecond}, c.ev)
		if out != c.want+"\n" || errs != "" {
			t.Errorf("%T is shown as\n%s%s", c.ev, out, errs)
		}
	}
	if got, want := string(object(rejectedLine(3, "why\x9b"))), `{"type":"rejected","line":3,"reason":"why�"}`+"\n"; got != want {
		t.Errorf("rejected is %s, want %s", got, want)
	}
}

// hostileTexts are what strangers write to hurt who reads them.
func hostileTexts() []string {
	return []string{
		"\x1b[2J\x1b]0;title\a\x1bP\x9b31m\u009b31m\u0090\u009c",
		"\r12:00 alice | I owe you\b\b\b\x00\x7f",
		"\u202eevil\u202c \u2066x\u2069 \u200e\u200f\u061c",
		"a\u2028b\u2029c\vd\fe\u0085f",
		"\u200b\u200d\u2060\ufeff\u00ad\U000e0041",
		"z" + strings.Repeat("\u0300\u0489", 200),
		strings.Repeat("w", chat.MaxText),
		"\\x1b[31m", `\xff`, "%s%n%!d(MISSING)",
		"bob is here (12D3KooWfake)\np2pchat: ready",
	}
}

func TestHostileText(t *testing.T) {
	t.Parallel()
	for i, s := range hostileTexts() {
		checkHostile(t, s, nick(strings.ToValidUTF8(s, "")), i)
	}
}

func FuzzHostileText(f *testing.F) {
	for i, s := range hostileTexts() {
		f.Add(s, i)
	}
	f.Fuzz(func(t *testing.T, s string, which int) {
		text, err := chat.NewText(strings.ToValidUTF8(s, ""))
		if err != nil {
			return
		}
		checkHostile(t, s, text, which)
	})
}

// checkHostile shows a text in every place where a stranger's can be.
func checkHostile(t testing.TB, s string, text chat.Text, which int) {
	t.Helper()
	bob := peerN(1)
	private := chat.With(bob)
	about := func(id byte, kind chat.Kind, target chat.MessageID, text chat.Text) chat.Message {
		return chat.Message{Conversation: lobby(), ID: idOf(id), Author: bob, Nick: text, Time: noon(), Kind: kind, Target: target, Text: text}
	}
	evs := []chat.Event{
		chat.Member{Conversation: lobby(), Peer: bob, Nick: text, Online: true},
		chat.Message{Conversation: lobby(), Author: bob, Nick: text, Time: noon(), Kind: chat.KindText, Text: text},
		chat.Message{Conversation: lobby(), Author: bob, Nick: text, Time: noon(), Kind: chat.KindAction, Text: text},
		chat.Message{Conversation: private, Author: bob, Nick: text, Time: noon(), Kind: chat.KindText, Text: text},
		about(8, chat.KindText, idOf(0), text),
		about(9, chat.KindReply, idOf(8), text),
		about(10, chat.KindReply, idOf(99), text),
		about(11, chat.KindReaction, idOf(8), text),
		about(12, chat.KindReaction, idOf(99), text),
		about(13, chat.KindEdit, idOf(99), text),
		about(14, chat.KindEdit, idOf(8), text),
		about(15, chat.KindDelete, idOf(8), chat.Text{}),
		about(16, chat.KindTopic, idOf(0), text),
		with(about(17, chat.KindReply, idOf(8), text), func(m *chat.Message) { m.Conversation = private }),
		with(about(18, chat.KindText, idOf(0), text), func(m *chat.Message) {
			m.Edited, m.Reactions = true, []chat.Reaction{{Text: text, By: []chat.PeerID{bob}}}
		}),
		with(about(19, chat.KindEdit, idOf(18), text), func(m *chat.Message) { m.Mine, m.Key = true, "1" }),
		chat.Member{Conversation: lobby(), Peer: peerN(2), Nick: text, Online: true},
		chat.Member{Conversation: lobby(), Peer: bob, Nick: nick("x"), Online: true},
		chat.Delivery{Conversation: lobby(), State: chat.Failed, Reason: s},
		chat.Notice{Conversation: lobby(), Code: chat.NoticeUnreachable, Text: s, Detail: s},
		chat.Notice{Code: chat.NoticeSeedBack, Text: s, Detail: s},
		chat.Ended{Conversation: private, Refused: true, Reason: s},
	}
	out, errs := played(t, Config{Verbose: which%2 == 0, In: strings.NewReader("/" + s + "\n/nick " + s + "\n/who\n")}, evs...)
	mustBeSafe(t, out)
	mustBeSafe(t, errs)
	for l := range strings.Lines(out) {
		if !regexp.MustCompile(`^(12:00 (\S+ \| |\* \S+ |-- \S+ (set|cleared) the topic)|      [|+] ).*\n$`).MatchString(l) {
			t.Fatalf("a line of stdout is %q", l)
		}
	}
	for l := range strings.Lines(errs) {
		if !strings.HasPrefix(l, "p2pchat: ") || !strings.HasSuffix(l, "\n") {
			t.Fatalf("a line of stderr is %q", l)
		}
	}
	out, errs = played(t, Config{JSON: true, In: strings.NewReader("{!" + s + "\n/" + s + "\n")}, evs...)
	mustBeSafe(t, out)
	mustBeSafe(t, errs)
	if !strings.Contains(errs, "line 1 was not sent") {
		t.Fatalf("stderr is %q", errs)
	}
	for l := range strings.Lines(out) {
		var o struct{ Type, ID, Kind, Text, Nick string }
		if err := json.Unmarshal([]byte(l), &o); err != nil {
			t.Fatalf("a line of stdout is %q: %v", l, err)
		}
		if o.Type == "message" && o.Kind != "delete" && !strings.HasPrefix(o.ID, hex.EncodeToString([]byte("draft "))) && (o.Text != text.Raw() || o.Nick != text.Raw()) {
			t.Fatalf("a script reads %q by %q, and not %q", o.Text, o.Nick, text.Raw())
		}
	}
}

// Text goes to the outputs in the order in which it happened.
func TestOrderOfOutputs(t *testing.T) {
	t.Parallel()
	var both output
	f := newFake()
	var want strings.Builder
	for i := range 100 {
		f.happen(
			chat.Message{Conversation: lobby(), Author: peerN(1), Nick: nick("bob"), Time: noon(), Kind: chat.KindText, Text: nick(fmt.Sprint(i))},
			chat.Notice{Text: fmt.Sprint(i)},
		)
		fmt.Fprintf(&want, "12:00 bob | %d\np2pchat: %d\n", i, i)
	}
	cfg := Config{Chat: f, Events: f, Conversation: lobby(), In: strings.NewReader(""), Out: &both, Err: &both}
	if _, err := Run(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	if both.String() != want.String() {
		t.Errorf("written was:\n%s", both.String())
	}
}
