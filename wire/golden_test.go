package wire_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// golden holds what these inputs must give for ever: the author's key is that of
// the seed of 32 times 0x01.
func golden() map[string][]byte {
	second := sealed(&chat.Segment{
		Conversation: lobby(),
		Chain:        chat.Chain{1, 2, 3, 4, 5, 6, 7, 8},
		Seq:          300,
		Parents:      []chat.SegmentID{{0x11, 31: 0x22}, {0x33, 31: 0x44}},
		Time:         chat.TimeOf(instant()) + 5,
		Bodies: []chat.Body{
			line("hello, שלום"),
			{Kind: chat.KindAction, Text: text("waves")},
			{Kind: 99, Data: []byte{0xff, 0x00}},
		},
	})
	first := sealed(segment(nil, line("hi")))
	kinds := sealed(segment(nil, everyKind()...))
	private := segment(nil, line("hi"))
	private.Conversation = chat.DirectID(peerOf(testKey(1)), peerOf(testKey(2)))
	sealed(private)
	beacon := sealedBeacon(&chat.Beacon{
		Conversation: lobby(), Sent: instant(), Nick: text("alice"), Heads: []chat.SegmentID{{0x11, 31: 0x22}}, Seed: true,
	})
	leaving := sealedBeacon(&chat.Beacon{Conversation: chat.PresenceID(), Sent: instant(), Leaving: true})
	shown := sealedBeacon(&chat.Beacon{Conversation: chat.PresenceID(), Sent: instant(), Rooms: []chat.RoomName{"lobby", "straße"}})

	all := map[string][]byte{
		"segment":         first.Envelope,
		"segment-id":      first.ID[:],
		"segment-full":    second.Envelope,
		"segment-full-id": second.ID[:],
		"segment-kinds":   kinds.Envelope,
		"segment-private": private.Envelope,
		"beacon":          beacon.Envelope,
		"beacon-leaving":  leaving.Envelope,
		"beacon-rooms":    shown.Envelope,
	}
	for i, name := range []string{"message-0-id", "message-1-id", "message-2-id"} {
		id := second.MessageID(i)
		all[name] = id[:]
	}
	for name, f := range map[string]wire.DirectFrame{
		"direct-hello":   wire.Hello{Nick: text("alice"), Sent: instant()},
		"direct-segment": wire.DirectSegment(first.Envelope),
		"direct-ack":     wire.Ack{first.ID},
		"direct-goodbye": wire.Goodbye{},
		"direct-refuse":  wire.Refuse{Reason: text("no")},
	} {
		b, err := wire.AppendDirect(nil, f)
		if err != nil {
			panic(err)
		}
		all[name] = b
	}
	for name, f := range map[string]wire.CatchupFrame{
		"catchup-open":     wire.Open{Conversation: lobby(), Salt: [wire.SaltSize]byte{1, 15: 16}, Beacon: beacon.Envelope},
		"catchup-beacons":  wire.Beacons{Envelopes: [][]byte{beacon.Envelope}, Last: true},
		"catchup-ranges":   catchupFrames()[4],
		"catchup-want":     wire.Want{first.ID, second.ID},
		"catchup-segments": wire.Segments{Envelopes: [][]byte{first.Envelope}, Last: true},
		"catchup-held":     wire.Held{Held: 2, Refused: 1},
		"catchup-refuse":   wire.CatchupRefuse{Reason: text("no")},
	} {
		b, err := wire.AppendCatchup(nil, f)
		if err != nil {
			panic(err)
		}
		all[name] = b
	}
	return all
}

// The bytes of version 1 cannot change unnoticed: others speak them already. A
// change of this file is a change of protocol version.
func TestBytesNeverChange(t *testing.T) {
	data, err := os.ReadFile("testdata/golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string][]byte)
	for line := range strings.Lines(string(data)) {
		name, digits, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		if want[name], err = hex.DecodeString(digits); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	got := golden()
	for name, b := range got {
		if !bytes.Equal(b, want[name]) {
			t.Errorf("the bytes changed:\n%s %x", name, b)
		}
	}
	for name := range want {
		if _, ok := got[name]; !ok {
			t.Errorf("%s stands in the file and is not tested", name)
		}
	}
	// What earlier versions wrote is understood, not only written.
	s, err := wire.OpenSegment(lobby(), want["segment-full"])
	if err != nil || !bytes.Equal(s.ID[:], want["segment-full-id"]) || s.Bodies[0].Text.Raw() != "hello, שלום" || s.Seq != 300 {
		t.Errorf("the full segment: %+v, %v", s, err)
	}
	if s, err := wire.OpenSegment(lobby(), want["segment-kinds"]); err != nil || !reflect.DeepEqual(s.Bodies, everyKind()) {
		t.Errorf("a segment of all kinds: %+v, %v", s, err)
	}
	if b, err := wire.OpenBeacon(lobby(), want["beacon"]); err != nil || b.Nick.Raw() != "alice" || !b.Seed || b.Leaving || !b.Sent.Equal(instant()) {
		t.Errorf("the beacon: %+v, %v", b, err)
	}
	if b, err := wire.OpenBeacon(chat.PresenceID(), want["beacon-rooms"]); err != nil || !slices.Equal(b.Rooms, []chat.RoomName{"lobby", "straße"}) {
		t.Errorf("the beacon with rooms: %+v, %v", b, err)
	}
}
