package netlab

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"slices"
	"time"

	dhtpb "github.com/libp2p/go-libp2p-kad-dht/pb"
	corehost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"
	mh "github.com/multiformats/go-multihash"
	"google.golang.org/protobuf/proto"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// liars is how many identities announce junk in a room's key.
	liars = 60
	// liesOfServer is how many peers the hostile DHT server names in an answer.
	liesOfServer = 200
	// maxQuestion bounds what it reads.
	maxQuestion = 64 << 10

	kadProtocol = protocol.ID("/p2pchat/kad/1.0.0")
)

// roomKey is what the members of a room are listed under (PROTOCOL.md, section 8).
func roomKey(room string) (mh.Multihash, error) {
	name, err := chat.ParseRoomName(room)
	if err != nil {
		return nil, err
	}
	id := chat.RoomID(name)
	sum := sha256.Sum256(append([]byte("p2pchat find room 1\x00"), id[:]...))
	return mh.Encode(sum[:], mh.SHA2_256)
}

// spreadJunk announces junk as addresses of a room's members, and answers every DHT
// question with junk: SEED ADDRESS PORT ROOM JUNK..., the last multiaddrs.
func spreadJunk(ctx context.Context, args []string) (outcome, error) {
	seed, from, err := target(args[:2])
	if err != nil {
		return outcome{}, err
	}
	key, err := roomKey(args[3])
	if err != nil {
		return outcome{}, err
	}
	var junk []ma.Multiaddr
	for _, s := range args[4:] {
		a, err := ma.NewMultiaddr(s)
		if err != nil {
			return outcome{}, err
		}
		junk = append(junk, a)
	}
	server, err := newStranger(from[0], args[2])
	if err != nil {
		return outcome{}, err
	}
	asked := new(tally)
	server.SetStreamHandler(kadProtocol, func(s network.Stream) { asked.add(answerJunk(s, junk)) })
	if err := server.Connect(ctx, seed); err != nil {
		return outcome{}, err
	}
	return repeat(liars, func(i int) error {
		h, err := intrude(ctx, from[0], seed)
		if err != nil {
			return err
		}
		some := slices.Concat(junk[i%len(junk):], junk[:i%len(junk)])
		return announce(ctx, h, seed.ID, key, some[:min(len(some), 8)])
	}), nil
}

// announce lists a stranger in a key at a DHT server, with the given addresses.
func announce(ctx context.Context, h corehost.Host, server peer.ID, key mh.Multihash, addrs []ma.Multiaddr) error {
	s, err := openNow(ctx, h, server, kadProtocol)
	if err != nil {
		return err
	}
	m := dhtpb.NewMessage(dhtpb.Message_ADD_PROVIDER, key, 0)
	m.ProviderPeers = dhtpb.RawPeerInfosToPBPeers([]peer.AddrInfo{{ID: h.ID(), Addrs: addrs}})
	if err := writeKad(s, m); err != nil {
		return err
	}
	return s.CloseWrite()
}

// openNow opens a stream within the time for a step.
func openNow(ctx context.Context, h corehost.Host, to peer.ID, p protocol.ID) (network.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, attackWithin)
	defer cancel()
	s, err := h.NewStream(ctx, to, p)
	if err != nil {
		return nil, err
	}
	return s, s.SetDeadline(time.Now().Add(attackWithin))
}

func writeKad(w io.Writer, m *dhtpb.Message) error {
	b, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	_, err = w.Write(append(binary.AppendUvarint(nil, uint64(len(b))), b...))
	return err
}

// answerJunk answers the questions on a stream with people who do not exist.
func answerJunk(s network.Stream, junk []ma.Multiaddr) error {
	defer s.Close()
	r := byteReader{s}
	for {
		n, err := binary.ReadUvarint(r)
		if err != nil || n > maxQuestion {
			return err
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(s, b); err != nil {
			return err
		}
		ask := new(dhtpb.Message)
		if err := proto.Unmarshal(b, ask); err != nil {
			return err
		}
		lies := make([]peer.AddrInfo, liesOfServer)
		for i := range lies {
			_, p, err := newIdentity()
			if err != nil {
				return err
			}
			lies[i] = peer.AddrInfo{ID: p, Addrs: junk}
		}
		answer := dhtpb.NewMessage(ask.GetType(), ask.GetKey(), 0)
		answer.CloserPeers = dhtpb.RawPeerInfosToPBPeers(lies)
		answer.ProviderPeers = answer.CloserPeers
		if err := writeKad(s, answer); err != nil {
			return err
		}
	}
}

// A byteReader reads byte by byte, so as not to read too far.
type byteReader struct{ io.Reader }

// ReadByte implements io.ByteReader.
func (r byteReader) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(r, b[:])
	return b[0], err
}
