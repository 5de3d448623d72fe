package line

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

func TestPick(t *testing.T) {
	t.Parallel()
	r := newRecall()
	if _, err := r.pick("", false); err == nil || !strings.HasPrefix(err.Error(), "no message of anybody has been shown here (hint: ") {
		t.Errorf("of nothing: %v", err)
	}
	id := func(s string) (id chat.MessageID) {
		if err := id.UnmarshalText([]byte(s + strings.Repeat("0", 64-len(s)))); err != nil {
			t.Fatal(err)
		}
		return id
	}
	for i, s := range []string{"aaaaaa1", "aaaaaa2", "bbbbbb", "cccccc"} { // bob's, mine, carol's, mine
		m := script(byte(i), []byte{1, 0, 2, 0}[i], chat.KindText, 0, "x")
		m.ID = id(s)
		if r.note(m); i == 0 {
			// Before anybody else has spoken, one's own can be answered.
			own := newRecall()
			m.Mine = true
			own.note(m)
			if got, err := own.pick("", false); err != nil || got != m.ID {
				t.Errorf("one's own alone: %s, %v", got, err)
			}
		}
	}
	other := strings.Repeat("d", 64)
	for _, c := range []struct {
		ref  string
		own  bool
		want string // first digits of an ID, or of an error
	}{
		{"", false, "bbbbbb"},
		{"", true, "cccccc"},
		{"#1", false, "bbbbbb"},
		{"#2", false, "aaaaaa1"},
		{"#2", true, "aaaaaa2"},
		{"#3", true, "there is no #3: 2 messages of yours are remembered (hint: "},
		{"#3", false, "there is no #3: 2 messages of others are remembered (hint: "},
		{"#0", true, "there is no #0"},
		{"#99999999999999999999999", true, "there is no #"},
		{"bbbbbb", false, "bbbbbb"},
		{"CCCCCC00", false, "cccccc"},
		{"aaaaaa", false, "the IDs of 2 messages begin with aaaaaa (hint: "},
		{"aaaaaa1", false, "aaaaaa1"},
		{"aaaaaa1", true, "message aaaaaa1 is not yours"},
		{"bbbbbb" + strings.Repeat("0", 58), true, "message bbbbbb"},
		{"dddddd", false, "no message shown here has an ID that begins with dddddd (hint: "},
		{other, true, "dddddd"},
		{other, false, "dddddd"},
	} {
		got, err := r.pick(c.ref, c.own)
		s := got.String()
		if err != nil {
			s = err.Error()
		}
		if !strings.HasPrefix(s, c.want) {
			t.Errorf("pick(%.20q, %v) = %s, want %s", c.ref, c.own, s, c.want)
		}
	}
	// What is deleted is not the last any more.
	del := script(9, 0, chat.KindDelete, 0, "")
	del.Target = id("cccccc")
	r.note(del)
	if got, err := r.pick("", true); err != nil || got != id("aaaaaa2") {
		t.Errorf("after the last was deleted: %s, %v", got, err)
	}
}

func TestIsRef(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]bool{
		"": false, "#": false, "#1": true, "#12": true, "#1a": false, "#-1": false, "##1": false,
		"01abc": false, "01abcd": true, "facade": true, "Facade": true, "01abcg": false,
		strings.Repeat("0", 64): true, strings.Repeat("0", 65): false,
	} {
		if isRef(word) != want {
			t.Errorf("isRef(%q) is %v", word, !want)
		}
	}
}

// Whatever others write, no more is remembered than the limits say.
func TestRecallIsBounded(t *testing.T) {
	t.Parallel()
	number := func(n int) (id chat.MessageID) {
		binary.BigEndian.PutUint64(id[:], uint64(n)+1)
		return id
	}
	long := nick(strings.Repeat("\x1b", chat.MaxText-32))
	r := newRecall()
	for n := range 2 * maxEarly {
		r.note(chat.Message{ID: number(n), Author: peerN(1), Kind: chat.KindText, Text: long})
		edit := chat.Message{ID: number(1e6 + n), Author: peerN(1), Kind: chat.KindEdit, Target: number(2e6 + n), Text: nick("x")}
		if n%2 == 0 {
			edit.Text = long
		}
		r.note(edit)
		if len(r.known) > maxRecalled || len(r.order) != len(r.known) {
			t.Fatalf("%d messages are remembered, %d in order", len(r.known), len(r.order))
		}
		if len(r.early) > maxEarly || len(r.queue) != len(r.early) || r.bytes > maxEarlyBytes {
			t.Fatalf("%d edits of %d bytes are remembered, %d in order", len(r.early), r.bytes, len(r.queue))
		}
	}
	for n := range 2 * maxEarly {
		r.note(chat.Message{ID: number(3e6 + n), Author: peerN(1), Kind: chat.KindDelete, Target: number(4e6 + n)})
	}
	if len(r.early) != maxEarly || r.bytes != 0 {
		t.Errorf("%d deletions of %d bytes are remembered, want %d of none", len(r.early), r.bytes, maxEarly)
	}
	// The newest ones are.
	if got := r.note(chat.Message{ID: number(4e6 + 2*maxEarly - 1), Author: peerN(1), Kind: chat.KindText, Text: long}); !got.message.Deleted {
		t.Error("the last deletion is forgotten")
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"hello":                           `"hello"`,
		" two\nlines ":                    `"two lines"`,
		`say "hi"`:                        `"say 'hi'"`,
		"\x1b[2J\u202e":                   `"[2J"`,
		strings.Repeat("é", quoteLength):  `"` + strings.Repeat("é", quoteLength) + `"`,
		strings.Repeat("é", 2_000):        `"` + strings.Repeat("é", quoteLength) + `…"`,
		strings.Repeat("\u200b", 2_000):   `"…"`,
		strings.Repeat("👨\u200d👩", 2_000): `"` + strings.Repeat("👨\u200d👩", quoteLength/3) + `👨…"`,
	} {
		got := quote(nick(in))
		if mustBeSafe(t, got); got != want {
			t.Errorf("%.20q is quoted as %s, want %s", in, got, want)
		}
	}
}

// takes makes a node that tells of each message as soon as it is said.
func takes() *fakeNode {
	node := newFake()
	node.say = func(_ context.Context, d chat.Draft) error {
		time.AfterFunc(50*time.Millisecond, func() { // it is stored first
			n, err := strconv.ParseUint(d.Key, 10, 8)
			if err != nil {
				panic(err)
			}
			m := chat.Message{
				Conversation: lobby(), ID: idOf(byte(n)), Author: peerN(0), Mine: true, Key: d.Key, Time: time.Now(),
				Kind: d.Body.Kind, Target: d.Body.Target, Text: d.Body.Text,
			}
			node.happen(m)
		})
		return nil
	}
	return node
}

// bodies lists what was said, in words.
func (f *fakeNode) bodies() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, d := range f.sent {
		target := ""
		if d.Body.Kind.HasTarget() {
			target = fmt.Sprintf(" %x", d.Body.Target[0])
		}
		out = append(out, fmt.Sprintf("%s:%d%s %s", d.Key, d.Body.Kind, target, d.Body.Text))
	}
	return strings.Join(out, "\n")
}

func TestCommandsAboutMessages(t *testing.T) {
	fake(t, func(t *testing.T) {
		node := takes()
		s := begin(t, node, Config{})
		for i, text := range []string{"first", "second"} {
			node.happen(script(byte(0xb0+i), 1, chat.KindText, 0, text))
		}
		synctest.Wait()
		s.write("mine", "/reply yes", "/reply #2 no", "/react 👍", "/react #2 -", "/edit better", "/edit #2 worse", "/del", "/topic what we do", "/topic")
		time.Sleep(time.Second)
		synctest.Wait()
		want := "1:1 mine\n2:3 b1 yes\n3:3 b0 no\n4:6 b1 👍\n5:6 b0 \n6:4 3 better\n7:4 2 worse\n8:5 3 \n9:7 what we do"
		if got := node.bodies(); got != want {
			t.Errorf("said was\n%s\nwant\n%s", got, want)
		}
		s.write("/reply facade it is", "/edit b10000 x", "/del #9")
		time.Sleep(time.Second)
		s.write("exit")
		s.ended(Result{Said: 9, Rejected: 3}, nil)
		for _, want := range []string{
			"p2pchat: edited \"no\"\n", "p2pchat: deleted \"better\"\n",
			"p2pchat: the topic is: what we do (set by ",
			"p2pchat: line 11 was not sent: no message shown here has an ID that begins with facade (hint: ",
			"p2pchat: line 12 was not sent: no message shown here has an ID that begins with b10000 (hint: ",
			"p2pchat: line 13 was not sent: there is no #9: 2 messages of yours are remembered (hint: ",
		} {
			if !strings.Contains(s.errs.String(), want) {
				t.Errorf("stderr lacks %q:\n%s", want, s.errs)
			}
		}
	})
}

// A program names messages by their IDs, also such as were never shown here.
func TestObjectsAboutMessages(t *testing.T) {
	fake(t, func(t *testing.T) {
		node := takes()
		s := begin(t, node, Config{JSON: true})
		node.happen(script(0xb0, 1, chat.KindText, 0, "hello"))
		synctest.Wait()
		far := strings.Repeat("ee", 32)
		s.write(
			`{"text":"a","reply_to":"`+idOf(0xb0).String()+`"}`, `{"edit":"`+far+`","text":"b"}`, `{"delete":"`+far+`"}`,
			`{"react":"b0ab00","text":"c"}`, `{"topic":"d"}`, `{"delete":"`+idOf(0xb0).String()+`"}`, "/del", "/topic",
		)
		time.Sleep(time.Second)
		s.write("exit")
		s.ended(Result{Said: 6, Rejected: 1}, nil)
		if got, want := node.bodies(), "1:3 b0 a\n2:4 ee b\n3:5 ee \n4:6 b0 c\n5:7 d\n7:5 1 "; got != want {
			t.Errorf("said was\n%s\nwant\n%s", got, want)
		}
		for _, want := range []string{
			`{"type":"rejected","line":6,"reason":"message b0ab00`, `"kind":"reply","reply_to":"b0ab00`, `"text":"d","mine":true,"kind":"topic"}` + "\n",
		} {
			if !strings.Contains(s.out.String(), want) {
				t.Errorf("stdout lacks %q:\n%s", want, s.out)
			}
		}
		if got := strings.Count(s.out.String(), `"kind":"topic"`); got != 2 { // as an event, and as the answer to /topic
			t.Errorf("the topic is printed %d times", got)
		}
	})
}

// What was just said can be changed at once, and what the node refused was told.
func TestRefusedDrafts(t *testing.T) {
	fake(t, func(t *testing.T) {
		node := newFake()
		s := begin(t, node, Config{Wait: time.Second})
		s.write("one", "two")
		node.happen(
			chat.Refused{Conversation: lobby(), Key: "1", Reason: "the disk is full"},
			chat.Refused{Conversation: lobby(), Key: "2", Reason: "the disk is full\x1b"},
			chat.Refused{Conversation: chat.InRoom("other"), Key: "9", Reason: "x"},
		)
		synctest.Wait()
		s.write("/del") // both have had their answer: nothing to wait for
		if want := "p2pchat: line 1 was not sent: the disk is full\np2pchat: line 2 was not sent: the disk is full\n" +
			"p2pchat: line 3 was not sent: no message of yours has been shown here (hint: p2pchat history --json shows IDs)\n"; s.errs.String() != want {
			t.Errorf("stderr is %q, want %q", s.errs, want)
		}
		s.write("three", "/edit it", "/topic", "four") // of which there is no answer
		s.goesOn(time.Second - time.Millisecond)
		time.Sleep(time.Second + time.Millisecond)
		synctest.Wait()
		if want := "line 5 was not sent: what was said before it is not stored yet (hint: try again)\n"; !strings.Contains(s.errs.String(), want) {
			t.Errorf("stderr is %q, want %q", s.errs, want)
		}
		s.in.Close()
		s.ended(Result{Said: 4, Rejected: 4}, nil)
		if got := node.heard(); got != "one|two|three|four" {
			t.Errorf("said was %q", got)
		}
	})
}

// The node may know an older topic than the screen has seen.
func TestTopicOfTheNode(t *testing.T) {
	fake(t, func(t *testing.T) {
		for _, c := range []struct {
			topic chat.Message
			err   error
			want  string
		}{
			{topic: script(1, 1, chat.KindTopic, 0, "what\nwe do"), want: strings.Repeat("p2pchat: the topic is: what we do (set by bob)\n", 2)}, // at the start, too
			{want: "p2pchat: no topic is set (hint: /topic WORDS sets it)\n"},
			{err: chat.ErrNotFound, want: "p2pchat: line 1 was not sent: not found\n"},
		} {
			s := begin(t, newFake(), Config{Topic: func(context.Context, chat.Conversation) (chat.Message, error) { return c.topic, c.err }})
			s.write("/topic")
			s.in.Close()
			synctest.Wait()
			if s.errs.String() != c.want {
				t.Errorf("stderr is %q, want %q", s.errs, c.want)
			}
		}
	})
}
