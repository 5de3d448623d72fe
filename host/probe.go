package host

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	ma "github.com/multiformats/go-multiaddr"
	mss "github.com/multiformats/go-multistream"

	"github.com/p2pchat/p2pchat/chat"
)

// What PeerAt may find in place of a peer; errors.Is tells them apart.
var (
	// ErrNobodyListens: the machine answers, but nothing listens on that port.
	ErrNobodyListens = errors.New("nobody listens there")
	// ErrNotAPeer: something listens that does not speak libp2p over Noise.
	ErrNotAPeer = errors.New("what listens there is no libp2p peer")
	// ErrNoAnswer: nothing came back in time.
	ErrNoAnswer = errors.New("no answer in time")
)

// ParseHostPort turns "host:port" into an address for PeerAt: an IPv4 or IPv6
// address (the latter in brackets) or a name, and a port of 1 to 65535.
func ParseHostPort(s string) (ma.Multiaddr, error) {
	name, port, err := net.SplitHostPort(strings.TrimSpace(s))
	if err != nil {
		return nil, fmt.Errorf("%q is not host:port: %w", s, err)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return nil, fmt.Errorf("%q has no port between 1 and 65535", s)
	}
	kind := "dns"
	if ip, err := netip.ParseAddr(name); err == nil {
		if ip.Zone() != "" {
			return nil, fmt.Errorf("%q has a zone, which a peer's address cannot have", s)
		}
		ip = ip.Unmap()
		kind, name = "ip6", ip.String()
		if ip.Is4() {
			kind = "ip4"
		}
	}
	if name == "" || strings.ContainsAny(name, "/ ") {
		return nil, fmt.Errorf("%q names no host", s)
	}
	a, err := ma.NewMultiaddr("/" + kind + "/" + name + "/tcp/" + port)
	if err != nil {
		return nil, fmt.Errorf("%q is not host:port: %w", s, err)
	}
	return a, nil
}

// PeerAt learns who listens at an address of which only host and port are
// known. It runs the Noise handshake, in which the other side proves its
// identity, and hangs up. Whether that identity is the wanted one, nobody can
// tell: show it to the user, and remember it as unverified.
//
// It shows a throwaway identity of its own, since anybody may listen there.
func (h *Host) PeerAt(ctx context.Context, addr ma.Multiaddr) (peer.ID, error) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.dialTimeout())
	defer cancel()
	id, err := h.peerAt(ctx, addr)
	if err != nil {
		return "", fmt.Errorf("ask who is at %s: %w", addr, err)
	}
	return id, nil
}

func (h *Host) peerAt(ctx context.Context, addr ma.Multiaddr) (peer.ID, error) {
	scope, err := h.Network().ResourceManager().OpenConnection(network.DirOutbound, true, addr)
	if err != nil {
		return "", err
	}
	defer scope.Done()

	c, err := h.transport.DialRaw(ctx, addr)
	if err != nil {
		return "", explainDial(ctx, err)
	}
	defer c.Close()
	// Multistream knows no context. Closing twice is harmless.
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()

	st, err := anyPeer()
	if err != nil {
		return "", err
	}
	if _, err := mss.SelectOneOf([]protocol.ID{noise.ID}, c); err != nil {
		return "", explainTalk(ctx, err)
	}
	sc, err := st.SecureOutbound(ctx, c, "")
	if err != nil {
		return "", explainTalk(ctx, err)
	}
	id := sc.RemotePeer()
	if _, err := chat.PeerIDFromLibp2p(id); err != nil {
		return "", err
	}
	return id, nil
}

// anyPeer is a Noise that accepts whoever answers.
func anyPeer() (sec.SecureTransport, error) {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return nil, err
	}
	t, err := noise.New(noise.ID, key, nil)
	if err != nil {
		return nil, err
	}
	return t.WithSessionOptions(noise.DisablePeerIDCheck())
}

func explainDial(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w: %w", ErrNobodyListens, err)
	case ctx.Err() != nil, os.IsTimeout(err):
		return fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	return err
}

func explainTalk(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ErrNoAnswer, ctx.Err())
	}
	return fmt.Errorf("%w: %w", ErrNotAPeer, err)
}
