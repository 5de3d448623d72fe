package node

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/internal/testnet"
)

// A world is a network in memory and the people in it. Use it in a synctest
// bubble: time is fake, and whatever a test does not end fails it.
type world struct {
	t     *testing.T
	net   *testnet.Network
	seeds []peer.AddrInfo
	all   []*person
}

func newWorld(t *testing.T, latency time.Duration) *world {
	return &world{t: t, net: testnet.New(t, testnet.Config{Latency: latency})}
}

// A person runs a node and remembers everything its face would have shown.
type person struct {
	*Node
	t    *testing.T
	w    *world
	nick string
	key  crypto.PrivKey
	info peer.AddrInfo
	sub  *Subscription
	read context.CancelFunc
	over chan struct{}

	mu     sync.Mutex
	events []chat.Event
	at     []time.Time // when each event was shown
	said   int
}

// seed starts a seed that knows the seeds before it.
func (w *world) seed() *person {
	w.t.Helper()
	p := w.start(Config{Seed: true, Seeds: w.seeds})
	w.seeds = append(w.seeds, p.info)
	return p
}

// person starts an ordinary node that knows all seeds.
func (w *world) person(nick string) *person { return w.with(Config{Seeds: w.seeds}, nick) }

func (w *world) with(cfg Config, nick string) *person {
	w.t.Helper()
	name, err := chat.NewNick(nick)
	if err != nil {
		w.t.Fatal(err)
	}
	cfg.Name = name
	return w.start(cfg)
}

func (w *world) start(cfg Config) *person {
	w.t.Helper()
	p := &person{t: w.t, w: w, nick: cfg.Name.Raw()}
	cfg.NoMDNS = true
	cfg.NewHost = func(ctx context.Context, hc host.Config) (*host.Host, error) { return w.net.NewHost(ctx, hc) }
	if cfg.Key == nil {
		cfg.Key = w.net.Key(10_000 + len(w.all))
	}
	p.key = cfg.Key
	n, err := Start(w.t.Context(), cfg)
	if err != nil {
		w.t.Fatalf("start %s: %v", p.nick, err)
	}
	p.Node, p.sub, p.over = n, n.Subscribe(), make(chan struct{})
	p.info = peer.AddrInfo{ID: n.host.ID(), Addrs: n.host.Addrs()}
	ctx, cancel := context.WithCancel(context.Background())
	p.read = cancel
	go func() {
		defer close(p.over)
		for {
			evs, err := p.sub.Next(ctx)
			if err != nil {
				return
			}
			p.mu.Lock()
			for _, ev := range evs {
				p.events, p.at = append(p.events, ev), append(p.at, time.Now())
			}
			p.mu.Unlock()
		}
	}()
	w.all = append(w.all, p)
	w.t.Cleanup(p.leave)
	return p
}

// leave ends the node politely. It may be called again.
func (p *person) leave() {
	_ = p.Close(context.Background())
	p.read()
	<-p.over
}

func (p *person) join(room string) {
	p.t.Helper()
	if err := p.Join(p.t.Context(), chat.RoomName(room)); err != nil {
		p.t.Fatalf("%s joins %s: %v", p.nick, room, err)
	}
}

func (p *person) say(room, text string) { p.tell(chat.InRoom(chat.RoomName(room)), text) }

func (p *person) tell(conv chat.Conversation, text string) {
	p.t.Helper()
	t, err := chat.NewText(text)
	if err != nil {
		p.t.Fatal(err)
	}
	p.said++
	d := chat.Draft{Key: fmt.Sprint(p.said), Body: chat.Body{Kind: chat.KindText, Text: t}}
	if err := p.Say(p.t.Context(), conv, d); err != nil {
		p.t.Fatalf("%s says %q: %v", p.nick, text, err)
	}
}

// shown lists the texts of a conversation in the order they were shown.
func (p *person) shown(conv chat.Conversation) (texts []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, ev := range p.events {
		if m, ok := ev.(chat.Message); ok && m.Conversation == conv {
			texts = append(texts, m.Text.Raw())
		}
	}
	return texts
}

// find returns the first event that fits, and when it was shown.
func (p *person) find(fits func(chat.Event) bool) (chat.Event, time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, ev := range p.events {
		if fits(ev) {
			return ev, p.at[i], true
		}
	}
	return nil, time.Time{}, false
}

// want waits until an event fits.
func (p *person) want(within time.Duration, what string, fits func(chat.Event) bool) time.Time {
	p.t.Helper()
	for end := time.Now().Add(within); ; time.Sleep(time.Millisecond) {
		if _, at, ok := p.find(fits); ok {
			return at
		}
		if time.Now().After(end) {
			p.t.Fatalf("%s: no %s within %v; shown: %s", p.nick, what, within, p.summary())
		}
	}
}

func (p *person) summary() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := ""
	for _, ev := range p.events[max(0, len(p.events)-20):] {
		out += fmt.Sprintf("\n  %T %v", ev, ev)
	}
	return out
}

// wantText waits for a message.
func (p *person) wantText(within time.Duration, text string) time.Time {
	p.t.Helper()
	return p.want(within, fmt.Sprintf("message %q", text), func(ev chat.Event) bool {
		m, ok := ev.(chat.Message)
		return ok && m.Text.Raw() == text
	})
}

// wantDelivery waits until an own message has a state.
func (p *person) wantDelivery(within time.Duration, text string, state chat.DeliveryState, heldBy int) time.Time {
	p.t.Helper()
	return p.want(within, fmt.Sprintf("%q %s by %d", text, state, heldBy), func(ev chat.Event) bool {
		d, ok := ev.(chat.Delivery)
		if !ok || d.State != state || d.HeldBy < heldBy {
			return false
		}
		for _, e := range p.events { // find holds the lock
			if m, ok := e.(chat.Message); ok && m.ID == d.ID {
				return m.Text.Raw() == text
			}
		}
		return false
	})
}

func (p *person) wantMember(within time.Duration, conv chat.Conversation, other *person, online bool) time.Time {
	p.t.Helper()
	return p.want(within, fmt.Sprintf("%s online=%v", other.nick, online), func(ev chat.Event) bool {
		m, ok := ev.(chat.Member)
		return ok && m.Conversation == conv && m.Peer == other.Self() && m.Online == online
	})
}

// check is the checker: at each of these, every message of conv was shown once,
// each author's in the order they were written, and all saw the same ones.
func (w *world) check(conv chat.Conversation, people ...*person) {
	w.t.Helper()
	var first map[chat.MessageID]bool
	for _, p := range people {
		seen := make(map[chat.MessageID]bool)
		last := make(map[chat.PeerID]time.Time)
		p.mu.Lock()
		for _, ev := range p.events {
			m, ok := ev.(chat.Message)
			if !ok || m.Conversation != conv {
				continue
			}
			if seen[m.ID] {
				w.t.Errorf("%s saw %q twice", p.nick, m.Text)
			}
			seen[m.ID] = true
			if m.Time.Before(last[m.Author]) {
				w.t.Errorf("%s saw %q out of order", p.nick, m.Text)
			}
			last[m.Author] = m.Time
		}
		p.mu.Unlock()
		if first == nil {
			first = seen
			continue
		}
		for id := range first {
			if !seen[id] {
				w.t.Errorf("%s misses a message that %s saw", p.nick, people[0].nick)
			}
		}
		if len(seen) != len(first) {
			w.t.Errorf("%s saw %d messages, %s %d", p.nick, len(seen), people[0].nick, len(first))
		}
	}
}

func texts(n int, prefix string) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("%s %05d", prefix, i))
	}
	return out
}

func equalTexts(a, b []string) bool { return slices.Equal(a, b) }

func (w *world) group(people ...*person) (g testnet.Group) {
	for _, p := range people {
		g = append(g, p.host)
	}
	return g
}
