package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/identity"
)

// getConversations lists what is open, or has a history or a request.
func (s *Server) getConversations(ctx context.Context, c *call) (any, error) {
	if err := c.query(); err != nil {
		return nil, err
	}
	all, err := s.conversations(ctx)
	if err != nil {
		return nil, err
	}
	return struct {
		Conversations []Conversation `json:"conversations"`
	}{all}, nil
}

func (s *Server) getConversation(ctx context.Context, c *call) (any, error) {
	conv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	all, err := s.conversations(ctx)
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		if o.Conversation.Conversation == conv {
			return o, nil
		}
	}
	return nil, fmt.Errorf("conversation %s: %w", conv, chat.ErrNotFound)
}

// conversations are all there are, the last used first.
func (s *Server) conversations(ctx context.Context) ([]Conversation, error) {
	open := s.holds.all()
	found := make(map[chat.Conversation]history.Summary)
	for _, more := range []map[chat.Conversation]bool{open, s.board.happened()} {
		for conv := range more {
			found[conv] = history.Summary{}
		}
	}
	if s.cfg.History != nil {
		list, err := s.cfg.History.Conversations(ctx)
		if err != nil {
			return nil, err
		}
		for _, sum := range list {
			if _, here := found[sum.Conversation]; here || sum.Messages > 0 {
				found[sum.Conversation] = sum
			}
		}
	}
	requests, err := s.requested()
	if err != nil {
		return nil, err
	}
	out := make([]Conversation, 0, len(found))
	for conv, sum := range found {
		if conv.IsPresence() {
			continue
		}
		o, err := s.conversation(ctx, conv, sum)
		if err != nil {
			return nil, err
		}
		o.Open, o.Request = open[conv], requests[conv.Peer]
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b Conversation) int {
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Conversation.String(), b.Conversation.String()))
	})
	return out, nil
}

// requested are those whose requests wait for an answer.
func (s *Server) requested() (map[chat.PeerID]bool, error) {
	list, err := s.requests.List()
	if err != nil {
		return nil, err
	}
	out := make(map[chat.PeerID]bool, len(list))
	for _, q := range list {
		out[q.Peer] = true
	}
	return out, nil
}

// conversation tells about one.
func (s *Server) conversation(ctx context.Context, conv chat.Conversation, sum history.Summary) (Conversation, error) {
	o := Conversation{
		Type: "conversation", Conversation: Ref{conv}, Room: !conv.IsDirect(), Messages: sum.Messages, Bytes: sum.Bytes,
	}
	if conv.IsDirect() {
		o.Name = Text{s.cfg.Node.Name(conv.Peer)}
	}
	if m, ok := s.marks.upTo(conv); ok {
		o.Read = &m.ID
	}
	if s.cfg.History == nil || sum.Messages == 0 {
		return o, nil
	}
	o.Last = milli(sum.Latest.Wall())
	last, err := s.cfg.History.Messages(ctx, history.Query{Conversation: conv.ID(s.self), Limit: 1})
	if err != nil {
		return o, err
	}
	if len(last) > 0 {
		m := newMessage(s.message(conv, last[0]))
		o.Message = &m
	}
	if t, ok, err := s.cfg.History.Topic(ctx, conv.ID(s.self)); err != nil {
		return o, err
	} else if ok {
		o.Topic = Text{t.Body.Text}
	}
	if o.Waiting, err = s.waiting(ctx, conv); err != nil {
		return o, err
	}
	n, err := s.marks.unread(ctx, s.cfg.History, conv, s.self, s.ownName())
	o.Unread, o.Mentions = n.unread, n.mentions
	return o, err
}

// waiting counts the own messages that nobody else is known to hold.
func (s *Server) waiting(ctx context.Context, conv chat.Conversation) (n int, err error) {
	own, err := s.cfg.History.Unsettled(ctx, conv.ID(s.self))
	for _, o := range own {
		if o.State == chat.Queued || o.State == chat.Sent {
			n += len(o.Segment.Bodies)
		}
	}
	return n, err
}

// message makes of an entry what faces show.
func (s *Server) message(conv chat.Conversation, e history.Entry) chat.Message {
	m := e.Message(conv, s.self, s.cfg.Node.Name(e.Author))
	m.Gap = e.Gap
	return m
}

// openConversation joins a room or dials a peer, for one face.
func (s *Server) openConversation(ctx context.Context, c *call) (any, error) {
	var b openBody
	if err := c.parse(&b); err != nil {
		return nil, err
	}
	if s.cfg.Seed {
		return nil, errIsSeed
	}
	conv, err := s.target(ctx, b)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	o := Opened{Conversation: Ref{conv}, Event: s.ring.id(s.ring.newest())}
	s.board.begin()
	s.mu.Unlock()
	o.First = s.holds.open(conv, c.face)
	if conv.IsDirect() {
		err = s.cfg.Node.Dial(ctx, conv.Peer)
	} else {
		err = s.cfg.Node.Join(ctx, conv.Room)
	}
	if err != nil {
		s.holds.leave(conv, c.face)
		return nil, err
	}
	return o, nil
}

// target finds out what is to be opened, and tells the node what it may need.
func (s *Server) target(ctx context.Context, b openBody) (chat.Conversation, error) {
	set := 0
	for _, given := range []string{b.Room, b.Peer, b.At, b.Invite} {
		if given != "" {
			set++
		}
	}
	switch {
	case set != 1:
		return chat.Conversation{}, badRequest(`one of "room", "peer", "at" and "invite" is needed`)
	case b.Peer == "" && len(b.Addrs) > 0:
		return chat.Conversation{}, badRequest(`only a "peer" has "addrs"`)
	case b.Invite != "":
		return s.accept(b.Invite)
	case b.Room != "":
		room, err := chat.ParseRoomName(b.Room)
		return chat.InRoom(room), err
	}
	p, err := s.peerAt(ctx, b)
	if err == nil && p == s.self {
		err = fmt.Errorf("dial %s: %w", p, errOwnPeer)
	}
	return chat.With(p), err
}

// peerAt finds out which peer is meant.
func (s *Server) peerAt(ctx context.Context, b openBody) (chat.PeerID, error) {
	if b.At != "" {
		return s.learn(ctx, b.At, b.NewKey)
	}
	p, err := chat.ParsePeerID(b.Peer)
	if err != nil {
		return p, err
	}
	addrs, err := parseAddrs(b.Addrs)
	if err == nil && len(addrs) > 0 {
		s.cfg.Node.AddAddrs(peer.AddrInfo{ID: p.Libp2p(), Addrs: addrs})
	}
	return p, err
}

func parseAddrs(all []string) (addrs []ma.Multiaddr, err error) {
	if len(all) > maxGivenAddrs {
		return nil, badRequest("%d addresses, and at most %d are allowed", len(all), maxGivenAddrs)
	}
	for _, a := range all {
		m, err := ma.NewMultiaddr(a)
		if err != nil {
			return nil, badRequest("%q is no address: %w", chat.SafeString(a), err)
		}
		addrs = append(addrs, m)
	}
	return addrs, nil
}

// learn learns who listens at a host:port, and compares it with last time.
func (s *Server) learn(ctx context.Context, hostport string, newKey bool) (chat.PeerID, error) {
	addr, err := host.ParseHostPort(hostport)
	if err != nil {
		return chat.PeerID{}, badRequest("%w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	p, err := s.cfg.Node.PeerAt(ctx, addr)
	if dns := new(net.DNSError); errors.As(err, &dns) {
		err = errNoSuchHost
	}
	if err != nil {
		return p, fmt.Errorf("%w: %w", chat.ErrUnreachable, err)
	}
	return p, compareKnown(s.cfg.Folder, hostport, p, newKey)
}

func compareKnown(folder *identity.Folder, hostport string, p chat.PeerID, newKey bool) error {
	known, err := folder.KnownHosts()
	if err != nil {
		return err
	}
	before, changed, err := known.Learn(hostport, p)
	switch {
	case err != nil || !changed:
		return err
	case newKey:
		return known.Replace(hostport, p)
	}
	return &Error{
		Code: "peer-changed", Status: 409, Peer: p,
		Text: fmt.Sprintf("another peer answers at %s than before: now %s, before %s", chat.SafeString(hostport), p, before),
		Hint: `it may be a new installation, or somebody who wants to read along; "new_key":true accepts it`,
	}
}

func (s *Server) getMembers(ctx context.Context, c *call) (any, error) {
	conv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	list, err := s.cfg.Node.Members(ctx, conv)
	if err != nil {
		return nil, err
	}
	out := make([]memberObject, 0, len(list))
	for _, m := range list {
		out = append(out, newMember(m))
	}
	return membersObject{out}, nil
}

type membersObject struct {
	Members []memberObject `json:"members"`
}

func (s *Server) getHistory(ctx context.Context, c *call) (any, error) {
	conv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	if s.cfg.History == nil {
		return nil, errNoHistory
	}
	h := s.board.history(conv)
	o := HistoryState{Conversation: Ref{conv}, Complete: h.Complete, Missing: h.Missing, Fetched: h.Fetched, Total: h.Total}
	list, err := s.cfg.History.Conversations(ctx)
	if err != nil {
		return nil, err
	}
	id := conv.ID(s.self)
	for _, sum := range list {
		if sum.ID == id {
			o.Messages, o.Bytes = sum.Messages, sum.Bytes
		}
	}
	return o, nil
}

// markRead notes that a person has read up to a message.
func (s *Server) markRead(ctx context.Context, c *call) (any, error) {
	conv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	var b readBody
	if err := c.parse(&b); err != nil {
		return nil, err
	}
	if s.cfg.History != nil {
		e, err := s.find(ctx, conv, b.Message)
		if err != nil {
			return nil, err
		}
		if s.marks.mark(conv, e.Place) {
			select {
			case s.dirty <- struct{}{}:
			default: // it will be saved already
			}
		}
	}
	s.cfg.Node.MarkRead(conv, b.Message)
	return nil, nil
}
