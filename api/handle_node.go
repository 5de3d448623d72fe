package api

import (
	"context"
	"os"
	"runtime"
	"runtime/metrics"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/node"
)

// statusPatience bounds the pings of a status, whose answers it does not need.
const statusPatience = 300 * time.Millisecond

func (s *Server) getNode(context.Context, *call) (any, error) { return s.info(), nil }

func (s *Server) info() NodeInfo {
	return NodeInfo{
		Program: "p2pchat", Version: chat.SafeString(s.cfg.Version), API: Version,
		Peer: s.self, Fingerprint: s.self.Fingerprint(), Name: Text{s.ownName()},
		PID: os.Getpid(), Since: milli(s.since), Run: s.ring.run, Addrs: safeStrings(s.cfg.Node.Addrs()),
		Seed: s.cfg.Seed,
	}
}

func (s *Server) getStatus(ctx context.Context, _ *call) (any, error) {
	st := Status{NodeInfo: s.info(), Memory: memory(), Goroutines: runtime.NumGoroutine(), Open: len(s.holds.all())}
	quick, cancel := context.WithTimeout(ctx, statusPatience)
	defer cancel()
	conns, err := s.cfg.Node.Connections(quick)
	if err != nil && ctx.Err() != nil {
		return nil, err
	}
	st.Connections = len(conns)
	for _, c := range conns {
		if c.Relayed {
			st.Relayed++
		}
	}
	members, err := s.cfg.Node.Members(ctx, chat.Presence())
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		if m.Online && !m.Seed {
			st.Peers++
		}
	}
	st.Network = s.network(ctx)
	s.facesMu.Lock()
	defer s.facesMu.Unlock()
	st.Faces = s.streams
	if n := st.Network; n != nil {
		t := Traffic{In: n.In, Out: n.Out}
		t.InHour, t.OutHour = s.meter.hour(sample{s.cfg.now(), n.In, n.Out})
		st.Traffic = &t
	}
	return st, nil
}

// memory is what the process has of the machine's memory for Go, in bytes.
func memory() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	for _, m := range samples {
		if m.Value.Kind() != metrics.KindUint64 {
			return 0
		}
	}
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}

func (s *Server) putName(_ context.Context, c *call) (any, error) {
	var b nameBody
	if err := c.parse(&b); err != nil {
		return nil, err
	}
	name, err := chat.NewNick(b.Name)
	if err != nil {
		return nil, err
	}
	if err := s.cfg.Folder.SetName(name); err != nil {
		return nil, err
	}
	s.cfg.Node.SetName(name)
	s.facesMu.Lock()
	defer s.facesMu.Unlock()
	s.name = name
	return nil, nil
}

func (s *Server) getPeers(ctx context.Context, _ *call) (any, error) {
	list, err := s.cfg.Node.Peers(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Peer, 0, len(list))
	for _, p := range list {
		out = append(out, NewPeer(p))
	}
	return struct {
		Peers []Peer `json:"peers"`
	}{out}, nil
}

// NewPeer makes the object of somebody who is online, with all strings safe.
func NewPeer(p node.Peer) Peer {
	return Peer{
		Type: "peer", Nick: Text{p.Nick}, Peer: p.Peer, Online: p.Online, Seed: p.Seed,
		How: p.How, Addr: chat.SafeString(p.Addr), RTT: milliseconds(p.RTT), Since: milli(p.Since), Rooms: p.Rooms,
	}
}

func (s *Server) getConnections(ctx context.Context, _ *call) (any, error) {
	list, err := s.cfg.Node.Connections(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Connection, 0, len(list))
	for _, c := range list {
		out = append(out, NewConnection(c))
	}
	return struct {
		Connections []Connection `json:"connections"`
	}{out}, nil
}

// NewConnection makes the object of a connection, with all strings safe.
func NewConnection(c node.Connection) Connection {
	o := Connection{
		Type: "connection", Nick: Text{c.Name}, Peer: c.Peer, Role: c.Role, Relayed: c.Relayed, Inbound: c.Inbound,
		Local: chat.SafeString(c.Local), Remote: chat.SafeString(c.Remote), Transport: chat.SafeString(c.Transport),
		Security: chat.SafeString(c.Security), Muxer: chat.SafeString(c.Muxer), Opened: milli(c.Opened),
		In: c.In, Out: c.Out, RTT: milliseconds(c.RTT), Streams: safeStrings(c.Streams),
	}
	if !c.Via.IsZero() {
		o.Via = &c.Via
	}
	return o
}

// milliseconds is how JSON has a time span.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// milli is how JSON has a time.
func milli(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// safeStrings makes strings safe to be shown; the list is never null in JSON.
func safeStrings(all []string) []string {
	out := make([]string, 0, len(all))
	for _, s := range all {
		out = append(out, chat.SafeString(s))
	}
	return out
}
