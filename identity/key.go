package identity

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	keyFile = "key"
	// maxKey is the most bytes of a key file that are read. An Ed25519 key has 68.
	maxKey = 1 << 10
)

// Key returns this folder's identity, and makes it at the first call. The file
// `key` holds the private key as libp2p marshals it (0600); two processes that
// start at once end with one key.
//
// A file that is there is never replaced. If it does not hold a sound Ed25519
// key the error wraps ErrKeyDamaged, if other users may read or write it
// ErrKeyExposed; both say what to do.
func (f *Folder) Key() (crypto.PrivKey, chat.PeerID, error) {
	priv, id, err := f.loadKey()
	if !errors.Is(err, fs.ErrNotExist) {
		return priv, id, err
	}
	if err := f.edit(f.makeKey); err != nil {
		return nil, chat.PeerID{}, fmt.Errorf("make key: %w", err)
	}
	priv, id, err = f.loadKey()
	if errors.Is(err, fs.ErrNotExist) { // though its name is taken
		return nil, chat.PeerID{}, fmt.Errorf("%w: %s is a link to nothing", ErrKeyDamaged, f.path(keyFile))
	}
	return priv, id, err
}

// Ephemeral makes a throw-away identity, for commands that only look.
func Ephemeral() (crypto.PrivKey, chat.PeerID, error) {
	priv, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return nil, chat.PeerID{}, fmt.Errorf("make key: %w", err)
	}
	raw, err := priv.GetPublic().Raw()
	if err != nil {
		return nil, chat.PeerID{}, fmt.Errorf("make key: %w", err)
	}
	id, err := chat.PeerIDFromKey(raw)
	if err != nil {
		return nil, chat.PeerID{}, fmt.Errorf("make key: %w", err)
	}
	return priv, id, nil
}

// loadKey reads the key file; without one the error is fs.ErrNotExist.
func (f *Folder) loadKey() (crypto.PrivKey, chat.PeerID, error) {
	path := f.path(keyFile)
	data, info, err := f.read(keyFile, maxKey)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, chat.PeerID{}, err
	case errors.Is(err, chat.ErrTooLarge), errors.Is(err, ErrDamaged):
		return nil, chat.PeerID{}, damagedKey(path, err)
	case err != nil:
		return nil, chat.PeerID{}, fmt.Errorf("read key: %w", err)
	case hasModes && info.Mode().Perm()&openToOthers != 0:
		return nil, chat.PeerID{}, fmt.Errorf("%w: %s has mode %04o: chmod 600 %s", ErrKeyExposed, path, info.Mode().Perm(), path)
	}
	priv, id, err := decodeKey(data)
	if err != nil {
		return nil, chat.PeerID{}, damagedKey(path, err)
	}
	// A key just made has its temporary name, too, also after a crash.
	if f.readOnly != nil {
		return priv, id, nil
	}
	if err := os.Remove(f.path(tempName(keyFile))); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, chat.PeerID{}, fmt.Errorf("remove a left-over copy of the key: %w", err)
	}
	return priv, id, nil
}

// damagedKey is the error for a key file that was refused for err.
func damagedKey(path string, err error) error {
	return fmt.Errorf("%w: %s: %w: put back a copy of it, or move it away to become somebody new", ErrKeyDamaged, path, err)
}

// makeKey makes a key file if there is none. It runs within edit.
func (f *Folder) makeKey() error {
	if _, err := os.Lstat(f.path(keyFile)); err == nil {
		return nil // another process was first
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	priv, _, err := Ephemeral()
	if err != nil {
		return err
	}
	data, err := crypto.MarshalPrivateKey(priv)
	if err != nil {
		return err
	}
	temp, err := f.writeTemp(keyFile, data)
	if err != nil {
		return err
	}
	return f.nameKey(temp)
}

// nameKey gives the prepared key its name, if nobody has it. A link, unlike a
// rename, can never replace a key; some file systems have none, and there
// makeKey's look under the lock must do. The temporary name is left to loadKey.
func (f *Folder) nameKey(temp string) error {
	path := f.path(keyFile)
	if err := os.Link(temp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		if err := os.Rename(temp, path); err != nil {
			return errors.Join(err, os.Remove(temp))
		}
	}
	return syncDir(f.dir)
}

// decodeKey reads a private key as crypto.MarshalPrivateKey wrote it. libp2p
// does not notice a public half that does not belong to the private half; such a
// key makes signatures that give the private half away, so it is refused, and
// the check finds every damage to either half.
func decodeKey(data []byte) (crypto.PrivKey, chat.PeerID, error) {
	priv, err := crypto.UnmarshalPrivateKey(data)
	if err != nil {
		return nil, chat.PeerID{}, errors.New("what is in it is not a key")
	}
	if priv.Type() != crypto.Ed25519 {
		return nil, chat.PeerID{}, fmt.Errorf("a key of type %s, not Ed25519", priv.Type())
	}
	raw, err := priv.Raw()
	if err != nil {
		return nil, chat.PeerID{}, err
	}
	id, err := chat.PeerIDFromKey(ed25519.PrivateKey(raw).Public().(ed25519.PublicKey))
	if err != nil {
		return nil, chat.PeerID{}, err
	}
	if !bytes.Equal(ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize]), raw) {
		return nil, chat.PeerID{}, errors.New("its two halves do not belong together")
	}
	switch again, err := crypto.MarshalPrivateKey(priv); {
	case err != nil:
		return nil, chat.PeerID{}, err
	case !bytes.Equal(again, data):
		return nil, chat.PeerID{}, errors.New("something is in it besides the key")
	}
	return priv, id, nil
}
