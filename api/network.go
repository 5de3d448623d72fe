package api

import (
	"context"
	"strings"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/bootstrap"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/node"
)

// network tells how the node is connected, or nil if it does not tell.
func (s *Server) network(ctx context.Context) *Network {
	n, ok := s.cfg.Node.(Networker)
	if !ok {
		return nil
	}
	told, err := n.Network(ctx)
	if err != nil {
		s.log.Debug("the network was not told", "err", err)
		return nil
	}
	return newNetwork(told)
}

func newNetwork(n node.Network) *Network {
	d := n.Discovery
	out := &Network{
		Reachability: strings.ToLower(n.Reach.Reachability.String()), NAT: n.Reach.NAT, Advertised: safeAddrs(n.Reach.Advertised),
		Seeds: []Seed{}, Searches: []Search{}, LAN: []LAN{},
		DHT:   DHT{Mode: d.Mode, Size: d.TableSize, Lookups: d.Lookups, LastError: safeError(d.LastError)},
		Dials: d.Dials, Resting: d.Resting, In: n.In, Out: n.Out,
		Relayed: n.Relayed, Forwarded: n.Forwarded,
	}
	for _, seed := range n.Seeds {
		out.Seeds = append(out.Seeds, newSeed(seed, n.Reach.Relays))
	}
	for _, q := range d.Searches {
		if conv, open := n.Conversations[q.Conversation]; open {
			out.Searches = append(out.Searches, Search{
				Conversation: Ref{conv}, Lookups: q.Lookups, Found: q.Found, Next: milli(q.NextLookup), LastError: safeError(q.LastError),
			})
		}
	}
	for _, l := range d.LAN {
		out.LAN = append(out.LAN, LAN{
			Interface: chat.SafeString(l.Interface), On: l.On, Addrs: safeAddrs(l.Addrs), LastError: safeError(l.LastError),
		})
	}
	return out
}

// newSeed tells how it stands with a seed, which may relay for us.
func newSeed(s bootstrap.SeedStatus, relays []host.Relay) Seed {
	o := Seed{Peer: s.Peer, Addrs: safeAddrs(s.Addrs), Connected: s.Connected, Since: milli(s.Since), LastError: chat.SafeString(s.Trouble())}
	for _, r := range relays {
		o.Reserved = o.Reserved || r.Reserved && r.Peer == s.Peer.Libp2p()
	}
	return o
}

func safeAddrs(all []ma.Multiaddr) []string {
	out := make([]string, 0, len(all))
	for _, a := range all {
		out = append(out, chat.SafeString(a.String()))
	}
	return out
}

// safeError is an error's text, or nothing.
func safeError(err error) string {
	if err == nil {
		return ""
	}
	return chat.SafeString(err.Error())
}
