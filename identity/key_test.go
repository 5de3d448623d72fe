package identity

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/p2pchat/p2pchat/chat"
)

// testKey is a fresh key as the key file holds it.
func testKey(t testing.TB) ([]byte, chat.PeerID) {
	t.Helper()
	priv, id, err := Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	data, err := crypto.MarshalPrivateKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	return data, id
}

func TestKeyStaysTheSame(t *testing.T) {
	f := testFolder(t)
	priv, id, err := f.Key()
	if err != nil {
		t.Fatal(err)
	}
	wantMode(t, f.path(keyFile), 0o600)
	wantFiles(t, f, "key")
	again, id2, err := openFolder(t, f.Dir()).Key()
	if err != nil || id2 != id || !again.Equals(priv) {
		t.Errorf("second time: got %s, %v, want %s", id2, err, id)
	}
	// What it signs is signed by the peer it names.
	sig, err := priv.Sign([]byte("hello"))
	if err != nil || !ed25519.Verify(id[:], []byte("hello"), sig) {
		t.Errorf("the key does not sign for %s: %v", id, err)
	}
	other, otherID, err := testFolder(t).Key()
	if err != nil || otherID == id || other.Equals(priv) {
		t.Errorf("another folder has the same key, or %v", err)
	}
}

// libp2p programs can read the file, and it is not wider than it looks.
func TestKeyFileIsLibp2pKey(t *testing.T) {
	data, id := testKey(t)
	if len(data) > maxKey {
		t.Fatalf("a key has %d bytes", len(data))
	}
	f := testFolder(t)
	put(t, f, keyFile, string(data))
	if _, got, err := f.Key(); err != nil || got != id {
		t.Errorf("got %s, %v, want %s", got, err, id)
	}
	wantContent(t, f, keyFile, string(data))
}

func TestEveryDamageOfKeyIsFound(t *testing.T) {
	whole, _ := testKey(t)
	damaged := [][]byte{
		nil,
		append(slices.Clone(whole), 0),
		append(slices.Clone(whole), 0x18, 1), // a protobuf field more
		append(slices.Clone(whole), whole...),
		[]byte(strings.Repeat("x", maxKey+1)),
		[]byte("-----BEGIN PRIVATE KEY-----\n"),
	}
	for n := range whole {
		damaged = append(damaged, whole[:n])
		for bit := range 8 {
			flipped := slices.Clone(whole)
			flipped[n] ^= 1 << bit
			damaged = append(damaged, flipped)
		}
	}
	f := testFolder(t)
	for _, data := range damaged {
		put(t, f, keyFile, string(data))
		_, id, err := f.Key()
		if !errors.Is(err, ErrKeyDamaged) || !id.IsZero() {
			t.Fatalf("%d bytes: got %s, %v, want ErrKeyDamaged", len(data), id, err)
		}
		if text := err.Error(); !strings.Contains(text, f.path(keyFile)) || strings.Contains(text, "\n") {
			t.Errorf("got %q, want one line that names the file", text)
		}
		wantContent(t, f, keyFile, string(data)) // never replaced
	}
	wantFiles(t, f, "key")
}

func TestKeysOfOtherKindsAreRefused(t *testing.T) {
	raw := func(key []byte) []byte {
		priv, err := crypto.UnmarshalEd25519PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		data, err := crypto.MarshalPrivateKey(priv)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	marshal := func(priv crypto.PrivKey, _ crypto.PubKey, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		data, err := crypto.MarshalPrivateKey(priv)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	_, a, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, b, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		data []byte
		says string
	}{
		{"secp256k1", marshal(crypto.GenerateSecp256k1Key(rand.Reader)), "Secp256k1"},
		{"ECDSA", marshal(crypto.GenerateECDSAKeyPair(rand.Reader)), "ECDSA"},
		{"small order", raw(append(slices.Clone(a[:32]), make([]byte, 32)...)), "weak"},
		{"halves of two keys", raw(append(slices.Clone(a[:32]), b[32:]...)), "halves"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := testFolder(t)
			put(t, f, keyFile, string(test.data))
			_, _, err := f.Key()
			if !errors.Is(err, ErrKeyDamaged) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want ErrKeyDamaged and %q", err, test.says)
			}
			wantContent(t, f, keyFile, string(test.data))
		})
	}
}

func TestKeyOpenToOthersIsRefused(t *testing.T) {
	if !hasModes {
		t.Skip("no modes on this system")
	}
	f := testFolder(t)
	_, id, err := f.Key()
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o644, 0o640, 0o620, 0o602, 0o604, 0o610, 0o777} {
		if err := os.Chmod(f.path(keyFile), mode); err != nil {
			t.Fatal(err)
		}
		_, _, err := f.Key()
		if want := "chmod 600 " + f.path(keyFile); !errors.Is(err, ErrKeyExposed) || !strings.Contains(err.Error(), want) {
			t.Errorf("mode %04o: got %v, want ErrKeyExposed and %q", mode, err, want)
		}
		wantMode(t, f.path(keyFile), mode) // whoever read it may have it: the user must know
	}
	for _, mode := range []os.FileMode{0o600, 0o400} {
		if err := os.Chmod(f.path(keyFile), mode); err != nil {
			t.Fatal(err)
		}
		if _, got, err := f.Key(); err != nil || got != id {
			t.Errorf("mode %04o: got %s, %v, want %s", mode, got, err, id)
		}
	}
}

func TestWhatStandsInTheKeysPlaceIsLeftAlone(t *testing.T) {
	t.Run("folder", func(t *testing.T) {
		f := testFolder(t)
		if err := os.Mkdir(f.path(keyFile), 0o700); err != nil {
			t.Fatal(err)
		}
		if _, _, err := f.Key(); !errors.Is(err, ErrKeyDamaged) {
			t.Errorf("got %v, want ErrKeyDamaged", err)
		}
	})
	t.Run("link to nothing", func(t *testing.T) {
		f := testFolder(t)
		if err := os.Symlink("gone", f.path(keyFile)); err != nil {
			t.Skip(err)
		}
		if _, _, err := f.Key(); !errors.Is(err, ErrKeyDamaged) {
			t.Errorf("got %v, want ErrKeyDamaged", err)
		}
		wantFiles(t, f, "key")
	})
}

func TestKeyAfterCrash(t *testing.T) {
	t.Run("before it was whole", func(t *testing.T) {
		f := testFolder(t)
		put(t, f, tempName(keyFile), "half a k")
		_, id, err := f.Key()
		if err != nil {
			t.Fatal(err)
		}
		if _, again, err := f.Key(); err != nil || again != id {
			t.Errorf("got %s, %v, want %s", again, err, id)
		}
		wantFiles(t, f, "key")
	})
	t.Run("before it had its name", func(t *testing.T) {
		f := testFolder(t)
		data, unused := testKey(t)
		put(t, f, tempName(keyFile), string(data))
		if _, id, err := f.Key(); err != nil || id == unused {
			t.Errorf("got %s, %v, want a fresh key", id, err)
		}
		wantFiles(t, f, "key")
	})
	t.Run("before the other name was gone", func(t *testing.T) {
		f := testFolder(t)
		data, id := testKey(t)
		put(t, f, keyFile, string(data))
		put(t, f, tempName(keyFile), string(data))
		if _, got, err := f.Key(); err != nil || got != id {
			t.Errorf("got %s, %v, want %s", got, err, id)
		}
		wantFiles(t, f, "key") // no second copy of a secret
	})
}

func TestProcessesThatStartAtOnceShareOneKey(t *testing.T) {
	f := testFolder(t)
	var children []*child
	for range 6 {
		children = append(children, startChild(t, "key", f.Dir()))
	}
	for _, c := range children {
		c.goOn()
	}
	var ids []string
	for _, c := range children {
		ids = append(ids, c.line())
	}
	_, id, err := f.Key()
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range ids {
		if got != id.String() {
			t.Errorf("got %q, want %s", got, id)
		}
	}
	wantFiles(t, f, "key")
}

// Two things keep a key from being replaced, for each may fail alone: a look
// under the lock, and a link, which cannot replace.
func TestMakingKeyNeverReplacesOne(t *testing.T) {
	f := testFolder(t)
	put(t, f, keyFile, "somebody's")
	if err := f.makeKey(); err != nil {
		t.Error(err)
	}
	wantContent(t, f, keyFile, "somebody's")
	wantFiles(t, f, keyFile)

	put(t, f, tempName(keyFile), "another's")
	if err := f.nameKey(f.path(tempName(keyFile))); err != nil {
		t.Error(err)
	}
	wantContent(t, f, keyFile, "somebody's")
}

func FuzzDecodeKey(f *testing.F) {
	data, _ := testKey(f)
	f.Add(data)
	f.Add([]byte{})
	f.Add([]byte{8, 1, 18, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		priv, id, err := decodeKey(data)
		if err != nil {
			return
		}
		again, err := crypto.MarshalPrivateKey(priv)
		if err != nil || string(again) != string(data) {
			t.Errorf("a second encoding of %s was taken", id)
		}
		sig, err := priv.Sign(data)
		if err != nil || !ed25519.Verify(id[:], data, sig) {
			t.Errorf("a key was taken that does not sign for %s", id)
		}
	})
}
