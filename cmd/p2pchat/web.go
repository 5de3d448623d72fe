package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/invite"
	"github.com/p2pchat/p2pchat/node"
	"github.com/p2pchat/p2pchat/settings"
	"github.com/p2pchat/p2pchat/ui/web/board"
)

const (
	// measureEvery is how often a seed measures how far away those are who are
	// connected to it.
	measureEvery = 30 * time.Second
	// welcomeRoom is where the seed's page invites people to.
	welcomeRoom = chat.RoomName("lobby")
)

// withBoard runs f while the seed's page is served. That the usual address is taken
// is told and no more: somebody else's page may be there.
func (p *program) withBoard(ctx context.Context, o *owner, folder *identity.Folder, metrics *prometheus.Registry, f func() error) error {
	if p.settings.Web == "" {
		return f()
	}
	source := newSource(ctx, o.Node)
	defer source.close()
	server, err := board.Serve(ctx, board.Config{
		Addr: p.settings.Web, Source: source, Dir: folder.Dir(), ShowAddrs: p.flags.showAddrs, Join: joinCommand(o.Node),
		Version: version(), Metrics: promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}), Log: o.cfg.Log,
	})
	switch {
	case err == nil:
	case errors.Is(err, syscall.EADDRINUSE) && p.settings.Origin("web").From == settings.FromDefault:
		p.say("the page of who is online is not shown: another program uses %s (hint: --web ADDR)", p.settings.Web)
		return f()
	default:
		return webFault(p.settings.Web, err)
	}
	p.say("who is online: http://%s/", server.Addr())
	return errors.Join(f(), server.Close())
}

// webFault finds the words for an address at which no page can be shown.
func webFault(addr string, err error) error {
	f := &fault{text: fmt.Sprintf("the page cannot be shown at %s", addr), code: codeFailure, cause: err, hint: "choose another address with --web, or --web off"}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		f.text += ": another program uses this port"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		f.text += ": this computer does not have this address"
	case errors.Is(err, syscall.EACCES):
		f.text += ": not permitted"
	}
	return f
}

// joinCommand is the command line with which newcomers begin.
func joinCommand(n *node.Node) string {
	addrs := invite.Choose(n.Addrs())
	if len(addrs) == 0 {
		return ""
	}
	i := invite.Invite{
		Peer: n.Self(), Room: welcomeRoom, Seeds: []peer.AddrInfo{{ID: n.Self().Libp2p(), Addrs: addrs[:min(len(addrs), invite.MaxSeedAddrs)]}},
	}
	return inviteCommand(i.String(), i.Room)
}

// A source is what a seed's page shows. It owns one goroutine that counts who comes
// and goes, and one that measures.
type source struct {
	node          *node.Node
	joins, leaves atomic.Uint64
	cancel        context.CancelFunc
	wg            sync.WaitGroup
}

func newSource(ctx context.Context, n *node.Node) *source {
	s := &source{node: n}
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	events := n.Subscribe()
	s.wg.Go(func() {
		defer events.Close()
		s.count(ctx, events)
	})
	s.wg.Go(func() { s.measure(ctx) })
	return s
}

func (s *source) close() {
	s.cancel()
	s.wg.Wait()
}

func (s *source) count(ctx context.Context, events *node.Subscription) {
	online := make(map[chat.PeerID]bool)
	for {
		evs, err := events.Next(ctx)
		for _, ev := range evs {
			m, ok := ev.(chat.Member)
			if !ok || !m.Conversation.IsPresence() || m.Online == online[m.Peer] {
				continue
			}
			if m.Online {
				online[m.Peer] = true
				s.joins.Add(1)
			} else {
				delete(online, m.Peer)
				s.leaves.Add(1)
			}
		}
		if err != nil {
			return
		}
	}
}

func (s *source) measure(ctx context.Context) {
	tick := time.NewTicker(measureEvery)
	defer tick.Stop()
	for {
		s.node.Measure(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Snapshot implements board.Source.
func (s *source) Snapshot(ctx context.Context) (board.Snapshot, error) {
	self := s.node.Self()
	out := board.Snapshot{Self: self}
	people, err := s.node.Online(ctx)
	if err != nil {
		return out, err
	}
	out.People = append(out.People, board.Person{Peer: self, Nick: s.node.Name(self), Online: true, Seed: true, Since: s.node.Started(), Addrs: s.node.Addrs()})
	for _, x := range people {
		person := board.Person{Peer: x.Peer, Nick: x.Nick, Online: x.Online, Since: x.Since, Seed: x.Seed, Rooms: x.Rooms}
		if x.Addr != "" {
			person.Addrs = []string{x.Addr}
		}
		out.People = append(out.People, person)
	}
	for _, l := range s.node.Links() {
		out.Links = append(out.Links, board.Link{A: self, B: l.Peer, Relayed: l.Relayed, RTT: l.RTT, Since: l.Since})
	}
	net, err := s.node.Network(ctx)
	if err != nil {
		return out, err
	}
	out.Counters = board.Counters{
		Joins: s.joins.Load(), Leaves: s.leaves.Load(), RelayedMessages: net.Forwarded, RelayedBytes: net.Relayed,
		BytesIn: net.In, BytesOut: net.Out, DHT: net.Discovery.TableSize,
	}
	return out, nil
}
