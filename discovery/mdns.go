package discovery

import (
	"io"

	corehost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"
)

// mdnsName is the service we announce on the local network (PROTOCOL.md,
// section 8).
const mdnsName = "_p2pchat._udp"

// startMDNS announces this node on the local network and calls found, from any
// goroutine, for each node heard there, until it is closed. found must not wait.
func startMDNS(h corehost.Host, found func(peer.AddrInfo)) (io.Closer, error) {
	s := mdns.NewMdnsService(lanHost{h}, mdnsName, notifee(found))
	if err := s.Start(); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

type notifee func(peer.AddrInfo)

func (f notifee) HandlePeerFound(info peer.AddrInfo) { f(info) }
