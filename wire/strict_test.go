package wire_test

import (
	"bytes"
	"errors"
	"testing"

	recordpb "github.com/libp2p/go-libp2p/core/record/pb"
	"google.golang.org/protobuf/proto"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
	"github.com/p2pchat/p2pchat/wire/pb"
)

func protoUnmarshal(b []byte, m proto.Message) error { return proto.Unmarshal(b, m) }

// What Strict lets pass and protobuf understands is what protobuf writes.
func FuzzStrict(f *testing.F) {
	messages := []proto.Message{&pb.Segment{}, &pb.Beacon{}, &recordpb.Envelope{}}
	m := pbSegment()
	m.Parents = rawIDs(1)
	f.Add(byte(0), marshal(m))
	f.Add(byte(1), marshal(pbBeacon()))
	f.Add(byte(2), sealed(segment(nil, line("hi"))).Envelope)
	f.Add(byte(0), []byte{0x10, 0x80, 0x00})
	f.Add(byte(2), []byte{0x0a, 0x09, 0x08, 0x81, 0x80, 0x80, 0x80, 0x10, 0x12, 0x01, 0x01})
	f.Fuzz(func(t *testing.T, which byte, b []byte) {
		m := proto.Clone(messages[int(which)%len(messages)])
		if err := wire.Strict(m.ProtoReflect().Descriptor(), b); err != nil {
			if !errors.Is(err, chat.ErrMalformed) {
				t.Fatalf("%v, want ErrMalformed", err)
			}
			return
		}
		if proto.Unmarshal(b, m) != nil {
			return // not UTF-8, or a required field is missing
		}
		if again := marshal(m); !bytes.Equal(again, b) {
			t.Fatalf("%x passes, and encodes as %x", b, again)
		}
	})
}

func TestStrictAcceptsWhatWeWrite(t *testing.T) {
	full := pbSegment()
	full.Parents = rawIDs(8)
	full.Bodies = append(full.Bodies, &pb.Body{Kind: 1<<32 - 1})
	full.Seq, full.Time = 1<<64-1, 1<<64-1
	for _, m := range []proto.Message{full, pbSegment(), pbBeacon(), &pb.Beacon{}, &pb.Segment{}} {
		if err := wire.Strict(m.ProtoReflect().Descriptor(), marshal(m)); err != nil {
			t.Errorf("%v: %v", m, err)
		}
	}
}
