package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/invite"
)

func (p *program) dialCommand() *cobra.Command {
	var t talkFlags
	var newKey bool
	cmd := &cobra.Command{
		Use:   "dial PEER|INVITE",
		Short: "Talk in private",
		Long: `Talk in private with one peer. PEER is a peer ID, the name of a contact, a full
multiaddr (/ip4/192.0.2.7/tcp/4001/p2p/12D3KooW...), or host:port; then the
peer ID is learnt from the other side and remembered as not verified. INVITE is
what p2pchat invite printed for somebody. The talk is shown as by join, and ends
when either side says exit.`,
		Args:              words("PEER"),
		ValidArgsFunction: p.completePeers,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.dial(cmd.Context(), args[0], &t, newKey)
		},
	}
	t.add(cmd)
	cmd.Flags().BoolVar(&newKey, "new-key", false, "accept that another peer answers at host:port than last time")
	return cmd
}

func (p *program) dial(ctx context.Context, whom string, t *talkFlags, newKey bool) error {
	folder, err := p.folder()
	if err != nil {
		return err
	}
	target, err := parseTarget(folder, whom)
	if err != nil {
		return err
	}
	if err := learn(folder, target.seeds); err != nil {
		return err
	}
	return p.withSession(ctx, func(s *session) error {
		if target.peer == s.Self() {
			return errOwnPeer()
		}
		meant, err := target.conversation(s.folder)
		if err != nil {
			return err
		}
		open := func() (api.Opened, error) { return p.open(ctx, s, target, newKey) }
		return p.converse(ctx, s, t, meant, open, func(conv chat.Conversation) {
			p.say("dialling %s as %s", conv.Peer, s.whoAmI())
		})
	})
}

func errOwnPeer() error {
	return usage("this is your own peer ID", "dial somebody else's; p2pchat peers shows who is online")
}

// A target is what a person may dial: a peer, with its invite or with addresses if
// there are any, or a host:port.
type target struct {
	peer     chat.PeerID
	addrs    []ma.Multiaddr
	seeds    []peer.AddrInfo // of the invite
	invite   string
	hostport string
}

// conversation is the talk that is meant, as far as that is known.
func (t target) conversation(f *identity.Folder) (chat.Conversation, error) {
	if t.hostport == "" {
		return chat.With(t.peer), nil
	}
	known, err := f.KnownHosts()
	if err != nil {
		return chat.Conversation{}, err
	}
	before, ok, err := known.Of(t.hostport)
	if !ok || err != nil {
		return chat.Conversation{}, err
	}
	return chat.With(before), nil
}

// parseTarget reads PEER. A contact's name wins over everything else.
func parseTarget(f *identity.Folder, s string) (target, error) {
	contacts, err := f.Contacts()
	if err != nil {
		return target{}, err
	}
	if c, ok := contacts.Find(s); ok {
		return target{peer: c.Peer}, nil
	}
	return parseStranger(s)
}

// parseStranger reads PEER without looking at contacts.
func parseStranger(s string) (target, error) {
	switch {
	case strings.HasPrefix(s, "/"):
		return parseFullAddr(s)
	case invite.Is(s):
		return parseInvite(s)
	}
	id, err := chat.ParsePeerID(s)
	switch {
	case err == nil:
		return target{peer: id}, nil
	case strings.Contains(s, ":"):
		if _, err := host.ParseHostPort(s); err != nil {
			return target{}, usage(fmt.Sprintf("%q is not host:port", s), "for example chat.example.org:4747")
		}
		return target{hostport: s}, nil
	case strings.HasPrefix(s, "12D3") || strings.HasPrefix(s, "Qm"):
		return target{}, err
	}
	return target{}, &fault{
		text: fmt.Sprintf("no contact is called %q", s), code: codeNotFound,
		hint: "p2pchat contact add NAME PEER-ID makes one; or dial a peer ID, a multiaddr or host:port",
	}
}

// parseFullAddr reads a multiaddr that ends in /p2p/ and a peer ID, and has an
// address that can be dialled before it.
func parseFullAddr(s string) (target, error) {
	bad := func(why string, cause error) error {
		return &fault{
			text: fmt.Sprintf("%q is no full address: %s", s, why), code: codeUsage, cause: cause,
			hint: "for example /ip4/192.0.2.7/tcp/4001/p2p/12D3KooW...",
		}
	}
	addr, err := ma.NewMultiaddr(s)
	if err != nil {
		return target{}, bad("it is no multiaddr", err)
	}
	info, err := peer.AddrInfoFromP2pAddr(addr)
	if err != nil {
		return target{}, bad("it does not end in /p2p/ and a peer ID", err)
	}
	for _, a := range info.Addrs {
		if !dialable(a) {
			return target{}, bad("only /ip4, /ip6 and /dns addresses with /tcp and a port can be dialled, or those through a relay there", nil)
		}
	}
	id, err := chat.PeerIDFromLibp2p(info.ID)
	return target{peer: id, addrs: info.Addrs}, err
}

// parseInvite reads an invite to a private talk.
func parseInvite(s string) (target, error) {
	i, err := invite.Parse(s)
	switch {
	case err != nil:
		return target{}, err
	case i.Room != "":
		return target{}, usage(fmt.Sprintf("this is an invite to the room %s, not to a private talk", i.Room), "p2pchat join takes it")
	}
	return target{peer: i.Peer, addrs: i.Addrs, seeds: i.Seeds, invite: s}, nil
}

// dialable reports whether an address is one of TCP, or leads through a relay at
// one of TCP.
func dialable(a ma.Multiaddr) bool {
	switch len(a) {
	case 2:
		return a[1].Code() == ma.P_TCP
	case 4:
		return a[1].Code() == ma.P_TCP && a[2].Code() == ma.P_P2P && a[3].Code() == ma.P_CIRCUIT
	default:
		return false
	}
}

// open opens the talk with a target.
func (p *program) open(ctx context.Context, s *session, t target, newKey bool) (api.Opened, error) {
	switch {
	case t.invite != "":
		return s.OpenInvite(ctx, t.invite)
	case t.hostport == "":
		addrs := make([]string, 0, len(t.addrs))
		for _, a := range t.addrs {
			addrs = append(addrs, a.String())
		}
		return s.DialPeer(ctx, t.peer, addrs...)
	}
	before, err := t.conversation(s.folder)
	if err != nil {
		return api.Opened{}, err
	}
	o, err := s.DialAt(ctx, t.hostport, newKey)
	if err != nil {
		return o, p.explainDial(ctx, t.hostport, before.Peer, err)
	}
	switch now := o.Conversation.Peer; {
	case before.Peer.IsZero():
		p.say("%s is %s, met for the first time and not verified", t.hostport, now)
	case before.Peer != now:
		p.say("%s is now %s, and was %s", t.hostport, now, before.Peer)
	}
	return o, nil
}

// explainDial finds the words for a host:port that was not dialled, loudly if
// somebody else answers there than before.
func (p *program) explainDial(ctx context.Context, hostport string, before chat.PeerID, err error) error {
	e := new(api.Error)
	if ctx.Err() != nil || !errors.As(err, &e) {
		return err
	}
	f := &fault{code: codeFailure, cause: err, hint: "is p2pchat running there, and is this its port?"}
	switch e.Code {
	case "peer-changed":
		for _, l := range []string{
			"WARNING: ANOTHER PEER ANSWERS AT " + hostport + " THAN BEFORE",
			"before: " + before.String(),
			"now:    " + e.Peer.String(),
			"It may be a new installation, or somebody who wants to read along.",
			"Ask the other person what p2pchat id shows there.",
		} {
			p.say("%s", l)
		}
		return &fault{text: "not dialled: the peer at " + hostport + " has changed", hint: "--new-key accepts the new one", code: codeRefused}
	case "own-peer":
		return errOwnPeer()
	case "nobody-listens":
		f.text = "nobody listens at " + hostport
	case "not-a-peer":
		f.text = "what listens at " + hostport + " is not p2pchat"
	case "no-such-host":
		f.text, f.hint = "no computer is known as "+strings.TrimSuffix(hostport, hostport[strings.LastIndex(hostport, ":"):]), "check the name, and your connection"
	case "no-answer":
		f.text = "no answer from " + hostport
	case "unreachable":
		f.text = hostport + " cannot be reached"
	default:
		return err
	}
	return f
}
