package line

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
)

// The node has other faces, and tells all of them everything.

// said is a message of a peer; 0 is our own node.
func said(id byte, conv chat.Conversation, by int, text string) chat.Message {
	name := [...]string{"alice", "bob", "carol"}[by]
	return chat.Message{
		Conversation: conv, ID: idOf(id), Author: peerN(by), Nick: nick(name), Time: noon().Add(time.Duration(id) * time.Second),
		Kind: chat.KindText, Text: nick(text), Mine: by == 0,
	}
}

// What other faces do in other conversations is not shown here, as text or as
// objects.
func TestOtherConversations(t *testing.T) {
	t.Parallel()
	den, bob := chat.InRoom("den"), chat.With(peerN(1))
	evs := []chat.Event{
		said(1, den, 1, "in the den"),
		said(2, den, 0, "me too"),
		chat.Member{Conversation: den, Peer: peerN(1), Nick: nick("bob"), Online: true},
		chat.Delivery{Conversation: den, ID: idOf(2), State: chat.Failed, Reason: "x"},
		chat.Refused{Conversation: den, Key: "1", Reason: "x"},
		chat.History{Conversation: den, Missing: 3},
		chat.Notice{Conversation: den, Code: chat.NoticeWaiting, Text: "nobody is in the den"},
		chat.Ended{Conversation: bob},
		said(3, bob, 0, "hi bob"),
		said(4, bob, 1, "hi alice"), // another face leads this talk
	}
	out, errs := played(t, Config{}, evs...)
	if out != "" || errs != "" {
		t.Errorf("stdout is %q, stderr %q", out, errs)
	}
	if out, errs = played(t, Config{JSON: true}, evs...); out != "" || errs != "" {
		t.Errorf("in JSON, stdout is %q, stderr %q", out, errs)
	}
	// What nobody here answers, and what concerns the node, is.
	evs = []chat.Event{
		said(4, bob, 1, "hi alice"),
		chat.Notice{Conversation: chat.With(peerN(2)), Code: chat.NoticeRequest, Text: "carol wrote"},
		chat.Notice{Code: chat.NoticeSeedLost, Text: "no seed"},
	}
	want := "p2pchat: in private: bob: hi alice\np2pchat: carol wrote\np2pchat: no seed\n"
	if _, errs := played(t, Config{}, evs...); errs != want {
		t.Errorf("stderr is %q, want %q", errs, want)
	}
	if out, _ := played(t, Config{JSON: true}, evs...); strings.Count(out, "\n") != 3 {
		t.Errorf("in JSON, stdout is %q", out)
	}
}

// What another face says is shown as what it is; what was typed here is not.
func TestOwnWordsOfOtherFaces(t *testing.T) {
	t.Parallel()
	here := said(2, lobby(), 0, "typed here")
	here.Key = "1"
	renamed := said(3, lobby(), 0, "typed there")
	renamed.Nick = nick("Alicia")
	out, _ := played(t, Config{Name: nick("alice")},
		said(1, lobby(), 0, "typed there"), here, renamed,
		with(said(4, lobby(), 1, "trick"), func(m *chat.Message) { m.Nick = nick("alicia") }))
	want := "12:00 alice | typed there\n12:00 Alicia | typed there\n12:00 alicia~" + peerN(1).Short() + " | trick\n"
	if out != want {
		t.Errorf("stdout is %q, want %q", out, want)
	}
	out, _ = played(t, Config{JSON: true}, said(1, lobby(), 0, "typed there"), here)
	if strings.Count(out, `"mine":true`) != 2 {
		t.Errorf("in JSON both are told: %q", out)
	}
}

// A message comes from the past, live, and again when the node is another one.
func TestNothingIsShownTwice(t *testing.T) {
	t.Parallel()
	old, edited := said(1, lobby(), 1, "one"), said(2, lobby(), 1, "two!")
	edited.Edited = true
	gone := said(3, lobby(), 1, "")
	gone.Deleted = true
	edit, del := said(5, lobby(), 1, "two!"), said(6, lobby(), 1, "")
	edit.Kind, edit.Target = chat.KindEdit, edited.ID
	del.Kind, del.Target = chat.KindDelete, gone.ID
	live := said(4, lobby(), 1, "four")
	out, _ := played(t, Config{Past: []chat.Message{old, edited, gone}}, old, live, edited, live, edit, del, live)
	want := "12:00 bob | one\n12:00 bob | two!\n      + edited\n12:00 bob | (deleted)\n12:00 bob | four\n"
	if out != want {
		t.Errorf("stdout is %q, want %q", out, want)
	}
	edit.ID, edit.Time, edit.Text = idOf(7), edit.Time.Add(time.Minute), nick("three")
	if out, _ = played(t, Config{Past: []chat.Message{edited}}, edit); !strings.HasSuffix(out, "(edited \"two!\") three\n") {
		t.Errorf("a new edit is shown as %q", out)
	}
	if out, _ = played(t, Config{JSON: true}, live, live); strings.Count(out, "\n") != 1 {
		t.Errorf("in JSON, stdout is %q", out)
	}
	if _, errs := played(t, Config{}, said(8, chat.With(peerN(1)), 1, "psst"), said(8, chat.With(peerN(1)), 1, "psst")); strings.Count(errs, "psst") != 1 {
		t.Errorf("stderr is %q", errs)
	}
}

func TestShownIsBounded(t *testing.T) {
	t.Parallel()
	s, e := newShown(noon()), edge{}
	id := func(i int) chat.MessageID { return chat.MessageID{byte(i), byte(i >> 8), byte(i >> 16), 1} }
	for i := range 3 * maxShown {
		if m := (chat.Message{ID: id(i), Time: noon()}); !s.first(m.ID) {
			t.Fatalf("message %d was shown", i)
		} else {
			e.note(m)
		}
		if s.first(id(i)) || s.first(id(max(0, i-maxShown+1))) {
			t.Fatalf("after message %d it is forgotten, or one of the last %d", i, maxShown)
		}
	}
	if len(s.ids) != maxShown || len(s.queue) != maxShown || len(e.recent) != recentShown {
		t.Errorf("%d IDs, a queue of %d and %d places are kept", len(s.ids), len(s.queue), len(e.recent))
	}
}

// Messages do not come in their order: what was missed is looked for behind the
// earliest of the last ones, but not behind those of the past.
func TestEdge(t *testing.T) {
	t.Parallel()
	var e edge
	if e.after() != (chat.MessageID{}) {
		t.Error("nothing was shown")
	}
	old := said(1, lobby(), 1, "")
	old.Old = true
	e.note(old)
	if e.after() != idOf(1) {
		t.Errorf("after the past: %s", e.after())
	}
	for _, id := range []byte{5, 3, 9} {
		e.note(said(id, lobby(), 1, ""))
	}
	if e.after() != idOf(3) {
		t.Errorf("after 5, 3, 9: %s", e.after())
	}
}

// A history is what Config.Page reads, in pages of two.
func page(all ...chat.Message) func(context.Context, chat.MessageID) ([]chat.Message, error) {
	return func(_ context.Context, after chat.MessageID) ([]chat.Message, error) {
		i := slices.IndexFunc(all, func(m chat.Message) bool { return m.ID == after }) + 1
		return all[i:min(i+2, len(all))], nil
	}
}

// missed is the notice of a face that was too slow.
func missed() chat.Event {
	return chat.Notice{Code: chat.NoticeMissed, Text: "9 events were not shown: this face was too slow for them"}
}

// now is a message that is said while the test runs.
func now(id byte, by int, text string) chat.Message {
	m := said(id, lobby(), by, text)
	m.Time = time.Now().Add(time.Duration(id) * time.Second)
	return m
}

func TestMissedIsShown(t *testing.T) {
	fake(t, func(t *testing.T) {
		var all []chat.Message
		for i, text := range []string{"zero", "one", "two", "three", "four", "five", "six"} {
			all = append(all, now(byte(i), 1, text))
		}
		early := all[0]
		early.ID, early.Time = idOf(99), time.Now().Add(-time.Hour) // of the time before this face
		node := newFake()
		s := begin(t, node, Config{Page: page(append([]chat.Message{early}, all...)...)})
		node.happen(all[1], all[2], missed(), all[5], all[6])
		synctest.Wait()
		got := lines(s.out.String())
		if want := []string{"one", "two", "three", "four", "five", "six"}; !slices.Equal(got, want) {
			t.Errorf("shown is %q, want %q", got, want)
		}
		if got := s.errs.String(); got != "p2pchat: 9 events were not shown: this face was too slow for them\n" {
			t.Errorf("stderr is %q", got)
		}

		// If nothing was shown before, what is older than the face is not missed.
		node = newFake()
		s = begin(t, node, Config{Page: page(early, all[1])})
		node.happen(missed())
		synctest.Wait()
		if got := lines(s.out.String()); !slices.Equal(got, []string{"one"}) {
			t.Errorf("shown is %q", got)
		}
	})
}

// lines are the texts of lines of messages.
func lines(out string) (texts []string) {
	for l := range strings.Lines(out) {
		_, text, _ := strings.Cut(l, "| ")
		texts = append(texts, strings.TrimSpace(text))
	}
	return texts
}

// What cannot be shown is told, and so is that the node is gone or back.
func TestMissedIsTold(t *testing.T) {
	t.Parallel()
	told := "p2pchat: 9 events were not shown: this face was too slow for them\np2pchat: "
	made := 0
	endless := func(context.Context, chat.MessageID) ([]chat.Message, error) {
		m := now(1, 1, "again")
		made++
		m.ID = chat.MessageID{byte(made), byte(made >> 8), 1}
		return []chat.Message{m}, nil
	}
	broken := func(context.Context, chat.MessageID) ([]chat.Message, error) { return nil, errors.New("disk \x1bfull") }
	for _, c := range []struct {
		page func(context.Context, chat.MessageID) ([]chat.Message, error)
		want string
	}{
		{nil, told + "some of what was said may not be shown (hint: p2pchat history shows what was said)\n"},
		{endless, told + "more was missed than is shown (hint: p2pchat history shows what was said)\n"},
		{broken, told + "what was missed cannot be shown: disk full (hint: p2pchat history shows what was said)\n"},
		{page(), told[:len(told)-len("p2pchat: ")]},
	} {
		if _, errs := played(t, Config{Page: c.page}, missed()); errs != c.want {
			t.Errorf("stderr is %q, want %q", errs, c.want)
		}
	}
	evs := []chat.Event{
		chat.Notice{Code: api.NoticeNodeLost, Text: "the node has ended; waiting for another"},
		chat.Notice{Code: api.NoticeNodeBack, Text: "there is a node again"},
	}
	want := "p2pchat: the node has ended; waiting for another\np2pchat: there is a node again\n"
	if _, errs := played(t, Config{}, evs...); errs != want {
		t.Errorf("stderr is %q, want %q", errs, want)
	}
	out, _ := played(t, Config{JSON: true, Page: page(now(1, 1, "here"))}, append(evs, missed())...)
	if got := strings.Count(out, `{"type":"notice","conversation":"","code":"node-`); got != 2 || !strings.Contains(out, `"code":"missed"`) || !strings.HasSuffix(out, `"text":"here","mine":false}`+"\n") {
		t.Errorf("in JSON: %q", out)
	}
}
