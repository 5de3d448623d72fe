package host

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
)

func TestBlockedPeerIsRefusedBothWays(t *testing.T) {
	var asked atomic.Int32
	var stranger *Host
	guarded := start(t, Config{Blocked: func(p peer.ID) bool {
		asked.Add(1)
		return p == stranger.ID()
	}})
	stranger = start(t, Config{})
	friend := start(t, Config{})

	if err := connect(t, guarded, stranger); !errors.Is(err, swarm.ErrGaterDisallowedConnection) {
		t.Errorf("dialling a blocked peer: %v", err)
	}
	if n := len(stranger.Network().Conns()); n != 0 {
		t.Errorf("the blocked peer saw %d connections", n)
	}

	// Inbound, the caller believes to be connected until the refusal arrives.
	_ = connect(t, stranger, guarded)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if s, err := stranger.NewStream(ctx, guarded.ID(), "/ipfs/ping/1.0.0"); err == nil {
		if _, err := s.Write(make([]byte, 32)); err == nil {
			_, err = s.Read(make([]byte, 32))
			if err == nil {
				t.Error("a blocked peer was answered")
			}
		}
	}
	if n := len(guarded.Network().ConnsToPeer(stranger.ID())); n != 0 {
		t.Errorf("%d connections with a blocked peer", n)
	}
	if asked.Load() < 2 {
		t.Errorf("Blocked was asked %d times", asked.Load())
	}
	if err := connect(t, friend, guarded); err != nil {
		t.Errorf("a friend was refused: %v", err)
	}
}

// weakKeys are points of small order, and one of them in a second encoding.
func weakKeys() map[string]string {
	return map[string]string{
		"order 1":                "0100000000000000000000000000000000000000000000000000000000000000",
		"order 2":                "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"order 4":                "0000000000000000000000000000000000000000000000000000000000000000",
		"order 8":                "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"order 1, not canonical": "0100000000000000000000000000000000000000000000000000000000000080",
	}
}

func ids(t *testing.T) map[string]peer.ID {
	t.Helper()
	m := make(map[string]peer.ID)
	for name, h := range weakKeys() {
		raw, err := hex.DecodeString(h)
		if err != nil {
			t.Fatal(err)
		}
		pub, err := crypto.UnmarshalEd25519PublicKey(raw)
		if err != nil {
			t.Fatal(err)
		}
		if m[name], err = peer.IDFromPublicKey(pub); err != nil {
			t.Fatal(err)
		}
	}
	for name, generate := range map[string]func() (crypto.PrivKey, crypto.PubKey, error){
		"secp256k1": func() (crypto.PrivKey, crypto.PubKey, error) { return crypto.GenerateSecp256k1Key(rand.Reader) },
		"ECDSA":     func() (crypto.PrivKey, crypto.PubKey, error) { return crypto.GenerateECDSAKeyPair(rand.Reader) },
	} {
		_, pub, err := generate()
		if err != nil {
			t.Fatal(err)
		}
		if m[name], err = peer.IDFromPublicKey(pub); err != nil {
			t.Fatal(err)
		}
	}
	m["no key"] = "garbage"
	return m
}

func TestGaterRefusesUnsoundIdentities(t *testing.T) {
	g := &gater{log: slog.New(slog.DiscardHandler)}
	sound, err := peer.IDFromPrivateKey(newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	if !g.InterceptPeerDial(sound) || !g.InterceptSecured(network.DirInbound, sound, nil) {
		t.Error("a sound identity was refused")
	}
	for name, id := range ids(t) {
		if g.InterceptPeerDial(id) {
			t.Errorf("%s: dialled", name)
		}
		for _, dir := range []network.Direction{network.DirInbound, network.DirOutbound} {
			if g.InterceptSecured(dir, id, nil) {
				t.Errorf("%s: let in, %s", name, dir)
			}
		}
	}
}

func TestHostDoesNotDialWeakKeys(t *testing.T) {
	h, other := start(t, Config{}), start(t, Config{})
	for name, id := range ids(t) {
		if name == "no key" {
			continue // libp2p cannot even remember it
		}
		remember(h, id, other.Addrs()...)
		if _, err := h.Network().DialPeer(t.Context(), id); !errors.Is(err, swarm.ErrGaterDisallowedConnection) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// forger signs with a key of order 1: R = B, S = 1 verifies for every message
// under such a key, so nobody had to know a secret.
type forger struct{ crypto.PrivKey }

func (forger) GetPublic() crypto.PubKey {
	pub, err := crypto.UnmarshalEd25519PublicKey(append([]byte{1}, make([]byte, 31)...))
	if err != nil {
		panic(err)
	}
	return pub
}

func (forger) Sign([]byte) ([]byte, error) {
	base := append([]byte{0x58}, make([]byte, 63)...)
	for i := 1; i < 32; i++ {
		base[i] = 0x66
	}
	base[32] = 1
	return base, nil
}

// TestForgedIdentityIsRefused lets a host with such a key call: libp2p's Noise
// lets it through, the gater does not.
func TestForgedIdentityIsRefused(t *testing.T) {
	refused := make(logged, 16)
	victim := start(t, Config{Log: slog.New(refused)})
	key := forger{newKey(t)}
	if ok, err := key.GetPublic().Verify([]byte("anything"), func() []byte { s, _ := key.Sign(nil); return s }()); !ok || err != nil {
		t.Fatalf("the forgery does not hold: %v", err)
	}
	id, err := peer.IDFromPublicKey(key.GetPublic())
	if err != nil {
		t.Fatal(err)
	}
	attacker := &Host{cfg: Config{Key: key}} // New would refuse
	if err := attacker.assemble(id); err != nil {
		t.Fatal(err)
	}
	defer attacker.Close()
	_ = connect(t, attacker, victim)
	deadline := time.After(10 * time.Second)
	for msg := ""; msg != "refused a peer without a sound identity"; {
		select {
		case msg = <-refused:
		case <-deadline:
			t.Fatal("the gater was not asked")
		}
	}
	if n := len(victim.Network().Conns()); n != 0 {
		t.Errorf("%d connections with a forged identity", n)
	}
}

// logged is a log handler that passes messages on.
type logged chan string

func (l logged) Enabled(context.Context, slog.Level) bool { return true }
func (l logged) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l logged) WithGroup(string) slog.Handler            { return l }

func (l logged) Handle(_ context.Context, r slog.Record) error {
	select {
	case l <- r.Message:
	default: // nobody waits for more than the first few
	}
	return nil
}
