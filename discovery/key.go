package discovery

import (
	"crypto/sha256"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"

	"github.com/p2pchat/p2pchat/chat"
)

// Hash prefixes of what is looked up in the DHT (PROTOCOL.md, section 8). They
// keep rooms and peers apart, and keep whoever serves the DHT from reading the
// conversation's ID off the key.
const (
	roomKeyPrefix = "p2pchat find room 1\x00"
	peerKeyPrefix = "p2pchat find peer 1\x00"
)

// A key is what provider records stand under.
type key struct{ cid cid.Cid }

func roomKey(conv chat.ConversationID) key { return newKey(roomKeyPrefix, conv[:]) }
func peerKey(p chat.PeerID) key            { return newKey(peerKeyPrefix, p[:]) }

func newKey(prefix string, name []byte) key {
	sum := sha256.Sum256(append([]byte(prefix), name...))
	hash, err := mh.Encode(sum[:], mh.SHA2_256)
	if err != nil {
		panic("discovery: SHA-256 is a known hash: " + err.Error())
	}
	return key{cid.NewCidV1(cid.Raw, hash)}
}
