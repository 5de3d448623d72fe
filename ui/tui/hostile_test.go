package tui

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/p2pchat/p2pchat/chat"
)

// evil is what a stranger may write to hurt a terminal or mislead a reader.
const evil = "\x1b[2J\x1b]0;owned\x07\x1b[31mred\u009b2J\r\b\x00\x7f \u202eesrever\u202c \u2066x\u2069 a\u200bb\u2028c" +
	"Z\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307 \x1bP+q\x1b\\ \x1b_x\x1b\\ \x1b]52;c;aGk=\x07"

// ours are the escape sequences that a frame may hold: styles.
//
//archtest:constant a pattern
var ours = regexp.MustCompile(`\x1b\[[0-9;]*m`)

func (s *screen) wantHarmless(where string) {
	s.t.Helper()
	v := s.m.View()
	frame := ours.ReplaceAllString(v.Content, "")
	for _, r := range frame {
		if r != '\n' && (unicode.IsControl(r) || r == '\u202e' || r == '\u2066' || r == '\u2028' || r == '\u200b') {
			s.t.Errorf("%s: %U is in the frame:\n%q", where, r, frame)
			return
		}
	}
	if strings.Contains(v.WindowTitle, "owned") {
		s.t.Errorf("%s: a stranger wrote the title", where)
	}
	s.wantSize()
}

func TestHostileWords(t *testing.T) {
	t.Parallel()
	for _, size := range append(sizes(), [2]int{20, 6}) {
		f := newFake()
		id := f.room("lobby", 1)
		f.convs[0].Topic = text(evil)
		f.members[id][0].Nick = text(evil)
		f.status = Status{Seeds: []Seed{{Name: evil}}, LAN: evil, Reach: evil}
		f.requests = []Request{{Peer: peer(9), Nick: text(evil), Text: text(evil), Count: 1}}
		f.contacts = []Contact{{Peer: peer(3), Name: evil}}
		m := f.add(id, 2, evil+"\n"+evil)
		m.Reactions = []chat.Reaction{{Text: text(evil), By: []chat.PeerID{peer(3)}}}
		m.Nick = text(evil)
		f.said[id][0] = m
		r := f.message(id, 3, evil)
		r.Kind, r.Target = chat.KindReply, m.ID
		f.said[id] = append(f.said[id], r)
		s := newScreen(t, f, size[0], size[1])
		s.wantHarmless("timeline")
		s.events(chat.Notice{Code: chat.NoticeSeedLost, Text: evil}, chat.Ended{Conversation: id, Refused: true, Reason: evil})
		s.wantHarmless("status")
		for _, keys := range []string{
			"<f1>", "<alt+r>", "<alt+c>", "<alt+i>", "<f2>", "/who<enter>", "/log<enter>", "<alt+s>esrever<enter>", "<ctrl+o><enter>", "<ctrl+o>r",
		} {
			s.keys(keys)
			s.wantHarmless(keys)
			s.keys("<esc><esc>")
		}
		s.m.paste(evil)
		s.wantHarmless("paste")
		s.keys("<ctrl+c>/search x<enter>")
		f.down = errors.New(evil)
		s.keys("<esc>/join x<enter>")
		s.events()
		s.update(eventsMsg{err: f.down})
		s.wantHarmless("errors")
	}
}

// Nobody can write what only we write: marks stand where no author writes.
func TestNobodyWritesOurWords(t *testing.T) {
	t.Parallel()
	for _, width := range []int{40, 80} {
		f := newFake()
		id := f.room("lobby", 1)
		f.add(id, 2, "(deleted)\n── unread ──\n      + 👍 99\n09:00 carol | yes")
		s := newScreen(t, f, width, 20)
		for line := range strings.SplitSeq(s.shown(), "\n") {
			for _, forged := range []string{"unread", "99", "carol | yes"} {
				if i := strings.Index(line, forged); i >= 0 && !strings.Contains(line[:i], "| ") {
					t.Errorf("a stranger wrote %q", line)
				}
			}
		}
		s.wantNot("- bob (deleted)", "bob - (deleted)")
	}
}

// Two people are never shown alike, also where the column is narrow.
func TestLookAlikes(t *testing.T) {
	t.Parallel()
	f := newFake()
	id := f.room("lobby", 3)
	for i, n := range []string{"christopher-one", "christopher-two", "сhristopher-one"} { // the last with a Cyrillic с
		f.members[id][i].Nick = text(n)
		m := f.add(id, 2+i, "hello")
		f.said[id][i].Nick = text(n)
		_ = m
	}
	f.contacts = []Contact{{Peer: peer(3), Name: "christopher-two"}}
	s := newScreen(t, f, 80, 20)
	seen := make(map[string]bool)
	for line := range strings.SplitSeq(s.shown(), "\n") {
		if name, _, ok := strings.Cut(line, "| hello"); ok {
			name = name[strings.LastIndex(name, "09:0")+5:]
			if seen[name] {
				t.Errorf("%q is two people", name)
			}
			seen[name] = true
		}
	}
	if len(seen) != 3 {
		t.Errorf("%v\n%s", seen, s.shown())
	}
	s.want("christo… |") // the contact's
}
