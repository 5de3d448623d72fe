package api

import (
	"context"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/bootstrap"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/invite"
	"github.com/p2pchat/p2pchat/node"
)

// An Invited is the answer to a request for an invite, and what is in it.
type Invited struct {
	Invite string `json:"invite"`
	// Conversation is what it leads to: a room, or ourselves.
	Conversation Ref `json:"conversation"`
	// Addrs and Seeds are how many of our addresses and of our seeds it names.
	Addrs int `json:"addrs"`
	Seeds int `json:"seeds"`
}

// getInvite makes an invite to a room, or to a private talk with us.
func (s *Server) getInvite(ctx context.Context, c *call) (any, error) {
	if err := c.query("conversation"); err != nil {
		return nil, err
	}
	conv, err := parseConversation(c.r.URL.Query().Get("conversation"))
	if err != nil {
		return nil, err
	}
	i := invite.Invite{Peer: s.self, Nick: s.ownName(), Addrs: invite.Choose(s.cfg.Node.Addrs()), Room: conv.Room}
	if conv.IsPresence() {
		i.Room = ""
	}
	if n, ok := s.cfg.Node.(Networker); ok {
		network, err := n.Network(ctx)
		if err != nil {
			return nil, err
		}
		i.Seeds = seedsToInvite(s.self, i, network)
	}
	text := i.String()
	i, err = invite.Parse(text) // without what was too much
	return Invited{Invite: text, Conversation: Ref{i.Conversation()}, Addrs: len(i.Addrs), Seeds: len(i.Seeds)}, err
}

// seedsToInvite are the seeds that an invite names: ourselves, if we are one, and
// then those that are connected before the others.
func seedsToInvite(self chat.PeerID, i invite.Invite, n node.Network) (out []peer.AddrInfo) {
	if n.Seed && len(i.Addrs) > 0 {
		out = append(out, peer.AddrInfo{ID: self.Libp2p(), Addrs: i.Addrs})
	}
	seeds := slices.DeleteFunc(slices.Clone(n.Seeds), func(s bootstrap.SeedStatus) bool { return s.Peer == self })
	slices.SortStableFunc(seeds, func(a, b bootstrap.SeedStatus) int {
		switch {
		case a.Connected == b.Connected:
			return 0
		case a.Connected:
			return -1
		default:
			return 1
		}
	})
	for _, s := range seeds {
		out = append(out, peer.AddrInfo{ID: s.Peer.Libp2p(), Addrs: s.Addrs})
	}
	return out
}

// accept tells the node, and the folder for the next start, what an invite says,
// and returns what it leads to.
func (s *Server) accept(text string) (chat.Conversation, error) {
	i, err := invite.Parse(text)
	if err != nil {
		return chat.Conversation{}, err
	}
	conv := i.Conversation()
	if conv.Peer == s.self {
		return conv, errOwnPeer
	}
	s.learnSeeds(i.Seeds)
	if i.Peer == s.self || len(i.Addrs) == 0 {
		return conv, nil
	}
	s.cfg.Node.AddAddrs(peer.AddrInfo{ID: i.Peer.Libp2p(), Addrs: i.Addrs})
	if n, ok := s.cfg.Node.(Connector); ok && !conv.IsDirect() { // a room is looked for at seeds: there may be none
		s.wg.Go(func() {
			ctx, cancel := context.WithTimeout(s.ctx, commandTimeout)
			defer cancel()
			if err := n.Connect(ctx, i.Peer); err != nil {
				s.log.Debug("who invited was not reached", "peer", i.Peer, "err", err)
			}
		})
	}
	return conv, nil
}

// learnSeeds keeps seeds for the next start, and has the node attach to them now.
// That they cannot be kept is no reason not to open what an invite leads to.
func (s *Server) learnSeeds(seeds []peer.AddrInfo) {
	var all []string
	for _, one := range seeds {
		for _, a := range one.Addrs {
			all = append(all, a.String()+"/p2p/"+one.ID.String())
		}
	}
	if len(all) == 0 {
		return
	}
	if err := s.cfg.Folder.AddSeeds(all); err != nil {
		s.log.Error("the seeds of an invite were not stored", "err", err)
	}
	if n, ok := s.cfg.Node.(Seeder); ok {
		n.AddSeeds(seeds)
	}
}
