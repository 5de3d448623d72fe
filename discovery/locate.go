package discovery

import (
	"context"
	"sync"

	kb "github.com/libp2p/go-libp2p-kbucket"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
)

// maxLocators is how many servers are asked where a peer is.
const maxLocators = 8

// locate asks the servers closest to p, for at most askTimeout, where p is. The
// DHT's own question for a peer dials the peer; this one does not, and is
// shorter: it asks those we know and no others. The error says why there is no
// answer.
func (t *table) locate(ctx context.Context, p peer.ID) ([]ma.Multiaddr, error) {
	servers := t.dht.RoutingTable().NearestPeers(kb.ConvertPeerID(p), maxLocators)
	if len(servers) == 0 {
		return nil, errNoServers
	}
	id, err := chat.PeerIDFromLibp2p(p)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var (
		mu    sync.Mutex
		all   []ma.Multiaddr
		wg    sync.WaitGroup
		fault error
		told  bool // somebody has answered
	)
	take := func(infos []*peer.AddrInfo, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			fault = err
			return
		}
		told = true
		for _, info := range infos {
			if info.ID == p {
				all = append(all, t.use(info.Addrs)...)
			}
		}
	}
	for _, s := range servers {
		if s != servers[0] && t.h.Network().Connectedness(s) != network.Connected {
			continue // the closest is worth a dial, the others are not
		}
		wg.Go(func() { take(t.rpc.GetClosestPeers(ctx, s, p)) })
		wg.Go(func() {
			infos, _, err := t.rpc.GetProviders(ctx, s, peerKey(id).cid.Hash())
			take(infos, err)
		})
	}
	wg.Wait()
	if told {
		fault = nil
	}
	return boundAddrs(all), fault
}
