package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// writer returns the same key and peer for the same n.
func writer(t testing.TB, n byte) (crypto.PrivKey, chat.PeerID) {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(rand.NewChaCha8([32]byte{n}))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := key.GetPublic().Raw()
	if err != nil {
		t.Fatal(err)
	}
	id, err := chat.PeerIDFromKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	return key, id
}

// exported is the line of a segment by key.
func exported(t testing.TB, key crypto.PrivKey, conv chat.ConversationID, at time.Time, o segmentObject) string {
	t.Helper()
	text, err := chat.NewText("hello")
	if err != nil {
		t.Fatal(err)
	}
	s := &chat.Segment{
		Conversation: conv, Seq: 1, Time: chat.TimeOf(at), Bodies: []chat.Body{{Kind: chat.KindText, Text: text}},
	}
	if err := wire.SealSegment(key, s); err != nil {
		t.Fatal(err)
	}
	o.Type, o.Envelope = "segment", s.Envelope
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func testImporter(self chat.PeerID) *importer {
	return &importer{
		p: &program{err: io.Discard}, self: self, told: time.Now(),
		convs: make(map[segmentOf]chat.Conversation), named: make(map[chat.Conversation]bool),
	}
}

func TestImportTakesWhatIsOursAndTrue(t *testing.T) {
	t.Parallel()
	aliceKey, alice := writer(t, 1)
	bobKey, bob := writer(t, 2)
	eveKey, eve := writer(t, 3)
	now := time.Now()
	lobby, talk := chat.RoomID("lobby"), chat.DirectID(alice, bob)
	private := func(self, other chat.PeerID) segmentObject {
		return segmentObject{Conversation: other.String(), Self: &self}
	}
	for name, c := range map[string]struct {
		line                  string
		taken, refused, other int
		conv                  chat.Conversation
	}{
		"a room's":              {line: exported(t, eveKey, lobby, now, segmentObject{Conversation: "Lobby"}), taken: 1, conv: chat.InRoom("lobby")},
		"of another room":       {line: exported(t, eveKey, chat.RoomID("ops"), now, segmentObject{Conversation: "lobby"}), refused: 1},
		"of a day ahead":        {line: exported(t, eveKey, lobby, now.Add(importAhead+time.Minute), segmentObject{Conversation: "lobby"}), refused: 1},
		"of an hour ahead":      {line: exported(t, eveKey, lobby, now.Add(time.Hour), segmentObject{Conversation: "lobby"}), taken: 1, conv: chat.InRoom("lobby")},
		"of no room":            {line: exported(t, eveKey, lobby, now, segmentObject{Conversation: "a b"}), other: 1},
		"of the presence room":  {line: exported(t, eveKey, chat.PresenceID(), now, segmentObject{}), other: 1},
		"our export":            {line: exported(t, bobKey, talk, now, private(alice, bob)), taken: 1, conv: chat.With(bob)},
		"our words in it":       {line: exported(t, aliceKey, talk, now, private(alice, bob)), taken: 1, conv: chat.With(bob)},
		"the other's export":    {line: exported(t, aliceKey, talk, now, private(bob, alice)), taken: 1, conv: chat.With(bob)},
		"a third one's words":   {line: exported(t, eveKey, talk, now, private(alice, bob)), refused: 1},
		"a talk of others":      {line: exported(t, eveKey, chat.DirectID(bob, eve), now, private(eve, bob)), other: 1},
		"a talk with oneself":   {line: exported(t, aliceKey, chat.DirectID(alice, alice), now, private(alice, alice)), other: 1},
		"a talk without a self": {line: exported(t, bobKey, talk, now, segmentObject{Conversation: bob.String()}), refused: 1},
		"no envelope":           {line: `{"type":"segment","conversation":"lobby"}`, refused: 1},
		"no base64":             {line: `{"type":"segment","conversation":"lobby","envelope":"!"}`, refused: 1},
		"a message":             {line: `{"type":"message","text":"x"}`},
		"another type":          {line: `{"type":"member"}`, other: 1},
		"no JSON":               {line: `12:00 bob | hello`, refused: 1},
		"an empty line":         {},
	} {
		i := testImporter(alice)
		if err := i.read(context.Background(), bufio.NewReader(strings.NewReader(c.line+"\r\n"))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(i.batch) != c.taken || i.count.Refused != c.refused || i.count.Other != c.other {
			t.Errorf("%s: %d taken, %+v", name, len(i.batch), i.count)
		}
		if c.taken > 0 && (len(i.unnamed) != 1 || i.unnamed[0] != c.conv || i.batch[0].Conversation != c.conv.ID(alice)) {
			t.Errorf("%s: %v", name, i.unnamed)
		}
		if c.taken == 0 && len(i.unnamed) > 0 {
			t.Errorf("%s: %v is named for nothing", name, i.unnamed)
		}
	}
}

// A line without end costs no memory, and the lines behind it count.
func TestImportBoundsLines(t *testing.T) {
	t.Parallel()
	key, alice := writer(t, 1)
	good := exported(t, key, chat.RoomID("lobby"), time.Now(), segmentObject{Conversation: "lobby"})
	i := testImporter(alice)
	in := io.MultiReader(
		strings.NewReader(good+"\n"+`{"type":"segment","conversation":"`), io.LimitReader(endless{}, 64<<20), strings.NewReader("\n"+good),
	)
	if err := i.read(context.Background(), bufio.NewReaderSize(in, exportBuffer)); err != nil {
		t.Error(err)
	}
	if len(i.batch) != 2 || i.count.Refused != 1 {
		t.Errorf("%d taken, %+v", len(i.batch), i.count)
	}
	for _, c := range []struct {
		n    int
		long bool
	}{{maxImportLine - 1, false}, {maxImportLine, true}} {
		in := bufio.NewReaderSize(io.MultiReader(io.LimitReader(endless{}, int64(c.n)), strings.NewReader("\nnext")), exportBuffer)
		l, long, err := readLine(in, maxImportLine)
		if long != c.long || err != nil || !long && len(l) != c.n || long && cap(l) != 0 {
			t.Errorf("%d bytes: got %d, %v, %v", c.n, len(l), long, err)
		}
		if l, long, err := readLine(in, maxImportLine); string(l) != "next" || long || !errors.Is(err, io.EOF) {
			t.Errorf("after %d bytes: got %q, %v, %v", c.n, l, long, err)
		}
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

// The longest envelope and the longest text fit into a line.
func TestImportLineIsLongEnough(t *testing.T) {
	t.Parallel()
	_, alice := writer(t, 1)
	b, err := json.Marshal(segmentObject{
		Type: "segment", Conversation: strings.Repeat("\x00", chat.MaxRoomName), Self: &alice, Envelope: make([]byte, wire.MaxEnvelope),
	})
	if err != nil || len(b) >= maxImportLine {
		t.Errorf("a segment has %d bytes, %v", len(b), err)
	}
	if n := 6*chat.MaxText + 2048; n >= maxImportLine { // \u001b for each byte, and all else
		t.Errorf("a message has %d bytes", n)
	}
}

func FuzzImport(f *testing.F) {
	key, alice := writer(f, 1)
	good := exported(f, key, chat.RoomID("lobby"), time.Now(), segmentObject{Conversation: "lobby"})
	f.Add([]byte(good + "\n" + good))
	f.Add([]byte(`{"type":"segment","conversation":"` + alice.String() + `","self":"` + alice.String() + `","envelope":""}`))
	f.Add([]byte("{\"type\":\"message\"}\n\n[]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		i := testImporter(alice)
		if err := i.read(context.Background(), bufio.NewReader(strings.NewReader(string(data)))); err != nil {
			t.Fatal(err)
		}
		for _, s := range i.batch {
			if again, err := wire.OpenSegment(s.Conversation, s.Envelope); err != nil || again.ID != s.ID {
				t.Errorf("a segment that is not sound was taken: %v", err)
			}
		}
		if lines := strings.Count(string(data), "\n") + 1; len(i.batch)+i.count.Refused+i.count.Other > lines {
			t.Errorf("%d taken, %+v, of %d lines", len(i.batch), i.count, lines)
		}
	})
}
