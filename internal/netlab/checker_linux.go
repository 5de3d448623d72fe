package netlab

import (
	"bufio"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// checkWithin is when the logs of all members must have become equal.
const checkWithin = 30 * time.Second

// History is what the node's folder holds of a conversation (a room, a peer ID), in
// order, all of it; also while the node runs.
func (n *Node) History(conversation string) []Event {
	n.host.lab.t.Helper()
	out, _, code := n.Run("export", conversation, "--json")
	if code != 0 {
		return nil // nothing was said yet
	}
	var all []Event
	lines := bufio.NewScanner(strings.NewReader(out))
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if e, ok := readEvent(lines.Bytes()); ok && e.Type == "message" {
			all = append(all, e)
		}
	}
	return all
}

// Check waits until the logs of a room are equal in all nodes and hold all that any
// of them has accepted, and checks that nobody was shown anything twice. It returns
// how long that took.
func (l *Lab) Check(room string, nodes ...*Node) time.Duration {
	l.t.Helper()
	return l.check(nodes, func(*Node) string { return room })
}

// CheckPrivate is Check for a private conversation.
func (l *Lab) CheckPrivate(a, b *Node) time.Duration {
	l.t.Helper()
	return l.check([]*Node{a, b}, func(n *Node) string {
		if n == a {
			return b.id
		}
		return a.id
	})
}

func (l *Lab) check(nodes []*Node, conversation func(*Node) string) time.Duration {
	l.t.Helper()
	start := time.Now()
	for {
		logs := make([][]Event, len(nodes))
		accepted := make(map[string]string)
		for _, n := range nodes {
			for _, e := range n.Events() {
				if e.Type == "message" && e.Mine && e.Conversation == conversation(n) {
					accepted[e.ID] = e.Text
				}
			}
		}
		for i, n := range nodes {
			logs[i] = n.History(conversation(n))
		}
		err := judge(nodes, logs, accepted)
		if err == nil {
			break
		}
		if time.Since(start) > checkWithin {
			l.t.Errorf("not within %s: %v", checkWithin, err)
			break
		}
		time.Sleep(pollEvery)
	}
	for _, n := range nodes {
		if err := shownTwice(n.Events()); err != nil {
			l.t.Errorf("%s: %v", n.name, err)
		}
	}
	return time.Since(start)
}

// judge says what is wrong with the logs, if anything is. Something is accepted,
// or the conversation was not found, which must not pass for agreement.
func judge(nodes []*Node, logs [][]Event, accepted map[string]string) error {
	var errs []error
	if len(accepted) == 0 {
		errs = append(errs, errors.New("nobody has said anything"))
	}
	want := ids(logs[0])
	for i, log := range logs {
		have := ids(log)
		if !slices.Equal(have, want) {
			errs = append(errs, fmt.Errorf("%s has %d messages, %s %d, or in another order", nodes[0].name, len(want), nodes[i].name, len(have)))
		}
		held := make(map[string]bool, len(have))
		for _, id := range have {
			if held[id] {
				errs = append(errs, fmt.Errorf("%s holds %s twice", nodes[i].name, id))
			}
			held[id] = true
		}
		missing := 0
		example := ""
		for id, text := range accepted {
			if !held[id] {
				missing++
				example = text
			}
		}
		if missing > 0 {
			errs = append(errs, fmt.Errorf("%s lacks %d of %d accepted messages, as %q", nodes[i].name, missing, len(accepted), example))
		}
	}
	return errors.Join(errs...)
}

func ids(log []Event) []string {
	out := make([]string, 0, len(log))
	for _, e := range log {
		out = append(out, e.ID)
	}
	return out
}

// shownTwice says which message was shown more than once in one run.
func shownTwice(events []Event) error {
	type shown struct {
		run int
		id  string
	}
	seen := make(map[shown]bool)
	for _, e := range events {
		if e.Type != "message" {
			continue
		}
		key := shown{e.Run, e.ID}
		if seen[key] {
			return fmt.Errorf("%q was shown twice in run %d", e.Text, e.Run)
		}
		seen[key] = true
	}
	return nil
}

// WaitDirect waits until two nodes behind different edges talk straight to each
// other, told by what they say crossing the internet that way and not through a third
// place. For that it lets them say something every now and then, to the conversation
// they are in. It returns how long it took.
func (l *Lab) WaitDirect(what string, within time.Duration, a, b *Node) time.Duration {
	l.t.Helper()
	start := time.Now()
	for i := 0; ; i++ {
		before := l.Bytes(a.host, b.host)
		text := fmt.Sprintf("probe %d %s", i, strings.Repeat("x", probeSize))
		a.Say(text)
		b.WaitMessage(text, within)
		if l.Bytes(a.host, b.host)-before > probeSize {
			return time.Since(start)
		}
		if time.Since(start) > within {
			l.t.Fatalf("not within %s: %s", within, what)
		}
		time.Sleep(min(time.Duration(i+1)*5*pollEvery, time.Second))
	}
}

// probeSize is how many bytes of text tell the way that messages take from what else
// goes to and fro: identification, beacons, keepalives.
const probeSize = 4096

// StaysRelayed lets two nodes behind different edges talk for a while, each message
// of which must arrive, and checks that none went straight from one to the other.
func (l *Lab) StaysRelayed(during time.Duration, a, b *Node) {
	l.t.Helper()
	const within = 5 * time.Second
	for i, start := 0, time.Now(); time.Since(start) < during; i++ {
		before := l.Bytes(a.host, b.host)
		text := fmt.Sprintf("relayed %d %s", i, strings.Repeat("x", probeSize))
		a.Say(text)
		b.WaitMessage(text, within)
		if l.Bytes(a.host, b.host)-before > probeSize {
			l.t.Error("they talk straight to each other")
			return
		}
		time.Sleep(10 * pollEvery)
	}
}
