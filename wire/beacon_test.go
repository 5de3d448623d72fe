package wire_test

import (
	"bytes"
	"errors"
	"fmt"
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
		if rapid.Bool().Draw(t, "presence") {
			b.Conversation = chat.PresenceID()
			b.Rooms = rapid.SliceOfNDistinct(rapid.SampledFrom(folded()), 0, chat.MaxShownRooms, rapid.ID).Draw(t, "rooms")
			if len(b.Rooms) == 0 {
				b.Rooms = nil
			}
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

// folded are names of rooms.
func folded() []chat.RoomName {
	return []chat.RoomName{"lobby", "a", "straße", "שלום", "日本", "go-1.26", "c#", "👍", "..", chat.RoomName(strings.Repeat("x", chat.MaxRoomName)), "é"}
}

// Each rule for the rooms that somebody shows to be in.
func TestShownRooms(t *testing.T) {
	nine := make([]string, chat.MaxShownRooms+1)
	for i := range nine {
		nine[i] = fmt.Sprint("room", i)
	}
	for name, c := range map[string]struct {
		rooms []string
		want  error
		shown int
	}{
		"none":              {nil, nil, 0},
		"8":                 {nine[:chat.MaxShownRooms], nil, 8},
		"9":                 {nine, chat.ErrTooLarge, 0},
		"the longest":       {[]string{strings.Repeat("x", chat.MaxRoomName)}, nil, 1},
		"a longer one":      {[]string{strings.Repeat("x", chat.MaxRoomName+1)}, chat.ErrBadRoomName, 0},
		"one of 56 KiB":     {[]string{strings.Repeat("x", 56<<10)}, chat.ErrBadRoomName, 0},
		"one twice":         {[]string{"a", "b", "a"}, chat.ErrMalformed, 0},
		"an empty one":      {[]string{""}, chat.ErrBadRoomName, 0},
		"capitals":          {[]string{"Lobby"}, chat.ErrBadRoomName, 0},
		"other capitals":    {[]string{"ÉCOLE"}, chat.ErrBadRoomName, 0},
		"a # before it":     {[]string{"#lobby"}, chat.ErrBadRoomName, 0},
		"space around it":   {[]string{" lobby"}, chat.ErrBadRoomName, 0},
		"space in it":       {[]string{"the lobby"}, chat.ErrBadRoomName, 0},
		"two ways to write": {[]string{"e\u0301"}, chat.ErrBadRoomName, 0},
		"wide letters":      {[]string{"ｌｏｂｂｙ"}, chat.ErrBadRoomName, 0},
		"a line's end":      {[]string{"lobby\n"}, chat.ErrBadRoomName, 0},
		"an escape":         {[]string{"\x1b[31mred"}, chat.ErrBadRoomName, 0},
		"NUL":               {[]string{"a\x00"}, chat.ErrBadRoomName, 0},
		"C1":                {[]string{"a\u009b1m"}, chat.ErrBadRoomName, 0},
		"written backwards": {[]string{"a\u202eb"}, chat.ErrBadRoomName, 0},
		"nothing to see":    {[]string{"a\u200bb"}, chat.ErrBadRoomName, 0},
		"a stack of marks":  {[]string{"x\u0316\u0317\u0318\u0319\u031c"}, chat.ErrBadRoomName, 0},
		// A later version of Unicode may have it.
		"an unknown letter": {[]string{"a\u0378", "b"}, nil, 1},
	} {
		m := pbBeacon()
		m.Rooms = c.rooms
		b, err := wire.OpenBeacon(chat.PresenceID(), sign(1, wire.TypeBeacon, chat.PresenceID(), marshal(m)))
		if !errors.Is(err, c.want) || err == nil && len(b.Rooms) != c.shown {
			t.Errorf("%s: %v, want %v, and %d shown", name, err, c.want, c.shown)
		}
		if _, err := wire.OpenBeacon(lobby(), sign(1, wire.TypeBeacon, lobby(), marshal(m))); len(c.rooms) > 0 && err == nil {
			t.Errorf("%s: accepted in a room", name)
		}
	}
	invalid := pbBeacon()
	invalid.Rooms = []string{"xx"}
	payload := bytes.Replace(marshal(invalid), []byte("xx"), []byte("\xc3\x28"), 1)
	if _, err := wire.OpenBeacon(chat.PresenceID(), sign(1, wire.TypeBeacon, chat.PresenceID(), payload)); !errors.Is(err, chat.ErrMalformed) {
		t.Errorf("a name that is no UTF-8: %v", err)
	}
	// Sealing keeps the same limits.
	for _, b := range []*chat.Beacon{
		{Conversation: lobby(), Sent: instant(), Rooms: []chat.RoomName{"a"}},
		{Conversation: chat.PresenceID(), Sent: instant(), Rooms: []chat.RoomName{"A"}},
		{Conversation: chat.PresenceID(), Sent: instant(), Rooms: []chat.RoomName{"a\u0378"}},
		{Conversation: chat.PresenceID(), Sent: instant(), Rooms: []chat.RoomName{"a", "a"}},
	} {
		if err := wire.SealBeacon(testKey(1), b); err == nil || b.Envelope != nil {
			t.Errorf("%q is sealed", b.Rooms)
		}
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
	b = sealedBeacon(shownBeacon()) // nobody speaks there: it has no heads
	t.Logf("%d bytes in the presence room", len(b.Envelope))
	if len(b.Envelope) > most {
		t.Errorf("a beacon with %d rooms has %d bytes, want at most %d", chat.MaxShownRooms, len(b.Envelope), most)
	}
}

func FuzzOpenBeacon(f *testing.F) {
	valid := make(map[string]bool)
	for _, b := range []*chat.Beacon{
		fullBeacon(),
		{Conversation: lobby(), Sent: instant()},
		{Conversation: lobby(), Sent: instant(), Nick: text("bob"), Leaving: true},
		shownBeacon(),
	} {
		valid[string(sealedBeacon(b).Envelope)] = true
		f.Add(b.Envelope)
	}
	f.Add(sealed(segment(nil, line("hi"))).Envelope)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, conv := range []chat.ConversationID{lobby(), chat.PresenceID()} {
			if _, err := wire.OpenBeacon(conv, data); err == nil && !valid[string(data)] {
				t.Fatalf("%x is accepted", data)
			}
		}
	})
}

// The same behind the signature.
func FuzzBeaconPayload(f *testing.F) {
	f.Add(marshal(pbBeacon()), false)
	f.Add(marshal(&pb.Beacon{SentMs: 1}), false)
	f.Add([]byte{}, true)
	for _, rooms := range [][]string{{"lobby", "den"}, {"Lobby"}, {"a", "a"}, {"a\u0378"}, {strings.Repeat("x", chat.MaxRoomName+1)}} {
		m := pbBeacon()
		m.Rooms = rooms
		f.Add(marshal(m), true)
	}
	key := testKey(1)
	f.Fuzz(func(t *testing.T, payload []byte, presence bool) {
		conv := lobby()
		if presence {
			conv = chat.PresenceID()
		}
		data := sign(1, wire.TypeBeacon, conv, payload)
		b, err := wire.OpenBeacon(conv, data)
		if err != nil {
			return
		}
		var m pb.Beacon
		if err := protoUnmarshal(payload, &m); err != nil {
			t.Fatal(err)
		}
		for _, room := range b.Rooms {
			if again, err := chat.ParseRoomName(string(room)); err != nil || again != room {
				t.Fatalf("room %q", room)
			}
		}
		if m.Nick != b.Nick.Raw() || len(m.Rooms) != len(b.Rooms) {
			return // it cannot be shown, or had space around it
		}
		again := *b
		if err := wire.SealBeacon(key, &again); err != nil || !bytes.Equal(again.Envelope, data) {
			t.Fatalf("%x is accepted, and sealed as %x, %v", data, again.Envelope, err)
		}
	})
}
