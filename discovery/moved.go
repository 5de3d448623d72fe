package discovery

import (
	"context"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
)

// Moved says that this machine has changed its network, or woke up: whoever
// could not be reached may be now, and what was announced may be wrong. All who
// were lost are dialled again at once, searches look up, the local network is
// listened to anew, and our names are announced as soon as our new addresses are
// known. It returns at once.
func (s *Service) Moved() {
	s.horizon.moved()
	select {
	case s.moves <- struct{}{}:
	default:
	}
	s.lan.again()
}

// asksAfter is after how many failures in a row it is asked where a lost peer
// is, for it may have moved; the searches of its rooms ask from time to time.
const asksAfter = 2

// Redial dials p again, soon and politely, and asks for its addresses if there
// are none: the connection with it was closed because it was no good. It tries
// for about half a minute, and returns at once.
func (s *Service) Redial(p chat.PeerID) {
	s.beside(func() { s.redial(p.Libp2p()) })
}

// ask asks the DHT where p is, for at most askTimeout. The addresses go to the
// host's store.
func (s *Service) ask(ctx context.Context, p peer.ID) {
	if s.table.size() == 0 {
		return
	}
	addrs, err := s.table.locate(ctx, p)
	if err != nil {
		s.cfg.log().Debug("nobody knows where it is", "peer", p, "err", err)
	}
	addAddrs(s.h, peer.AddrInfo{ID: p, Addrs: addrs}, foundAddrLife)
}
