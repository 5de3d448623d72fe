package tui

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// day is when everything in these tests happens.
//
//archtest:constant a date
var day = time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)

// peer makes the same peer for the same number.
func peer(n int) chat.PeerID {
	seed := make([]byte, ed25519.SeedSize)
	binary.BigEndian.PutUint32(seed, uint32(n))
	p, err := chat.PeerIDFromKey(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
	if err != nil {
		panic(err)
	}
	return p
}

func text(s string) chat.Text {
	t, err := chat.NewText(s)
	if err != nil {
		panic(err)
	}
	return t
}

// A fake is a node in memory. Its methods may be called by several goroutines.
type fake struct {
	mu       sync.Mutex
	self     Self
	convs    []Conversation
	said     map[chat.Conversation][]chat.Message // in order
	delivery map[chat.MessageID]chat.Delivery
	members  map[chat.Conversation][]chat.Member
	requests []Request
	contacts []Contact
	status   Status
	calls    []string
	down     error                       // while set, all calls fail
	cannot   map[chat.Conversation]error // Open fails with
	slow     chan struct{}
	n        int
	events   chan []chat.Event
}

func newFake() *fake {
	return &fake{
		self:     Self{Peer: peer(1), Name: text("alice")},
		said:     make(map[chat.Conversation][]chat.Message),
		delivery: make(map[chat.MessageID]chat.Delivery),
		members:  make(map[chat.Conversation][]chat.Member),
		events:   make(chan []chat.Event, 100),
		status:   Status{Seeds: []Seed{{Name: "seed.example", Connected: true}, {Name: "two.example", Trouble: "connection refused"}}, Peers: 2, Reach: "everybody can reach you directly", LAN: "looking for others (eth0)"},
	}
}

// room opens a room with members 2 to 1+others.
func (f *fake) room(name string, others int) chat.Conversation {
	id := chat.InRoom(chat.RoomName(name))
	f.convs = append(f.convs, Conversation{ID: id, History: chat.History{Conversation: id, Complete: true}})
	for i := range others {
		f.members[id] = append(f.members[id], chat.Member{Conversation: id, Peer: peer(2 + i), Nick: nick(2 + i), Online: true})
	}
	return id
}

// nick is what peer n is called.
func nick(n int) chat.Text {
	names := []string{"zero", "alice", "bob", "carol", "dave", "erin", "frank"}
	if n < len(names) {
		return text(names[n])
	}
	return text(fmt.Sprintf("peer%d", n))
}

// message makes one by peer n, a minute after the one before.
func (f *fake) message(id chat.Conversation, n int, s string) chat.Message {
	f.n++
	at := day.Add(time.Duration(f.n) * time.Minute)
	m := chat.Message{
		Conversation: id, Author: peer(n), Nick: nick(n), Time: at, Clock: chat.TimeOf(at),
		Kind: chat.KindText, Text: text(s), Mine: n == 1,
	}
	binary.BigEndian.PutUint64(m.ID[:], uint64(f.n))
	return m
}

// add puts a message into the history, and returns it.
func (f *fake) add(id chat.Conversation, n int, s string) chat.Message {
	m := f.message(id, n, s)
	f.said[id] = append(f.said[id], m)
	return m
}

func (f *fake) call(format string, a ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, a...))
	return f.down
}

// called are the calls that begin with prefix.
func (f *fake) called(prefix string) (out []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		if strings.HasPrefix(c, prefix) {
			out = append(out, c)
		}
	}
	return out
}

func (f *fake) Self(context.Context) (Self, error) {
	err := f.call("self")
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.self, err
}

func (f *fake) Next(ctx context.Context) ([]chat.Event, error) {
	if err := f.call("next"); err != nil {
		return nil, err
	}
	select {
	case ev := <-f.events:
		return ev, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (f *fake) Conversations(context.Context) ([]Conversation, error) {
	err := f.call("conversations")
	return slices.Clone(f.convs), err
}

func (f *fake) Page(ctx context.Context, conv chat.Conversation, q PageQuery) (Page, error) {
	if f.slow != nil {
		select {
		case <-f.slow:
		case <-ctx.Done():
			return Page{}, ctx.Err()
		}
	}
	if err := f.call("page %s", conv); err != nil {
		return Page{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.said[conv]
	from := 0
	if q.After != (chat.Place{}) {
		from = sort.Search(len(all), func(i int) bool { return all[i].Place().Compare(q.After) > 0 })
	}
	to := len(all)
	if q.Before != (chat.Place{}) {
		to = sort.Search(len(all), func(i int) bool { return all[i].Place().Compare(q.Before) >= 0 })
	}
	all = all[from:max(from, to)]
	if len(all) > q.Limit {
		if q.After != (chat.Place{}) {
			all = all[:q.Limit]
		} else {
			all = all[len(all)-q.Limit:]
		}
	}
	p := Page{Messages: slices.Clone(all)}
	for _, m := range all {
		if d, ok := f.delivery[m.ID]; ok {
			p.Deliveries = append(p.Deliveries, d)
		}
	}
	return p, nil
}

func (f *fake) Search(_ context.Context, q SearchQuery) (out []chat.Message, err error) {
	err = f.call("search %s", q.Words)
	for _, all := range f.said {
		for _, m := range slices.Backward(all) {
			if strings.Contains(m.Text.Raw(), q.Words) {
				out = append(out, m)
			}
		}
	}
	return out, err
}

func (f *fake) Say(_ context.Context, conv chat.Conversation, d chat.Draft) error {
	return f.call("say %s %d %s", conv, d.Body.Kind, d.Body.Text.Raw())
}

func (f *fake) Members(_ context.Context, conv chat.Conversation) ([]chat.Member, error) {
	err := f.call("members %s", conv)
	return slices.Clone(f.members[conv]), err
}

func (f *fake) Holders(_ context.Context, conv chat.Conversation, id chat.MessageID) (Holders, error) {
	all := f.members[conv]
	d := chat.Delivery{Conversation: conv, ID: id, State: chat.Held, HeldBy: 1, Members: len(all)}
	return Holders{Delivery: d, Holding: all[:1], Missing: all[1:]}, f.call("holders")
}

func (f *fake) Open(_ context.Context, conv chat.Conversation) error {
	return errors.Join(f.call("open %s", conv), f.cannot[conv])
}

func (f *fake) Join(_ context.Context, room string) (chat.Conversation, error) {
	err := f.call("join %s", room)
	name, bad := chat.ParseRoomName(room)
	if err = errors.Join(err, bad); err != nil {
		return chat.Conversation{}, err
	}
	return f.room(string(name), 0), nil
}

func (f *fake) Dial(_ context.Context, s string, newKey bool) (chat.Conversation, error) {
	if s == "moved.example:4747" && !newKey {
		return chat.Conversation{}, fmt.Errorf("%w: another peer answers at %s than before", ErrOtherPeer, s)
	}
	if newKey {
		return chat.With(peer(8)), f.call("dial %s anew", s)
	}
	if err := f.call("dial %s", s); err != nil {
		return chat.Conversation{}, err
	}
	p, err := chat.ParsePeerID(s)
	return chat.With(p), err
}

func (f *fake) Leave(_ context.Context, conv chat.Conversation) error {
	return f.call("leave %s", conv)
}

func (f *fake) MarkRead(_ context.Context, conv chat.Conversation, id chat.MessageID) error {
	return f.call("read %s %s", conv, id.String()[:16])
}

func (f *fake) Requests(context.Context) ([]Request, error) {
	return f.requests, f.call("requests")
}

func (f *fake) Answer(_ context.Context, p chat.PeerID, a Answer) error {
	f.requests = slices.DeleteFunc(f.requests, func(r Request) bool { return r.Peer == p })
	return f.call("answer %s %s", p.Short(), a)
}

func (f *fake) Contacts(context.Context) ([]Contact, error) { return f.contacts, f.call("contacts") }

func (f *fake) Verify(_ context.Context, p chat.PeerID, ok bool) error {
	for i := range f.contacts {
		if f.contacts[i].Peer == p {
			f.contacts[i].Verified = ok
		}
	}
	return f.call("verify %s %t", p.Short(), ok)
}

func (f *fake) SaveContact(_ context.Context, p chat.PeerID, name string) error {
	f.contacts = append(f.contacts, Contact{Peer: p, Name: name})
	return f.call("save %s %s", p.Short(), name)
}

func (f *fake) Invite(_ context.Context, conv chat.Conversation) (string, error) {
	return "p2p1-" + cmpOr(conv.String(), "me") + "-k7w2m4", f.call("invite")
}

func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

func (f *fake) SetName(_ context.Context, name chat.Text) error {
	f.mu.Lock()
	f.self.Name = name
	f.mu.Unlock()
	return f.call("name %s", name)
}

func (f *fake) Net(context.Context) ([]Connection, error) {
	return []Connection{
		{Peer: peer(2), Nick: nick(2), Role: "member", Remote: "/ip4/192.0.2.7/tcp/4747", RTT: 12 * time.Millisecond, Since: day.Add(-time.Hour), In: 1200, Out: 3_400_000},
		{Peer: peer(3), Nick: nick(3), Role: "member", Relayed: true, Via: peer(9), RTT: 80 * time.Millisecond, Since: day.Add(-time.Minute)},
	}, f.call("net")
}

func (f *fake) Status(context.Context) (Status, error) { return f.status, f.call("status") }

var errDown = errors.New("no node")

func TestFake(t *testing.T) {
	t.Parallel()
	f := newFake()
	id := f.room("lobby", 2)
	for i := range 10 {
		f.add(id, 2, fmt.Sprint(i))
	}
	p, err := f.Page(t.Context(), id, PageQuery{Before: f.said[id][5].Place(), Limit: 2})
	if err != nil || len(p.Messages) != 2 || p.Messages[1].Text != text("4") {
		t.Errorf("page before: %v, %v", p, err)
	}
	p, err = f.Page(t.Context(), id, PageQuery{After: f.said[id][5].Place(), Limit: 2})
	if err != nil || len(p.Messages) != 2 || p.Messages[0].Text != text("6") {
		t.Errorf("page after: %v, %v", p, err)
	}
}
