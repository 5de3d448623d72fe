package line

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

func TestCommands(t *testing.T) {
	fake(t, func(t *testing.T) {
		node := newFake()
		bob, carol := peerN(1), peerN(2)
		s := begin(t, node, Config{Name: nick("alice")})
		s.write("/who")
		node.members = []chat.Member{{Peer: bob, Nick: nick("bob"), Online: true}, {Peer: carol, Nick: nick("carol")}}
		s.write("/who")
		node.members = []chat.Member{{Peer: bob, Nick: nick("bob"), Online: true}, {Peer: carol, Online: true, Path: chat.PathRelayed}}
		s.write("/who", "/nick Alicia", "/nick \u202e", "/nonsense", "/help")
		node.rename = errors.New("disk full")
		s.write("/nick Ally")
		// Nobody may take the new name either.
		node.happen(chat.Member{Conversation: lobby(), Peer: bob, Nick: nick("A1icia"), Online: true})
		s.write("exit")
		s.ended(Result{Rejected: 3, Connected: true}, nil)
		want := "p2pchat: nobody else is here\n" +
			"p2pchat: 1 other is here:\np2pchat:   bob (" + bob.String() + ")\n" +
			"p2pchat: 2 others are here:\np2pchat:   bob (" + bob.String() + ")\np2pchat:   ~" + carol.Short() + " (" + carol.String() + ") (relayed)\n" +
			"p2pchat: you are now called Alicia\n" +
			"p2pchat: line 5 was not sent: not a usable name: it needs visible characters, and only such\n" +
			"p2pchat: line 6 was not sent: unknown command /nonsense (hint: /help lists the commands; a second slash before it sends it as text)\n" +
			"p2pchat: " + strings.Join(help(), "\np2pchat: ") + "\n" +
			"p2pchat: line 8 was not sent: disk full\n" +
			"p2pchat: A1icia~" + bob.Short() + " is here (" + bob.String() + ")\n"
		if s.errs.String() != want {
			t.Errorf("stderr:\n%swant:\n%s", s.errs, want)
		}
		if s.out.String() != "" || node.heard() != "" {
			t.Errorf("stdout is %q, said was %q", s.out, node.heard())
		}
	})
}

// In JSON, answers to the input come at once, among the events.
func TestCommandsInJSON(t *testing.T) {
	fake(t, func(t *testing.T) {
		node := newFake()
		node.members = []chat.Member{{Conversation: lobby(), Peer: peerN(1), Nick: nick("bob"), Online: true}}
		s := begin(t, node, Config{JSON: true})
		node.happen(chat.Ready{Peer: peerN(0)})
		synctest.Wait()
		s.write("/who", "{}", `{"text":"/who"}`)
		want := string(object(chat.Ready{Peer: peerN(0)})) + string(object(node.members[0])) +
			`{"type":"rejected","line":2,"reason":"not a message object: it needs a \"text\" that is not empty"}` + "\n"
		if s.out.String() != want {
			t.Errorf("stdout:\n%swant:\n%s", s.out, want)
		}
		s.in.Close()
		s.ended(Result{Said: 1, Rejected: 1}, nil)
	})
}

func TestNet(t *testing.T) {
	fake(t, func(t *testing.T) {
		node := newFake()
		s := begin(t, node, Config{})
		s.write("/net", "exit")
		s.ended(Result{}, nil)
		lines, _ := node.Net(t.Context(), false)
		want := "p2pchat: " + lines[0] + "\np2pchat: " + lines[1] + "\np2pchat: [31meve direct\n"
		if s.errs.String() != want || s.out.String() != "" {
			t.Errorf("stderr is %q, want %q; stdout is %q", s.errs, want, s.out)
		}

		s = begin(t, node, Config{JSON: true})
		s.write("/net")
		lines, _ = node.Net(t.Context(), true)
		if want := strings.Join(lines, "\n") + "\n"; s.out.String() != want {
			t.Errorf("stdout is %q, want %q", s.out, want)
		}
		s.write("exit")
		s.ended(Result{}, nil)
	})
}

func TestWaitingIsToldOnce(t *testing.T) {
	fake(t, func(t *testing.T) {
		node := newFake()
		s := begin(t, node, Config{})
		node.happen(queued(1), sent(1)) // at once: nothing to tell
		s.goesOn(queuedFor + time.Second)
		node.happen(queued(2), queued(3))
		s.goesOn(queuedFor - time.Millisecond)
		if s.errs.String() != "" {
			t.Fatalf("told too early: %q", s.errs)
		}
		s.goesOn(time.Millisecond)
		want := "p2pchat: 2 messages wait for somebody to come, and then go out by themselves\n"
		if s.errs.String() != want {
			t.Fatalf("stderr is %q, want %q", s.errs, want)
		}
		node.happen(queued(4))
		s.goesOn(time.Hour)
		node.happen(sent(2), sent(3))
		s.goesOn(time.Hour)
		if s.errs.String() != want {
			t.Fatalf("told again: %q", s.errs)
		}
		node.happen(sent(4))
		synctest.Wait()
		want += "p2pchat: what waited has gone out\n"
		node.happen(queued(5))
		s.goesOn(queuedFor)
		want += "p2pchat: 1 message waits for somebody to come, and then goes out by itself\n"
		if s.errs.String() != want {
			t.Fatalf("stderr is %q, want %q", s.errs, want)
		}
		s.stop()
		s.ended(Result{}, context.Canceled)
	})
}

// A message is shown without its author's nick rather than late.
func TestHeldMessageIsShown(t *testing.T) {
	fake(t, func(t *testing.T) {
		node := newFake()
		s := begin(t, node, Config{})
		node.happen(chat.Message{Conversation: lobby(), Author: peerN(1), Time: noon(), Kind: chat.KindText, Text: nick("x")})
		s.goesOn(nickFor - time.Millisecond)
		if s.out.String() != "" {
			t.Fatalf("shown without waiting for a nick: %q", s.out)
		}
		s.goesOn(time.Millisecond)
		if want := "12:00 ~" + peerN(1).Short() + " | x\n"; s.out.String() != want {
			t.Fatalf("stdout is %q, want %q", s.out, want)
		}
		node.happen(chat.Message{Conversation: lobby(), Author: peerN(2), Time: noon(), Kind: chat.KindText, Text: nick("last")})
		s.in.Close() // the end waits for no nick
		s.ended(Result{}, nil)
		if !strings.HasSuffix(s.out.String(), "| last\n") {
			t.Fatalf("stdout is %q", s.out)
		}
	})
}
