package apitest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/node"
)

// This file holds what other people do.

// Write stores a message of an author, and returns its event, which does not
// happen.
func (f *Node) Write(conv chat.Conversation, author chat.PeerID, d chat.Draft) chat.Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writeAt(conv, author, d, time.Now())
}

// writeAt is Write at a time, or just after the message before; f.mu is held.
func (f *Node) writeAt(conv chat.Conversation, author chat.PeerID, d chat.Draft, at time.Time) chat.Message {
	if f.dead {
		return chat.Message{}
	}
	f.said++
	f.clock = chat.TimeOf(at).After(f.clock)
	s := &chat.Segment{
		Author: author, Conversation: conv.ID(f.Self()), Chain: f.chain, Seq: uint64(f.said), Time: f.clock,
		Bodies: []chat.Body{d.Body}, Envelope: fmt.Appendf(nil, "envelope %d", f.said),
	}
	binary.BigEndian.PutUint64(s.ID[:], uint64(f.said))
	s.ID = sha256.Sum256(s.ID[:])
	store := f.Log.Append
	if author == f.Self() {
		store = f.Log.AppendOwn
	}
	if _, err := store(context.Background(), s); err != nil {
		panic(err)
	}
	return chat.Message{
		Conversation: conv, ID: s.MessageID(0), Author: author, Nick: f.nameOf(author), Time: s.Time.Wall(), Clock: s.Time,
		Kind: d.Body.Kind, Target: d.Body.Target, Text: d.Body.Text, Mine: author == f.Self(), Key: d.Key,
	}
}

// Hear has Person(from) say something.
func (f *Node) Hear(conv chat.Conversation, from int, words string) chat.Message {
	return f.HearBody(conv, from, chat.Body{Kind: chat.KindText, Text: mustText(words)})
}

// HearBody has Person(from) say anything: a reply, an edit, a reaction.
func (f *Node) HearBody(conv chat.Conversation, from int, body chat.Body) chat.Message {
	m := f.Write(conv, Person(from), chat.Draft{Body: body})
	f.Happen(m)
	return m
}

// Fill puts n messages into the history, one a second up to now and by all three of
// Person(0), Person(1) and Person(2), without events.
func (f *Node) Fill(conv chat.Conversation, n int) {
	if err := f.Log.Name(context.Background(), conv); err != nil {
		panic(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	from := time.Now().Add(-time.Duration(n) * time.Second)
	for i := range n {
		d := chat.Draft{Body: chat.Body{Kind: chat.KindText, Text: mustText(fmt.Sprintf("message %d of %d", i+1, n))}}
		f.writeAt(conv, Person(i%3), d, from.Add(time.Duration(i)*time.Second))
	}
}

// Meet has Person(n) come into a conversation, under a name.
func (f *Node) Meet(conv chat.Conversation, n int, nick string) chat.Member {
	m := chat.Member{
		Conversation: conv, Peer: Person(n), Nick: mustText(nick), Online: true, Since: since(), Path: chat.PathDirect,
	}
	if conv.IsPresence() {
		m.Path = chat.PathNone
	}
	f.SetMember(m)
	return m
}

// Part has Person(n) leave a conversation.
func (f *Node) Part(conv chat.Conversation, n int) {
	f.SetMember(chat.Member{Conversation: conv, Peer: Person(n), Nick: f.Name(Person(n)), Since: since()})
}

// SetMember says how it stands with a member, and has the event happen.
func (f *Node) SetMember(m chat.Member) {
	f.mu.Lock()
	all := slices.DeleteFunc(f.members[m.Conversation], func(o chat.Member) bool { return o.Peer == m.Peer })
	f.members[m.Conversation] = append(all, m)
	f.mu.Unlock()
	f.Happen(m)
}

// Members implements api.Node. In a conversation into which nobody came by Meet
// there is Person(1).
func (f *Node) Members(_ context.Context, conv chat.Conversation) ([]chat.Member, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !conv.IsPresence() && f.open[conv] == 0 {
		return nil, fmt.Errorf("members of %s: %w", conv, chat.ErrNotFound)
	}
	if all, met := f.members[conv]; met {
		all = slices.DeleteFunc(slices.Clone(all), func(m chat.Member) bool { return !m.Online })
		slices.SortFunc(all, func(a, b chat.Member) int { return a.Peer.Compare(b.Peer) })
		return all, nil
	}
	return []chat.Member{{Conversation: conv, Peer: Person(1), Nick: f.nameOf(Person(1)), Online: true, Since: since()}}, nil
}

// Peers implements api.Node: all who are online are connected directly.
func (f *Node) Peers(ctx context.Context) ([]node.Peer, error) {
	members, err := f.Members(ctx, chat.Presence())
	out := make([]node.Peer, 0, len(members))
	for i, m := range members {
		out = append(out, node.Peer{Member: m, Rooms: f.roomsOf(m.Peer), How: "direct", Addr: fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", i+1), RTT: 1500 * time.Microsecond})
	}
	return out, err
}

// Show has Person(n) show to be in rooms.
func (f *Node) Show(n int, rooms ...chat.RoomName) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shown[Person(n)] = rooms
}

func (f *Node) roomsOf(p chat.PeerID) []chat.RoomName {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.shown[p]
}

// Connections implements api.Node: there is one, with Person(1) through Person(2).
func (f *Node) Connections(context.Context) ([]node.Connection, error) {
	return []node.Connection{{
		Peer: Person(1), Role: node.RoleMember, Local: "/ip4/127.0.0.1/tcp/1", Remote: "/ip4/127.0.0.1/tcp/2\x1b[31m",
		Relayed: true, Via: Person(2), Transport: "tcp", Opened: since(), In: 1, Out: 2, Streams: []string{">/x"},
	}}, nil
}

// Deliver has an own message get further: d needs ID and State, and the counts that
// are to be shown. Where it is held, holders are those who hold it.
func (f *Node) Deliver(d chat.Delivery, holders ...int) {
	f.mu.Lock()
	for _, n := range holders {
		f.holders[d.ID] = append(f.holders[d.ID], Person(n))
	}
	f.mu.Unlock()
	f.Happen(d)
}

// Holders implements api.Holders: those of Deliver or, if there are none,
// Person(1) and Person(4).
func (f *Node) Holders(_ context.Context, conv chat.Conversation, id chat.MessageID) ([]chat.PeerID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open[conv] == 0 {
		return nil, fmt.Errorf("holders of %s in %s: %w", id, conv, chat.ErrNotFound)
	}
	if all, told := f.holders[id]; told {
		return slices.Clone(all), nil
	}
	return []chat.PeerID{Person(1), Person(4)}, nil
}

// Request has a stranger, Person(from), write in private for the first time: the
// folder holds the request, the history the message, and both are told.
func (f *Node) Request(from int, nick, words string) (chat.Message, error) {
	requests, err := f.Folder.Requests()
	if err != nil {
		return chat.Message{}, err
	}
	conv := chat.With(Person(from))
	if err := f.Log.Name(context.Background(), conv); err != nil {
		return chat.Message{}, err
	}
	m := f.Write(conv, Person(from), chat.Draft{Body: chat.Body{Kind: chat.KindText, Text: mustText(words)}})
	m.Request, m.Nick = true, mustText(nick)
	if _, err := requests.Note(Person(from), m.Nick, m.Text, m.Time); err != nil {
		return chat.Message{}, err
	}
	f.Happen(m, chat.Notice{Conversation: conv, Code: chat.NoticeRequest, Text: "somebody unknown wrote"})
	return m, nil
}

// Connect implements api.Connector.
func (f *Node) Connect(context.Context, chat.PeerID) error { return nil }
