package netlab

import (
	"strings"
	"testing"
	"time"
)

// TestOneShotEnds: a message from a pipe, behind a router that cannot be passed, to
// somebody behind another: when it is held the program ends, at once and in peace.
func TestOneShotEnds(t *testing.T) {
	t.Parallel()
	lab := New(t)
	lab.Path(Link{Delay: 25 * time.Millisecond})
	seed := lab.Public("seed").Seed()
	alice := lab.Home("home-a", Symmetric).Host("alice").Join("lobby", Via(seed))
	alice.WaitReady()
	bob := lab.Home("home-b", Symmetric).Host("bob").Person(Via(seed))
	for _, c := range []struct {
		name, text string
		args       []string
	}{
		{"room", "hello room", []string{"join", "lobby", "--json"}},
		{"private", "hello alice", []string{"dial", alice.PeerID(), "--json"}},
	} {
		bob.Start(c.args...)
		code, over := pipe(bob, c.text)
		held, ok := bob.Find(func(e Event) bool { return e.Type == "delivery" && e.Run == bob.runs && e.State == "held" })
		if !ok || code != 0 {
			t.Fatalf("%s: exit code %d, held: %t", c.name, code, ok)
		}
		lab.Figure(c.name+": one message, from start to end", over.Sub(bob.Started()), 3*time.Second)
		lab.Figure(c.name+": end after the message is held", over.Sub(held.At), time.Second/3)
	}
	alice.WaitMessage("hello room", 5*time.Second)
	alice.WaitMessage("hello alice", 5*time.Second)
}

// pipe is echo TEXT | p2pchat: it says one thing, ends the node's input and waits for
// the program to end.
func pipe(n *Node, text string) (code int, over time.Time) {
	n.host.lab.t.Helper()
	n.Say(text)
	n.mu.Lock()
	p := n.proc
	n.mu.Unlock()
	n.host.lab.must(p.in.Close())
	select {
	case <-p.over:
		over = time.Now()
	case <-time.After(30 * time.Second):
		n.host.lab.t.Fatalf("%s did not end", n.name)
	}
	n.end(nil) // only forgets the process
	return p.cmd.ProcessState.ExitCode(), over
}

// TestPathIsSaid: a script is told whether a private talk goes through the seed or
// straight, and when that changes; a person is told only if it stays on the seed.
func TestPathIsSaid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		kind   NAT
		direct bool
	}{{"friendly", Friendly, true}, {"symmetric", Symmetric, false}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			lab := New(t)
			lab.Path(Link{Delay: 25 * time.Millisecond})
			seed := lab.Public("seed").Seed()
			alice := lab.Home("home-a", c.kind).Host("alice").Person(Via(seed))
			bob := lab.Home("home-b", c.kind).Host("bob").Person(Via(seed))
			alice.Dial(bob)
			bob.Start("dial", alice.PeerID(), "--follow", "--wait", "1m") // a person's
			by := func(path string) func(Event) bool {
				return func(e Event) bool {
					return e.Conversation == bob.PeerID() && IsMember(bob.PeerID())(e) && strings.Contains(e.Raw, `"path":"`+path)
				}
			}
			if c.direct {
				alice.WaitEvent("a direct path", 30*time.Second, by("direct"))
				return
			}
			first := alice.WaitEvent("a relayed path", 30*time.Second, by("relayed"))
			if !strings.Contains(first.Raw, `"via":"`+seed.PeerID()) {
				t.Errorf("the seed is not named: %s", first.Raw)
			}
			bob.wait("the person is told of the seed", 30*time.Second, func() bool {
				return strings.Contains(strings.Join(bob.stderr, "\n"), "through the seed ~"+seed.PeerID()[len(seed.PeerID())-6:]+", not directly so far")
			})
		})
	}
}
