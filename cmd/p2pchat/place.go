package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/invite"
)

// placeHelp says what CONVERSATION is, for commands that open it.
const placeHelp = `CONVERSATION is a room, the name of a contact, a peer ID, or an invite; #name is
a room in any case.`

// A place is a conversation that a person named.
type place struct {
	conv   chat.Conversation
	invite string // with which it is found, if it is not empty
	seeds  []peer.AddrInfo
}

// invited is where an invite leads.
func invited(s string) (place, error) {
	i, err := invite.Parse(s)
	return place{i.Conversation(), s, i.Seeds}, err
}

// placeOf finds out what is meant. A contact's name wins over a room of that name.
func placeOf(f *identity.Folder, s string) (place, error) {
	if invite.Is(s) {
		at, err := invited(s)
		if err == nil {
			err = learn(f, at.seeds)
		}
		return at, err
	}
	if name, ok := strings.CutPrefix(s, "#"); ok {
		conv, err := inRoom(name)
		return place{conv: conv}, err
	}
	contacts, err := f.Contacts()
	if err != nil {
		return place{}, err
	}
	if c, ok := contacts.Find(s); ok {
		return place{conv: chat.With(c.Peer)}, nil
	}
	if strings.HasPrefix(s, "12D3") || strings.HasPrefix(s, "Qm") {
		p, err := chat.ParsePeerID(s)
		return place{conv: chat.With(p)}, err
	}
	if err := cutInvite(s); err != nil {
		return place{}, err
	}
	conv, err := inRoom(s)
	if err != nil {
		err = fmt.Errorf("%w, and no contact is called so", err)
	}
	return place{conv: conv}, err
}

// learn keeps the seeds of an invite, so that a node that is about to start begins
// with them: it asks those alone for a relay that it knows from its start.
func learn(f *identity.Folder, seeds []peer.AddrInfo) error {
	var all []string
	for _, s := range seeds {
		for _, a := range s.Addrs {
			all = append(all, a.String()+"/p2p/"+s.ID.String())
		}
	}
	if len(all) == 0 {
		return nil
	}
	return f.AddSeeds(all)
}

// placesOf finds out what several words mean.
func placesOf(f *identity.Folder, words []string) (all []place, err error) {
	for _, s := range words {
		at, err := placeOf(f, s)
		if err != nil {
			return nil, err
		}
		all = append(all, at)
	}
	return all, nil
}

// openPlaces opens conversations, until one cannot be.
func (s *session) openPlaces(ctx context.Context, all []place) error {
	for _, at := range all {
		if _, err := s.openPlace(ctx, at); err != nil {
			return err
		}
	}
	return nil
}

// openPlace opens a conversation.
func (s *session) openPlace(ctx context.Context, at place) (o api.Opened, err error) {
	switch {
	case at.invite != "":
		o, err = s.OpenInvite(ctx, at.invite)
	case at.conv.IsDirect():
		o, err = s.DialPeer(ctx, at.conv.Peer)
	default:
		o, err = s.Join(ctx, at.conv.Room)
	}
	if err == nil && o.Conversation.Conversation != at.conv {
		err = fmt.Errorf("opened %s in place of %s", o.Conversation, at.conv)
	}
	return o, err
}
