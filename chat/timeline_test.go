package chat_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/chat"
)

// post is message n, of author a, at time n unless told.
func post(n, a byte, kind chat.Kind, target byte, text string) chat.Post {
	p := chat.Post{
		Place:  chat.Place{Time: chat.Time(n), ID: chat.MessageID{n}},
		Author: peerID(a),
		Body:   chat.Body{Kind: kind, Text: mustText(text)},
	}
	if kind.HasTarget() {
		p.Body.Target = chat.MessageID{target}
	}
	return p
}

// timeline is what a screen would show of messages, in words.
func timeline(posts []chat.Post) string {
	var tl chat.Timeline
	for _, p := range posts {
		tl.Add(p)
	}
	var b strings.Builder
	for n := range byte(20) {
		s, ok := tl.Shown(chat.MessageID{n})
		if !ok || !s.Body.Kind.IsText() {
			continue
		}
		fmt.Fprintf(&b, "%d:%q", n, s.Body.Text.Raw())
		if s.Edited {
			b.WriteString(" edited")
		}
		if s.Deleted {
			b.WriteString(" deleted")
		}
		for _, r := range s.Reactions {
			fmt.Fprintf(&b, " %s", r.Text)
			for _, p := range r.By {
				fmt.Fprintf(&b, " %d", slices.Index([]chat.PeerID{peerID(0), peerID(1), peerID(2), peerID(3)}, p))
			}
		}
		b.WriteString("; ")
	}
	if p, ok := tl.Topic(); ok {
		fmt.Fprintf(&b, "topic %q", p.Body.Text.Raw())
	}
	return strings.TrimSuffix(b.String(), "; ")
}

func TestTimeline(t *testing.T) {
	const (
		text, action, reply, edit, del, react, topic = chat.KindText, chat.KindAction, chat.KindReply, chat.KindEdit, chat.KindDelete, chat.KindReaction, chat.KindTopic
	)
	at := func(time chat.Time, p chat.Post) chat.Post { p.Time = time; return p }
	hello := post(1, 1, text, 0, "hello")
	for _, c := range []struct {
		name  string
		posts []chat.Post
		want  string
	}{
		{"nothing", nil, ``},
		{"a message", []chat.Post{hello}, `1:"hello"`},
		{"an edit", []chat.Post{hello, post(2, 1, edit, 1, "hullo")}, `1:"hullo" edited`},
		{"two edits", []chat.Post{hello, post(2, 1, edit, 1, "a"), post(3, 1, edit, 1, "b")}, `1:"b" edited`},
		{"two edits of one time", []chat.Post{hello, at(9, post(3, 1, edit, 1, "b")), at(9, post(2, 1, edit, 1, "a"))}, `1:"b" edited`},
		{"an edit by another", []chat.Post{hello, post(2, 2, edit, 1, "I owe bob")}, `1:"hello"`},
		{"a later edit by another", []chat.Post{hello, post(2, 1, edit, 1, "mine"), post(3, 2, edit, 1, "not")}, `1:"mine" edited`},
		{"an edit of an edit", []chat.Post{hello, post(2, 1, edit, 1, "a"), post(3, 1, edit, 2, "b")}, `1:"a" edited`},
		{"an edit of a reply", []chat.Post{hello, post(2, 2, reply, 1, "yes"), post(3, 2, edit, 2, "no")}, `1:"hello"; 2:"no" edited`},
		{"a deletion", []chat.Post{hello, post(2, 1, del, 1, "")}, `1:"" deleted`},
		{"a deletion by another", []chat.Post{hello, post(2, 2, del, 1, "")}, `1:"hello"`},
		{"a deletion of a deletion", []chat.Post{hello, post(2, 1, del, 1, ""), post(3, 1, del, 2, "")}, `1:"" deleted`},
		{"a deletion, and an older edit", []chat.Post{hello, post(3, 1, del, 1, ""), post(2, 1, edit, 1, "x")}, `1:"" deleted`},
		{"a deletion, and a newer edit", []chat.Post{hello, post(2, 1, del, 1, ""), post(3, 1, edit, 1, "x")}, `1:"x" edited`},
		{"an edit of what is not here", []chat.Post{post(2, 1, edit, 1, "x")}, ``},
		{"a deletion of what is not here", []chat.Post{post(2, 2, del, 1, ""), post(3, 1, del, 1, "")}, ``},
		{"reactions", []chat.Post{hello, post(2, 2, react, 1, "a"), post(3, 3, react, 1, "b"), post(4, 1, react, 1, "a")}, `1:"hello" a 2 1 b 3`},
		{"a reaction taken back", []chat.Post{hello, post(2, 2, react, 1, "a"), post(3, 2, react, 1, "")}, `1:"hello"`},
		{"another reaction", []chat.Post{hello, post(2, 2, react, 1, "a"), post(3, 3, react, 1, "b"), post(4, 2, react, 1, "b")}, `1:"hello" b 3 2`},
		{"a reaction to a deleted one", []chat.Post{hello, post(2, 1, del, 1, ""), post(3, 2, react, 1, "a")}, `1:"" deleted`},
		{"a reaction to an edit", []chat.Post{hello, post(2, 1, edit, 1, "x"), post(3, 2, react, 2, "a")}, `1:"x" edited`},
		{"a topic", []chat.Post{post(1, 1, topic, 0, "a"), post(2, 2, topic, 0, "b")}, `topic "b"`},
		{"a topic of one time", []chat.Post{at(9, post(1, 1, topic, 0, "a")), at(9, post(2, 2, topic, 0, "b"))}, `topic "b"`},
		{"a topic cleared", []chat.Post{post(1, 1, topic, 0, "a"), post(2, 2, topic, 0, "")}, ``},
		{"a topic edited", []chat.Post{post(1, 1, topic, 0, "a"), post(2, 1, edit, 1, "b"), post(3, 1, del, 1, "")}, `topic "a"`},
		{"an action edited", []chat.Post{post(1, 1, action, 0, "waves"), post(2, 1, edit, 1, "nods")}, `1:"nods" edited`},
	} {
		if got := timeline(c.posts); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		slices.Reverse(c.posts)
		if got := timeline(c.posts); got != c.want {
			t.Errorf("%s, backwards: %s, want %s", c.name, got, c.want)
		}
	}
}

// A message of a kind not known is shown as it is, whatever is said about it.
func TestTimelineLeavesNewKindsAlone(t *testing.T) {
	var tl chat.Timeline
	file := chat.Post{Place: chat.Place{Time: 1, ID: chat.MessageID{1}}, Author: peerID(1), Body: chat.Body{Kind: 99, Data: []byte("x")}}
	for _, p := range []chat.Post{post(2, 1, chat.KindDelete, 1, ""), post(5, 3, chat.KindReaction, 1, "z"), file, post(3, 1, chat.KindEdit, 1, "y"), post(4, 2, chat.KindReaction, 1, "z")} {
		tl.Add(p)
	}
	if s, ok := tl.Shown(file.ID); !ok || !reflect.DeepEqual(s, chat.Shown{Post: file}) {
		t.Errorf("shown as %+v, %v", s, ok)
	}
}

// anyPost draws messages that are often about each other, at times that often
// are the same. Message IDs are unique, as hashes are.
func anyPosts() *rapid.Generator[[]chat.Post] {
	return rapid.Custom(func(t *rapid.T) (all []chat.Post) {
		for n := range byte(rapid.IntRange(0, 15).Draw(t, "messages")) {
			kind := chat.Kind(rapid.IntRange(1, 8).Draw(t, "kind"))
			text := rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "text")
			p := post(n+1, rapid.Byte().Draw(t, "author")%4, kind, rapid.ByteRange(1, 15).Draw(t, "target"), text)
			p.Time = chat.Time(rapid.IntRange(1, 5).Draw(t, "time"))
			all = append(all, p)
		}
		return all
	})
}

// In whatever order messages come, and however often, all screens are the same.
func TestTimelineDoesNotDependOnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		posts := anyPosts().Draw(t, "posts")
		shuffled := rapid.Permutation(posts).Draw(t, "shuffled")
		again := append(slices.Clone(shuffled), posts...)
		want := timeline(posts)
		if got := timeline(shuffled); got != want {
			t.Fatalf("%s\nand in another order\n%s", want, got)
		}
		if got := timeline(again); got != want {
			t.Fatalf("%s\nand, some added twice,\n%s", want, got)
		}
		if got := byTheBook(posts); got != want {
			t.Fatalf("%s\nand by PROTOCOL.md\n%s", want, got)
		}
	})
}

// byTheBook reads PROTOCOL.md, section 4, literally: for each message it looks
// through all others, newest first.
func byTheBook(posts []chat.Post) string {
	newestFirst := slices.Clone(posts)
	slices.SortFunc(newestFirst, func(a, b chat.Post) int { return b.Compare(a.Place) })
	var out []string
	for _, m := range posts {
		if !m.Body.Kind.IsText() {
			continue
		}
		text, state := m.Body.Text, ""
		for _, e := range newestFirst {
			if e.Body.Target == m.ID && e.Author == m.Author && (e.Body.Kind == chat.KindEdit || e.Body.Kind == chat.KindDelete) {
				text, state = e.Body.Text, map[chat.Kind]string{chat.KindEdit: " edited", chat.KindDelete: " deleted"}[e.Body.Kind]
				break
			}
		}
		var left []chat.Post // the newest reaction of each, newest first
		for _, r := range newestFirst {
			if r.Body.Kind == chat.KindReaction && r.Body.Target == m.ID &&
				!slices.ContainsFunc(left, func(o chat.Post) bool { return o.Author == r.Author }) {
				left = append(left, r)
			}
		}
		slices.Reverse(left)
		var texts []string
		for _, r := range left {
			if s := r.Body.Text.Raw(); s != "" && !slices.Contains(texts, s) {
				texts = append(texts, s)
			}
		}
		for _, s := range texts {
			if state == " deleted" {
				break
			}
			state += " " + s
			for _, r := range left {
				if r.Body.Text.Raw() == s {
					state += fmt.Sprint(" ", slices.Index([]chat.PeerID{peerID(0), peerID(1), peerID(2), peerID(3)}, r.Author))
				}
			}
		}
		out = append(out, fmt.Sprintf("%d:%q%s", m.ID[0], text.Raw(), state))
	}
	for _, p := range newestFirst {
		if p.Body.Kind == chat.KindTopic {
			if !p.Body.Text.Empty() {
				out = append(out, fmt.Sprintf("topic %q", p.Body.Text.Raw()))
			}
			break
		}
	}
	return strings.Join(out, "; ")
}

// Strangers may say as much as they like about one message, or about none: each
// word costs one entry, and to show a message only those about it are looked at.
func BenchmarkTimeline(b *testing.B) {
	authors := make([]chat.PeerID, 50)
	for i := range authors {
		authors[i] = peerID(byte(i))
	}
	posts := make([]chat.Post, 10_000)
	for i := range posts {
		kind, target := chat.Kind(1+i%7), chat.MessageID{byte(i / 7), byte(i / 7 >> 8), 1}
		posts[i] = chat.Post{
			Place:  chat.Place{Time: chat.Time(i), ID: chat.MessageID{byte(i), byte(i >> 8), 0xff}},
			Author: authors[i%len(authors)], Body: chat.Body{Kind: kind, Target: target, Text: mustText("x")},
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		var tl chat.Timeline
		for _, p := range posts {
			tl.Add(p)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(posts)), "ns/message")
}
