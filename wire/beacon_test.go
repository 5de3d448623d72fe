package wire_test

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
	"github.com/p2pchat/p2pchat/wire/pb"
)

func TestBeaconRoundTrip(t *testing.T) {
	key := testKey(1)
	rapid.Check(t, func(t *rapid.T) {
		b := &chat.Beacon{
			Conversation: chat.ConversationID(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "conversation")),
			Sent:         time.UnixMilli(rapid.Int64Range(1, 1<<48-1).Draw(t, "sent")),
			Leaving:      rapid.Bool().Draw(t, "leaving"),
			Seed:         rapid.Bool().Draw(t, "seed"),
			Heads:        slices.Clip(parents(rapid.IntRange(0, chat.MaxHeads).Draw(t, "heads"))),
		}
		if len(b.Heads) == 0 {
			b.Heads = nil
		}
		if nick, err := chat.NewNick(rapid.StringN(0, 10, chat.MaxNick).Draw(t, "nick")); err == nil {
			b.Nick = nick
		}
		if err := wire.SealBeacon(key, b); err != nil {
			t.Fatal(err)
		}
		got, err := wire.OpenBeacon(b.Conversation, b.Envelope)
		if err != nil {
			t.Fatal(err)
		}
		if !got.Sent.Equal(b.Sent) {
			t.Fatalf("sent %v, came as %v", b.Sent, got.Sent)
		}
		got.Sent = b.Sent
		if !reflect.DeepEqual(got, b) {
			t.Fatalf("got  %+v\nwant %+v", got, b)
		}
	})
}

// Each limit of PROTOCOL.md, section 5.
func TestBeaconLimits(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(m *pb.Beacon)
		want  error
	}{
		"16 heads":            {func(m *pb.Beacon) { m.Heads = rawIDs(chat.MaxHeads) }, nil},
		"17 heads":            {func(m *pb.Beacon) { m.Heads = rawIDs(chat.MaxHeads + 1) }, chat.ErrTooLarge},
		"no heads":            {func(m *pb.Beacon) { m.Heads = nil }, nil},
		"a head twice":        {func(m *pb.Beacon) { m.Heads = append(rawIDs(1), rawIDs(1)...) }, chat.ErrMalformed},
		"a head of 31 bytes":  {func(m *pb.Beacon) { m.Heads[0] = make([]byte, 31) }, chat.ErrMalformed},
		"no nick":             {func(m *pb.Beacon) { m.Nick = "" }, nil},
		"the longest nick":    {func(m *pb.Beacon) { m.Nick = strings.Repeat("x", chat.MaxNick) }, nil},
		"a longer nick":       {func(m *pb.Beacon) { m.Nick = strings.Repeat("x", chat.MaxNick+1) }, chat.ErrBadNick},
		"sent never":          {func(m *pb.Beacon) { m.SentMs = 0 }, chat.ErrMalformed},
		"sent in 1970":        {func(m *pb.Beacon) { m.SentMs = 1 }, nil},
		"sent in 10889":       {func(m *pb.Beacon) { m.SentMs = 1<<48 - 1 }, nil},
		"sent after 10889":    {func(m *pb.Beacon) { m.SentMs = 1 << 48 }, chat.ErrMalformed},
		"sent at the last ms": {func(m *pb.Beacon) { m.SentMs = 1<<64 - 1 }, chat.ErrMalformed},
	} {
		m := pbBeacon()
		c.spoil(m)
		data := sign(1, wire.TypeBeacon, lobby(), marshal(m))
		b, err := wire.OpenBeacon(lobby(), data)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		} else if err == nil && !bytes.Equal(b.Envelope, data) {
			t.Errorf("%s: the envelope changed", name)
		}
	}
	// Sealing keeps the same limits.
	b := fullBeacon()
	b.Heads = parents(chat.MaxHeads + 1)
	if err := wire.SealBeacon(testKey(1), b); !errors.Is(err, chat.ErrTooLarge) || b.Envelope != nil {
		t.Errorf("seal 17 heads: %v, want ErrTooLarge", err)
	}
	b = fullBeacon()
	b.Nick = text(strings.Repeat("x", chat.MaxNick+1))
	if err := wire.SealBeacon(testKey(1), b); !errors.Is(err, chat.ErrBadNick) {
		t.Errorf("seal a long nick: %v, want ErrBadNick", err)
	}
}

// Which characters can be shown depends on the version of Unicode; whether a
// beacon holds must not, or members of different versions would cut each other
// off. So a nick that cannot be shown counts as none.
func TestNickThatCannotBeShownIsNone(t *testing.T) {
	for _, nick := range []string{"\x1b[31mbob", "bo\u200bb", "\u202ebob", " ", "\u0378", "a\nb", "👨\u200d"} {
		m := pbBeacon()
		m.Nick = nick
		b, err := wire.OpenBeacon(lobby(), sign(1, wire.TypeBeacon, lobby(), marshal(m)))
		if err != nil || !b.Nick.Empty() {
			t.Errorf("nick %+q: %q, %v; want none", nick, b.Nick, err)
		}
	}
}

func TestFullestBeaconIsSmall(t *testing.T) {
	b := sealedBeacon(fullBeacon())
	const most = 800 // the estimate that the room's rate of beacons rests on
	t.Logf("%d bytes", len(b.Envelope))
	if len(b.Envelope) > most {
		t.Errorf("a beacon with %d heads has %d bytes, want at most %d", chat.MaxHeads, len(b.Envelope), most)
	}
}

func FuzzOpenBeacon(f *testing.F) {
	valid := make(map[string]bool)
	for _, b := range []*chat.Beacon{
		fullBeacon(),
		{Conversation: lobby(), Sent: instant()},
		{Conversation: lobby(), Sent: instant(), Nick: text("bob"), Leaving: true},
	} {
		valid[string(sealedBeacon(b).Envelope)] = true
		f.Add(b.Envelope)
	}
	f.Add(sealed(segment(nil, line("hi"))).Envelope)
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := wire.OpenBeacon(lobby(), data); err == nil && !valid[string(data)] {
			t.Fatalf("%x is accepted", data)
		}
	})
}

// The same behind the signature.
func FuzzBeaconPayload(f *testing.F) {
	f.Add(marshal(pbBeacon()))
	f.Add(marshal(&pb.Beacon{SentMs: 1}))
	f.Add([]byte{})
	key := testKey(1)
	f.Fuzz(func(t *testing.T, payload []byte) {
		data := sign(1, wire.TypeBeacon, lobby(), payload)
		b, err := wire.OpenBeacon(lobby(), data)
		if err != nil {
			return
		}
		var m pb.Beacon
		if err := protoUnmarshal(payload, &m); err != nil {
			t.Fatal(err)
		}
		if m.Nick != b.Nick.Raw() {
			return // it cannot be shown, or had space around it
		}
		again := *b
		if err := wire.SealBeacon(key, &again); err != nil || !bytes.Equal(again.Envelope, data) {
			t.Fatalf("%x is accepted, and sealed as %x, %v", data, again.Envelope, err)
		}
	})
}
