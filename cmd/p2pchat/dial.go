package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/identity"
)

func (p *program) dialCommand() *cobra.Command {
	var t talkFlags
	var newKey bool
	cmd := &cobra.Command{
		Use:   "dial PEER",
		Short: "Talk in private",
		Long: `Talk in private with one peer. PEER is a peer ID, the name of a contact, a full
multiaddr (/ip4/192.0.2.7/tcp/4001/p2p/12D3KooW...), or host:port; then the
peer ID is learnt from the other side and remembered as not verified. The talk
ends when either side says exit.`,
		Args:              words("PEER"),
		ValidArgsFunction: cobra.NoFileCompletions,
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
	return p.withNode(ctx, false, func(r *running) error {
		events := r.Subscribe()
		defer events.Close()
		id, err := p.resolve(ctx, r, target, newKey)
		if err != nil {
			return err
		}
		past, err := p.past(ctx, r, chat.With(id), t)
		if err != nil {
			return err
		}
		if err := r.Dial(ctx, id); err != nil {
			return err
		}
		if !t.json {
			p.say("dialling %s as %s", id, whoAmI(r))
		}
		return p.talk(ctx, r, events, past, chat.With(id), t, inviteTo(r, "dial "+r.Self().String()))
	})
}

// A target is what a person may dial. One of the fields is set.
type target struct {
	peer     chat.PeerID
	info     peer.AddrInfo // with addresses
	hostport string
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
	if strings.HasPrefix(s, "/") {
		return parseFullAddr(s)
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
	return target{peer: id, info: *info}, err
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

// resolve turns a target into a peer, and tells the node what it knows of it.
func (p *program) resolve(ctx context.Context, r *running, t target, newKey bool) (chat.PeerID, error) {
	id := t.peer
	if t.hostport != "" {
		var err error
		if id, err = p.whoIsAt(ctx, r, t.hostport); err != nil {
			return chat.PeerID{}, err
		}
	}
	if id == r.Self() {
		return chat.PeerID{}, usage("this is your own peer ID", "dial somebody else's; p2pchat peers shows who is online")
	}
	if len(t.info.Addrs) > 0 {
		r.AddAddrs(t.info)
	}
	if t.hostport == "" {
		return id, nil
	}
	return id, p.compare(r.folder, t.hostport, id, newKey)
}

// whoIsAt learns which peer listens at a host:port.
func (p *program) whoIsAt(ctx context.Context, r *running, hostport string) (chat.PeerID, error) {
	addr, err := host.ParseHostPort(hostport)
	if err != nil {
		return chat.PeerID{}, err
	}
	id, err := r.PeerAt(ctx, addr)
	if err == nil || ctx.Err() != nil {
		return id, err
	}
	f := &fault{code: codeFailure, cause: err, hint: "is p2pchat running there, and is this its port?"}
	var dns *net.DNSError
	switch {
	case errors.Is(err, host.ErrNobodyListens):
		f.text = "nobody listens at " + hostport
	case errors.Is(err, host.ErrNotAPeer):
		f.text = "what listens at " + hostport + " is not p2pchat"
	case errors.As(err, &dns):
		f.text, f.hint = "no computer is known as "+strings.TrimSuffix(hostport, hostport[strings.LastIndex(hostport, ":"):]), "check the name, and your connection"
	case errors.Is(err, host.ErrNoAnswer):
		f.text = "no answer from " + hostport
	default:
		f.text = hostport + " cannot be reached"
	}
	return chat.PeerID{}, f
}

// compare shows who answers at a host:port, loudly if somebody else did before.
func (p *program) compare(folder *identity.Folder, hostport string, id chat.PeerID, newKey bool) error {
	known, err := folder.KnownHosts()
	if err != nil {
		return err
	}
	before, changed, err := known.Learn(hostport, id)
	switch {
	case err != nil:
		return err
	case changed && newKey:
		p.say("%s is now %s, and was %s", hostport, id, before)
		return known.Replace(hostport, id)
	case changed:
		for _, l := range []string{
			"WARNING: ANOTHER PEER ANSWERS AT " + hostport + " THAN BEFORE",
			"before: " + before.String(),
			"now:    " + id.String(),
			"It may be a new installation, or somebody who wants to read along.",
			"Ask the other person what p2pchat id shows there.",
		} {
			p.say("%s", l)
		}
		return &fault{text: "not dialled: the peer at " + hostport + " has changed", hint: "--new-key accepts the new one", code: codeRefused}
	case before == chat.PeerID{}:
		p.say("%s is %s, met for the first time and not verified", hostport, id)
	}
	return nil
}
