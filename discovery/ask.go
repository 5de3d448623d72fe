package discovery

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	dhtpb "github.com/libp2p/go-libp2p-kad-dht/pb"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multistream"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

const (
	// maxAnswer is the longest answer of a seed that is read, in bytes: a full
	// key with long addresses. A longer one is left to the ordinary look-up.
	maxAnswer = 256 << 10

	// seedTimeout bounds one question to a seed. A slower one gains nothing
	// over the ordinary look-up, which goes on beside it.
	seedTimeout = 3 * time.Second

	// maxAsks is how many of these run at once in the whole service; more are
	// left to the ordinary look-ups. A host lets a peer have 128 streams.
	maxAsks = 16
)

var (
	errBusy      = errors.New("too many seeds are asked at this moment")
	errBadAnswer = errors.New("not an answer")
)

// ask asks one connected server for the providers of k (PROTOCOL.md, section 8).
//
// Unlike find it does so on a stream of its own, before identify has told that
// the peer is a server and the DHT has tried it and taken it into its table: at
// a cold start that saves two round trips, and the place in the queue of the
// DHT's one stream. If p is no server, this fails and costs nothing else.
func (t *table) ask(ctx context.Context, p peer.ID, k key) ([]peer.AddrInfo, error) {
	select {
	case t.asks <- struct{}{}:
		defer func() { <-t.asks }()
	default:
		return nil, errBusy
	}
	ctx, cancel := context.WithTimeout(ctx, seedTimeout)
	defer cancel()
	// Not the host's NewStream, which waits for identify.
	st, err := t.h.Network().NewStream(network.WithNoDial(ctx, "ask a seed"), p)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", p, err)
	}
	// The end of ctx, also by Close, ends the reading.
	defer context.AfterFunc(ctx, func() { _ = st.Reset() })()
	members, err := t.talk(st, k)
	if err != nil {
		_ = st.Reset()
		return nil, fmt.Errorf("ask %s: %w", p, err)
	}
	if err := st.Close(); err != nil { // tells the server that this was all
		_ = st.Reset()
	}
	return members, nil
}

// talk asks on a stream, and reads the answer.
func (t *table) talk(st network.Stream, k key) ([]peer.AddrInfo, error) {
	if err := st.SetDeadline(time.Now().Add(seedTimeout)); err != nil {
		return nil, err
	}
	if err := st.SetProtocol(kadProtocol); err != nil {
		return nil, err
	}
	if err := st.Scope().ReserveMemory(maxAnswer, network.ReservationPriorityMedium); err != nil {
		return nil, err
	}
	defer st.Scope().ReleaseMemory(maxAnswer)
	question, err := proto.Marshal(dhtpb.NewMessage(dhtpb.Message_GET_PROVIDERS, k.cid.Hash(), 0))
	if err != nil {
		return nil, err
	}
	// The protocol's name and the question leave together.
	named := multistream.NewMSSelect(st, kadProtocol)
	if _, err := named.Write(append(binary.AppendUvarint(nil, uint64(len(question))), question...)); err != nil {
		return nil, err
	}
	members, err := readMembers(bufio.NewReader(named))
	if err != nil {
		return nil, err
	}
	kept := members[:0]
	for _, m := range members {
		m.Addrs = t.use(m.Addrs)
		// The server has no address of some: we may have.
		if m.ID != t.h.ID() && (len(m.Addrs) > 0 || len(t.h.Peerstore().Addrs(m.ID)) > 0) {
			kept = append(kept, m)
		}
	}
	return kept, nil
}

// An answerReader is what readMembers needs.
type answerReader interface {
	io.Reader
	io.ByteReader
}

// readMembers reads the DHT's frame of one message and gives the first
// maxAnswers providers in it, with at most maxAddrs addresses each.
func readMembers(r answerReader) ([]peer.AddrInfo, error) {
	size, err := binary.ReadUvarint(r)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errBadAnswer, err)
	case size > maxAnswer:
		return nil, fmt.Errorf("%w: %d bytes", errBadAnswer, size)
	}
	// It grows with what comes, not with what was announced.
	var body bytes.Buffer
	if _, err := io.CopyN(&body, r, int64(size)); err != nil {
		return nil, fmt.Errorf("%w: %w", errBadAnswer, err)
	}
	return decodeMembers(body.Bytes())
}

// The fields of the DHT's message that are read.
const (
	typeField      = 1
	providersField = 9
)

// decodeMembers goes through a message field by field: the whole of it, as
// generated code decodes it, would be a hundred times as large in memory if it
// consisted of empty providers.
func decodeMembers(b []byte) (members []peer.AddrInfo, err error) {
	answers := false
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, fmt.Errorf("%w: %w", errBadAnswer, protowire.ParseError(n))
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
			return nil, fmt.Errorf("%w: %w", errBadAnswer, protowire.ParseError(n))
		}
		value := b[:n]
		b = b[n:]
		switch {
		case num == typeField && typ == protowire.VarintType:
			kind, _ := protowire.ConsumeVarint(value)
			answers = kind == uint64(dhtpb.Message_GET_PROVIDERS)
		case num == providersField && typ == protowire.BytesType && len(members) < maxAnswers:
			value, _ = protowire.ConsumeBytes(value)
			one := new(dhtpb.Message_Peer)
			if err := proto.Unmarshal(value, one); err != nil {
				return nil, fmt.Errorf("%w: %w", errBadAnswer, err)
			}
			for _, info := range dhtpb.PBPeersToPeerInfos([]*dhtpb.Message_Peer{one}) {
				members = append(members, peer.AddrInfo{ID: info.ID, Addrs: boundAddrs(info.Addrs)})
			}
		}
	}
	if !answers {
		return nil, fmt.Errorf("%w: to this question", errBadAnswer)
	}
	return members, nil
}
