package discovery

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
)

// Lookup tells which addresses of p are known, without dialling p: those that
// the host has, that are remembered, and that the DHT names now; at most 8, the
// best first. It takes at most 2 seconds. The error says why the DHT did not
// answer, if so, and is safe to be shown; what is known otherwise is returned
// all the same.
func (s *Service) Lookup(ctx context.Context, p peer.ID) ([]ma.Multiaddr, error) {
	if !s.dials.usable(p) {
		return nil, fmt.Errorf("look up %s: %w", chat.SafeString(p.String()), errNotAllowed)
	}
	told, err := s.table.locate(ctx, p)
	trusted := s.dials.trusted(p)
	addrs := append(append(trusted, s.dials.worthy(p)...), told...)
	if err != nil {
		err = safeError{fmt.Errorf("ask the DHT for %s: %w", p, err)}
	}
	return s.dials.bound(trusted, addrs), err
}

// A DialResult is what became of dialling one address.
type DialResult struct {
	Addr ma.Multiaddr
	// Took is how long that lasted.
	Took time.Duration
	// Err is nil if the peer answered there, and proved to be itself. Its text is
	// safe to be shown.
	Err error
}

var (
	errNoWay  = errors.New("this host cannot dial such an address")
	errByName = errors.New("a name, which is not looked up here")
)

// DialEach dials each address of p by itself, at most 16 and all at once, and
// tells of each what became of it, in the order given. It takes at most 8
// seconds. The connections are closed at once and used for nothing: they only
// prove, by the whole handshake, that p is there. A connection that exists is
// not used, and stays.
func (s *Service) DialEach(ctx context.Context, p peer.ID, addrs []ma.Multiaddr) []DialResult {
	addrs = addrs[:min(len(addrs), 2*maxAddrs)]
	results := make([]DialResult, len(addrs))
	var wg sync.WaitGroup
	for i, a := range addrs {
		wg.Go(func() {
			began := time.Now()
			err := s.dialOne(ctx, p, a)
			if err != nil {
				err = safeError{err}
			}
			results[i] = DialResult{Addr: a, Took: time.Since(began), Err: err}
		})
	}
	wg.Wait()
	return results
}

// A dialNetwork gives the transport below a host: what the host dials itself
// it joins with the dials and connections that it has.
type dialNetwork interface {
	TransportForDialing(a ma.Multiaddr) transport.Transport
}

func (s *Service) dialOne(ctx context.Context, p peer.ID, a ma.Multiaddr) error {
	if !s.dials.usable(p) {
		return errNotAllowed
	}
	if len(a) > 0 && isName(a) {
		return errByName
	}
	below, ok := s.h.Network().(dialNetwork)
	if !ok {
		return errNoWay
	}
	by := below.TransportForDialing(a)
	if by == nil || !by.CanDial(a) {
		return errNoWay
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c, err := by.Dial(ctx, a, p)
	if err != nil {
		return err
	}
	return c.Close()
}

// isName reports whether an address is to be resolved first.
func isName(a ma.Multiaddr) bool {
	switch a[0].Code() {
	case ma.P_DNS, ma.P_DNS4, ma.P_DNS6, ma.P_DNSADDR:
		return true
	}
	return false
}
