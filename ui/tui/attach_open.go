package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/invite"
)

// errNobody says that a word names nobody.
var errNobody = errors.New("is no contact, peer ID, address or invite")

// Open implements Node.
func (a *attached) Open(ctx context.Context, conv chat.Conversation) (err error) {
	if conv.IsDirect() {
		_, err = a.DialPeer(ctx, conv.Peer)
	} else {
		_, err = a.Client.Join(ctx, conv.Room)
	}
	return err
}

// Join implements Node.
func (a *attached) Join(ctx context.Context, room string) (chat.Conversation, error) {
	room = strings.TrimSpace(room)
	if invite.Is(room) {
		return a.openInvite(ctx, room)
	}
	name, err := chat.ParseRoomName(strings.TrimPrefix(room, "#"))
	if err != nil {
		return chat.Conversation{}, err
	}
	o, err := a.Client.Join(ctx, name)
	return o.Conversation.Conversation, err
}

// openInvite opens what an invite is to: a room, or a private talk.
func (a *attached) openInvite(ctx context.Context, text string) (chat.Conversation, error) {
	if _, err := invite.Parse(text); err != nil { // the node need not be asked
		return chat.Conversation{}, err
	}
	o, err := a.OpenInvite(ctx, text)
	return o.Conversation.Conversation, err
}

// Dial implements Node. A contact's name wins over everything else.
func (a *attached) Dial(ctx context.Context, whom string, newKey bool) (chat.Conversation, error) {
	whom = strings.TrimSpace(whom)
	if invite.Is(whom) {
		return a.openInvite(ctx, whom)
	}
	if p, known, err := a.contact(ctx, strings.TrimPrefix(whom, "@")); err != nil || known {
		return a.dialPeer(ctx, p, err)
	}
	if strings.HasPrefix(whom, "/") {
		return a.dialAddr(ctx, whom)
	}
	p, err := chat.ParsePeerID(whom)
	switch {
	case err == nil:
		return a.dialPeer(ctx, p, nil)
	case strings.Contains(whom, ":"):
		return a.dialAt(ctx, whom, newKey)
	case strings.HasPrefix(whom, "12D3") || strings.HasPrefix(whom, "Qm"):
		return chat.Conversation{}, err
	}
	return chat.Conversation{}, fmt.Errorf("%q %w", chat.SafeString(whom), errNobody)
}

// contact finds who goes by a name of the person's own.
func (a *attached) contact(ctx context.Context, name string) (chat.PeerID, bool, error) {
	all, err := a.Client.Contacts(ctx)
	for _, x := range all {
		if x.Name != "" && strings.EqualFold(x.Name, name) {
			return x.Peer, true, nil
		}
	}
	return chat.PeerID{}, false, err
}

func (a *attached) dialPeer(ctx context.Context, p chat.PeerID, err error, addrs ...string) (chat.Conversation, error) {
	if err != nil {
		return chat.Conversation{}, err
	}
	o, err := a.DialPeer(ctx, p, addrs...)
	return o.Conversation.Conversation, err
}

// dialAddr dials a multiaddr that ends in /p2p/ and a peer ID.
func (a *attached) dialAddr(ctx context.Context, addr string) (chat.Conversation, error) {
	const before = "/p2p/"
	i := strings.LastIndex(addr, before)
	if i < 0 {
		return chat.Conversation{}, errors.New("the address does not end in /p2p/ and a peer ID")
	}
	p, err := chat.ParsePeerID(addr[i+len(before):])
	if i == 0 {
		return a.dialPeer(ctx, p, err)
	}
	return a.dialPeer(ctx, p, err, addr[:i])
}

// dialAt dials whoever listens at a host:port.
func (a *attached) dialAt(ctx context.Context, hostport string, newKey bool) (chat.Conversation, error) {
	o, err := a.DialAt(ctx, hostport, newKey)
	var e *api.Error
	if errors.As(err, &e) && e.Code == "peer-changed" {
		return chat.Conversation{}, fmt.Errorf("%w: %s", ErrOtherPeer, e.Text) // its hint is for scripts
	}
	return o.Conversation.Conversation, err
}
