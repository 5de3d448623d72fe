package chat_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"math/big"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"filippo.io/edwards25519"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/chat"
)

// keyOf is the public key that belongs to a seed of 32 times n.
func keyOf(n byte) ed25519.PublicKey {
	seed := bytes.Repeat([]byte{n}, ed25519.SeedSize)
	return ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
}

func peerID(n byte) chat.PeerID {
	p, err := chat.PeerIDFromKey(keyOf(n))
	if err != nil {
		panic(err)
	}
	return p
}

// torsion returns the 8 points whose order divides 8, found by multiplying
// points of the curve by the order of its large subgroup.
func torsion(t *testing.T) []*edwards25519.Point {
	order, _ := new(big.Int).SetString("27742317777372353535851937790883648493", 10)
	order.SetBit(order, 252, 1)
	for y := byte(2); ; y++ {
		enc := make([]byte, 32)
		enc[0] = y
		p, err := new(edwards25519.Point).SetBytes(enc)
		if err != nil {
			continue // no point has this y
		}
		small := edwards25519.NewIdentityPoint()
		for i := order.BitLen() - 1; i >= 0; i-- {
			small.Add(small, small)
			if order.Bit(i) == 1 {
				small.Add(small, p)
			}
		}
		var all []*edwards25519.Point
		next := edwards25519.NewIdentityPoint()
		for {
			all = append(all, new(edwards25519.Point).Set(next))
			next.Add(next, small)
			if next.Equal(edwards25519.NewIdentityPoint()) == 1 {
				break
			}
		}
		if len(all) == 8 {
			return all
		}
		if y == 255 {
			t.Fatal("no point of order 8 found")
		}
	}
}

// littleEndian is n as 32 bytes.
func littleEndian(n *big.Int) []byte {
	b := n.FillBytes(make([]byte, 32))
	for i := range 16 {
		b[i], b[31-i] = b[31-i], b[i]
	}
	return b
}

// One signature by a key of small order holds for every message, so such a key
// is nobody's. The table in smallOrder is checked against the curve itself.
func TestWeakKeysAreNobody(t *testing.T) {
	prime := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	weak := make(map[string]bool)
	add := func(y []byte) { // with both signs of x
		y = bytes.Clone(y)
		y[31] &= 0x7f
		weak[string(y)] = true
		y[31] |= 0x80
		weak[string(y)] = true
	}
	for _, p := range torsion(t) {
		add(p.Bytes())
	}
	if len(weak) != 10 { // 5 values of y
		t.Fatalf("%d weak keys of canonical y, want 10", len(weak))
	}
	for i := range int64(19) { // all encodings of a y that is not reduced
		add(littleEndian(new(big.Int).Add(prime, big.NewInt(i))))
	}
	for key := range weak {
		if _, err := chat.PeerIDFromKey([]byte(key)); !errors.Is(err, chat.ErrBadPeerID) {
			t.Errorf("key %x: %v, want ErrBadPeerID", key, err)
		}
		pub, err := crypto.UnmarshalEd25519PublicKey([]byte(key))
		if err != nil {
			t.Fatal(err)
		}
		id, err := peer.IDFromPublicKey(pub)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := chat.ParsePeerID(id.String()); !errors.Is(err, chat.ErrBadPeerID) {
			t.Errorf("ID of key %x: %v, want ErrBadPeerID", key, err)
		}
	}

	// Why it matters: R = the key, S = 0 verifies for very different messages.
	one := make([]byte, 32)
	one[0] = 1
	sig := append(bytes.Clone(one), make([]byte, 32)...)
	if !ed25519.Verify(one, []byte("hi"), sig) || !ed25519.Verify(one, []byte("anything"), sig) {
		t.Error("the identity's signature does not hold: is this test still needed?")
	}

	// The neighbours of the bounds are fine.
	for i := range int64(10) {
		y := littleEndian(new(big.Int).Sub(prime, big.NewInt(2+i)))
		if _, err := chat.PeerIDFromKey(y); err != nil {
			t.Errorf("y = p-%d: %v", 2+i, err)
		}
	}
}

func TestKeysOfAnotherLengthAreNobody(t *testing.T) {
	for _, n := range []int{0, 1, 31, 33, 64} {
		if _, err := chat.PeerIDFromKey(make([]byte, n)); !errors.Is(err, chat.ErrBadPeerID) {
			t.Errorf("%d bytes: %v, want ErrBadPeerID", n, err)
		}
	}
}

func TestPeerIDRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed")
		key := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
		p, err := chat.PeerIDFromKey(key)
		if err != nil {
			t.Fatal(err)
		}
		pub, _ := crypto.UnmarshalEd25519PublicKey(key)
		id, _ := peer.IDFromPublicKey(pub)
		if p.Libp2p() != id {
			t.Fatalf("libp2p calls it %s, we call it %s", id, p.Libp2p())
		}
		for _, s := range []string{p.String(), " " + p.String() + "\n", peer.ToCid(id).String()} {
			if q, err := chat.ParsePeerID(s); err != nil || q != p {
				t.Fatalf("parse %q: %v, %v", s, q, err)
			}
		}
		if q, err := chat.PeerIDFromLibp2p(id); err != nil || q != p {
			t.Fatalf("from libp2p: %v, %v", q, err)
		}
		if !strings.HasPrefix(p.String(), "12D3KooW") || !strings.HasSuffix(p.String(), p.Short()) {
			t.Fatalf("%s, short %s", p, p.Short())
		}
	})
}

func TestPeerIDJSON(t *testing.T) {
	type told struct {
		Somebody, Nobody chat.PeerID
		Names            map[chat.PeerID]string
	}
	in := told{Somebody: peerID(1), Names: map[chat.PeerID]string{peerID(2): "bob"}}
	data, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"Somebody":"12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5","Nobody":"",` +
		`"Names":{"12D3KooWJWoaqZhDaoEFshF7Rh1bpY9ohihFhzcW6d69Lr2NASuq":"bob"}}`
	if string(data) != want {
		t.Errorf("got  %s\nwant %s", data, want)
	}
	var out told
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	if out.Somebody != in.Somebody || !out.Nobody.IsZero() || out.Names[peerID(2)] != "bob" {
		t.Errorf("came back as %+v", out)
	}
	if err := json.Unmarshal([]byte(`{"Somebody":"bob"}`), &out); !errors.Is(err, chat.ErrBadPeerID) {
		t.Errorf("a name for an ID: %v", err)
	}
}

// Only Ed25519 identities take part.
func TestOtherKindsOfIdentityAreRefused(t *testing.T) {
	for name, kind := range map[string]int{"RSA": crypto.RSA, "secp256k1": crypto.Secp256k1, "ECDSA": crypto.ECDSA} {
		_, pub, err := crypto.GenerateKeyPair(kind, 2048)
		if err != nil {
			t.Fatal(err)
		}
		id, err := peer.IDFromPublicKey(pub)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := chat.PeerIDFromLibp2p(id); !errors.Is(err, chat.ErrBadPeerID) {
			t.Errorf("%s: %v, want ErrBadPeerID", name, err)
		}
		if _, err := chat.ParsePeerID(id.String()); !errors.Is(err, chat.ErrBadPeerID) {
			t.Errorf("%s as text: %v, want ErrBadPeerID", name, err)
		}
	}
}

// A key has one ID. Another encoding of the same key would be a second name for
// one person: a way around a block list.
func TestOtherEncodingsOfAnIDAreRefused(t *testing.T) {
	key := string(keyOf(1))
	pub, err := crypto.UnmarshalEd25519PublicKey(keyOf(1))
	if err != nil {
		t.Fatal(err)
	}
	for name, id := range map[string]string{
		"fields reordered":          "\x00\x24\x12\x20" + key + "\x08\x01",
		"type with a long varint":   "\x00\x25\x08\x81\x00\x12\x20" + key,
		"length with a long varint": "\x00\x25\x08\x01\x12\xa0\x00" + key,
		"type twice":                "\x00\x26\x08\x01\x08\x01\x12\x20" + key,
		"type wraps around to 1":    "\x00\x28\x08\x81\x80\x80\x80\x10\x12\x20" + key,
		"unknown field":             "\x00\x26\x08\x01\x12\x20" + key + "\x18\x01",
		"long multihash code":       "\x80\x00\x24\x08\x01\x12\x20" + key,
		"long multihash length":     "\x00\xa4\x00\x08\x01\x12\x20" + key,
		"trailing byte":             "\x00\x24\x08\x01\x12\x20" + key + "\x00",
		"truncated":                 "\x00\x24\x08\x01\x12\x20" + key[:31],
		"empty":                     "",
	} {
		if _, err := chat.PeerIDFromLibp2p(peer.ID(id)); !errors.Is(err, chat.ErrBadPeerID) {
			t.Errorf("%s: %v, want ErrBadPeerID", name, err)
		}
	}
	hashed, err := peer.IDFromPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := chat.PeerIDFromLibp2p(hashed); err != nil || p != peerID(1) {
		t.Errorf("the one encoding: %v, %v", p, err)
	}
}

func TestParsePeerIDSaysWhatWasGiven(t *testing.T) {
	for _, s := range []string{"", "bob", "12D3KooW", "\x1b[31m\xff", strings.Repeat("é", 10_000)} {
		_, err := chat.ParsePeerID(s)
		if !errors.Is(err, chat.ErrBadPeerID) {
			t.Errorf("%.20q: %v, want ErrBadPeerID", s, err)
		}
		if msg := err.Error(); len(msg) > 200 || strings.ContainsAny(msg, "\x1b\n") || !utf8.ValidString(msg) {
			t.Errorf("%.20q: the error itself hurts: %.300q", s, msg)
		}
	}
}

func TestFingerprint(t *testing.T) {
	got := peerID(1).Fingerprint()
	if !regexp.MustCompile(`^\d{5}( \d{5}){7}$`).MatchString(got) {
		t.Errorf("fingerprint %q is not 8 groups of 5 digits", got)
	}
	// People compare it across versions: it may never change.
	if want := "60196 51821 81581 06342 58863 48154 93199 92094"; got != want {
		t.Errorf("fingerprint of key 1 is %q, want %q", got, want)
	}
	if got == peerID(2).Fingerprint() {
		t.Error("two keys, one fingerprint")
	}
}

func FuzzParsePeerID(f *testing.F) {
	f.Add(peerID(1).String())
	f.Add(peer.ToCid(peerID(2).Libp2p()).String())
	f.Add("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := chat.ParsePeerID(s)
		if err != nil {
			if !errors.Is(err, chat.ErrBadPeerID) || !p.IsZero() {
				t.Fatalf("%v, %v", p, err)
			}
			return
		}
		if q, err := chat.ParsePeerID(p.String()); err != nil || q != p {
			t.Fatalf("%q is %s, which is %s, %v", s, p, q, err)
		}
	})
}
