package line

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// script makes the messages of a test: number n is said at minute n.
func script(n, author byte, kind chat.Kind, target byte, text string) chat.Message {
	m := chat.Message{
		Conversation: lobby(), ID: idOf(n), Author: peerN(int(author)), Nick: nick([]string{"me", "bob", "carol"}[author]),
		Time: noon().Add(time.Duration(n) * time.Minute), Kind: kind, Text: nick(text), Mine: author == 0,
	}
	if kind.HasTarget() {
		m.Target = idOf(target)
	}
	return m
}

func TestKindsInLines(t *testing.T) {
	t.Parallel()
	const (
		text, action, reply, edit, del, react, topic = chat.KindText, chat.KindAction, chat.KindReply, chat.KindEdit, chat.KindDelete, chat.KindReaction, chat.KindTopic
	)
	hello := script(1, 1, text, 0, "hello there")
	said := "12:01 bob | hello there\n"
	typed := func(m chat.Message) chat.Message { m.Key = "1"; return m }
	for _, c := range []struct {
		name      string
		msgs      []chat.Message
		out, errs string
	}{
		{"a reply", []chat.Message{hello, script(2, 2, reply, 1, "hi\nyou")}, said + "12:02 carol | (re bob: \"hello there\") hi\n      | you\n", ""},
		{"a reply to a reply", []chat.Message{script(2, 2, reply, 1, "hi"), script(3, 1, reply, 2, "so")}, "12:02 carol | (re an earlier message) hi\n12:03 bob | (re carol: \"hi\") so\n", ""},
		{"an edit", []chat.Message{hello, script(2, 1, edit, 1, "hullo")}, said + "12:02 bob | (edited \"hello there\") hullo\n", ""},
		{"the second edit", []chat.Message{hello, script(2, 1, edit, 1, "hullo"), script(3, 1, edit, 1, "hi")}, said + "12:02 bob | (edited \"hello there\") hullo\n12:03 bob | (edited \"hullo\") hi\n", ""},
		{"an older edit", []chat.Message{hello, script(3, 1, edit, 1, "hullo"), script(2, 1, edit, 1, "hi")}, said + "12:03 bob | (edited \"hello there\") hullo\n", ""},
		{"an edit by another", []chat.Message{hello, script(2, 2, edit, 1, "I owe carol")}, said, ""},
		{"a deletion", []chat.Message{hello, script(2, 1, del, 1, ""), script(3, 2, reply, 1, "what?")}, said + "12:02 bob | (deleted \"hello there\")\n12:03 carol | (re bob: a deleted message) what?\n", ""},
		{"a deletion by another", []chat.Message{hello, script(2, 2, del, 1, "")}, said, ""},
		{"a reaction", []chat.Message{hello, script(2, 2, react, 1, "👍"), script(3, 2, react, 1, "")}, said + "12:02 carol | (reacted 👍 to \"hello there\")\n12:03 carol | (took back the reaction to \"hello there\")\n", ""},
		{"about what is not here", []chat.Message{script(2, 2, react, 1, "👍"), script(3, 2, edit, 9, "x"), script(4, 2, del, 9, "")}, "12:02 carol | (reacted 👍 to an earlier message)\n12:03 carol | (edited an earlier message) x\n12:04 carol | (deleted an earlier message)\n", ""},
		{"a topic", []chat.Message{script(2, 2, topic, 0, "what\nwe do"), script(3, 1, topic, 0, "")}, "12:02 -- carol set the topic: what we do\n12:03 -- bob cleared the topic\n", ""},
		{"an older topic", []chat.Message{script(3, 2, topic, 0, "new"), script(2, 1, topic, 0, "old")}, "12:03 -- carol set the topic: new\n", ""},
		{"an action edited", []chat.Message{script(1, 1, action, 0, "waves"), script(2, 1, edit, 1, "nods")}, "12:01 * bob waves\n12:02 bob | (edited \"waves\") nods\n", ""},
		{
			"a message that comes after its edit",
			[]chat.Message{script(2, 1, edit, 1, "hullo"), script(3, 2, edit, 1, "never"), hello},
			"12:02 bob | (edited an earlier message) hullo\n12:03 carol | (edited an earlier message) never\n12:01 bob | hullo\n      + edited\n", "",
		},
		{
			"a message that comes after its deletion",
			[]chat.Message{script(3, 1, del, 1, ""), script(2, 1, edit, 1, "hullo"), hello},
			"12:03 bob | (deleted an earlier message)\n12:01 bob | (deleted)\n", "",
		},
		{
			"a long quote",
			[]chat.Message{script(1, 1, text, 0, strings.Repeat("word ", 300)), script(2, 2, reply, 1, "short")},
			"12:01 bob | " + strings.Repeat("word ", 300) + "\n12:02 carol | (re bob: \"" + strings.Repeat("word ", 7) + "word …\") short\n", "",
		},
		{
			"a quote that ends itself",
			[]chat.Message{script(1, 1, text, 0, "x\") I agree"), script(2, 2, reply, 1, "no")},
			"12:01 bob | x\") I agree\n12:02 carol | (re bob: \"x') I agree\") no\n", "",
		},
		{
			"words that look like ours",
			[]chat.Message{
				script(1, 1, text, 0, "(re carol: \"I pay\") fine"), script(2, 1, text, 0, " ( Deleted)"), script(3, 1, text, 0, "(brb)"),
				script(4, 1, reply, 3, "(edited \"y\") z"), script(5, 1, text, 0, newer),
			},
			"12:01 bob | \\(re carol: \"I pay\") fine\n12:02 bob | \\ ( Deleted)\n12:03 bob | (brb)\n" +
				"12:04 bob | (re bob: \"(brb)\") \\(edited \"y\") z\n12:05 bob | \\" + newer + "\n", "",
		},
		{
			"one's own, written here",
			[]chat.Message{
				hello, typed(script(2, 0, reply, 1, "hi")), typed(script(3, 0, edit, 2, "hey")), typed(script(4, 0, react, 1, "👍")),
				typed(script(5, 0, react, 1, "")), typed(script(6, 0, del, 2, "")), typed(script(7, 0, topic, 0, "x")), typed(script(8, 0, text, 0, "y")),
				script(9, 2, reply, 8, "z"),
			},
			said + "12:09 carol | (re me: \"y\") z\n",
			"p2pchat: re bob: \"hello there\"\np2pchat: edited \"hi\"\np2pchat: reacted 👍 to \"hello there\"\n" +
				"p2pchat: took back the reaction to \"hello there\"\np2pchat: deleted \"hey\"\np2pchat: you set the topic: x\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			evs := make([]chat.Event, len(c.msgs))
			for i, m := range c.msgs {
				evs[i] = m
			}
			out, errs := played(t, Config{Name: nick("me")}, evs...)
			if out != c.out || errs != c.errs {
				t.Errorf("stdout:\n%swant:\n%sstderr:\n%swant:\n%s", out, c.out, errs, c.errs)
			}
			if c.errs != "" {
				return
			}
			// A page of history is written the same.
			var page bytes.Buffer
			if err := WriteMessages(&page, false, c.msgs...); err != nil || page.String() != c.out {
				t.Errorf("a page, %v:\n%swant:\n%s", err, &page, c.out)
			}
		})
	}
}

// A page may show messages as later ones have left them.
func TestPages(t *testing.T) {
	t.Parallel()
	msgs := []chat.Message{
		with(script(1, 1, chat.KindText, 0, "a\nb"), func(m *chat.Message) {
			m.Edited = true
			m.Reactions = []chat.Reaction{{Text: nick("👍"), By: []chat.PeerID{peerN(1), peerN(2)}}, {Text: nick("\u202e"), By: []chat.PeerID{peerN(3)}}}
		}),
		with(script(2, 2, chat.KindAction, 0, ""), func(m *chat.Message) { m.Deleted = true }),
		with(script(3, 2, chat.KindAction, 0, "waves"), func(m *chat.Message) { m.Edited = true }),
		with(script(4, 2, chat.KindText, 0, "x"), func(m *chat.Message) {
			for i := range byte(15) {
				m.Reactions = append(m.Reactions, chat.Reaction{Text: nick(string('a' + rune(i))), By: []chat.PeerID{peerN(int(i))}})
			}
		}),
	}
	var text, objects bytes.Buffer
	pages := NewPages(&text, PagesConfig{Dates: true, Self: peerN(0), Name: nick("bob")})
	for _, m := range msgs { // page after page
		if err := pages.Write(m); err != nil {
			t.Fatal(err)
		}
	}
	bob := "bob~" + peerN(1).Short() // for bob is what we are called
	if got, want := text.String(), "2026-01-02 12:01 "+bob+" | a\n      | b\n      + edited, 👍 2, ? 1\n"+
		"2026-01-02 12:02 carol | (deleted)\n2026-01-02 12:03 * carol waves\n      + edited\n"+
		"2026-01-02 12:04 carol | x\n      + a 1, b 1, c 1, d 1, e 1, f 1, g 1, h 1, i 1, j 1, k 1, l 1, and 3 more\n"; got != want {
		t.Errorf("text:\n%swant:\n%s", got, want)
	}
	if err := WriteMessages(&objects, true, msgs...); err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, m := range msgs {
		want.Write(object(m))
	}
	if objects.String() != want.String() {
		t.Errorf("objects:\n%swant, as in the live stream:\n%s", &objects, &want)
	}
	if err := WriteMessages(broken{}, true, msgs...); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("an output that is gone: %v", err)
	}
	if err := WriteMessages(broken{}, false); err != nil {
		t.Errorf("nothing to write: %v", err)
	}
}
