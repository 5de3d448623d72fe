package chat_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/chat"
)

func TestParseRoomName(t *testing.T) {
	for in, want := range map[string]chat.RoomName{
		"lobby":                        "lobby",
		" Lobby\n":                     "lobby",
		"#lobby":                       "lobby",
		"##lobby":                      "lobby",
		"＃ＬＯＢＢＹ":                       "lobby", // full-width
		"\u3000lobby\u00a0":            "lobby",
		"a#b":                          "a#b",
		"ﬁn":                           "fin",
		"Ⅷ":                            "viii",
		"Ärger":                        "ärger",
		"A\u0308rger":                  "ärger", // composed and decomposed are one room
		"STRAẞE":                       "straße",
		"İstanbul":                     "istanbul",
		"חדר":                          "חדר",
		"غرفة":                         "غرفة",
		"कक्ष":                         "कक्ष",
		"ห้องนั่งเล่น":                 "ห้องนั่งเล่น",
		"部屋":                           "部屋",
		"go🎉":                          "go🎉",
		"K":                            "k", // Kelvin sign
		strings.Repeat("a", 64):        chat.RoomName(strings.Repeat("a", 64)),
		" #" + strings.Repeat("é", 32): chat.RoomName(strings.Repeat("é", 32)),
	} {
		if got, err := chat.ParseRoomName(in); err != nil || got != want {
			t.Errorf("ParseRoomName(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for name, in := range map[string]string{
		"empty":                  "",
		"only space":             " \t\n",
		"only #":                 "##",
		"space inside":           "my room",
		"space behind #":         "# room",
		"no-break space inside":  "my\u00a0room",
		"spaces by folding":      "a\u00a8b", // NFKC: space and a mark
		"tab":                    "my\troom",
		"newline":                "my\nroom",
		"NUL":                    "room\x00",
		"escape":                 "\x1b[31mroom",
		"DEL":                    "room\x7f",
		"C1":                     "room\u009b",
		"bidi override":          "\u202emoor",
		"bidi isolate":           "\u2066room",
		"zero-width space":       "ro\u200bom",
		"zero-width joiner":      "ro\u200dom",
		"variation selector":     "room\ufe0f",
		"Hangul filler":          "\u3164",
		"blank braille":          "\u2800",
		"tag":                    "room\U000e0041",
		"private use":            "room\ue000",
		"unassigned":             "room\U000e0fff",
		"line separator":         "ro\u2028om",
		"a stack of marks":       "x\u0311\u0312\u0313\u0314\u0315",
		"not UTF-8":              "room\xff",
		"too long":               strings.Repeat("a", 65),
		"too long when folded":   strings.Repeat("\ufdfa", 3), // 3 bytes become 33
		"one byte too long by é": strings.Repeat("é", 32) + "a",
	} {
		if got, err := chat.ParseRoomName(in); !errors.Is(err, chat.ErrBadRoomName) || got != "" {
			t.Errorf("%s: %q, %v; want ErrBadRoomName", name, got, err)
		} else if strings.ContainsAny(err.Error(), "\x1b\n\x00\u202e") {
			t.Errorf("%s: the error itself hurts: %q", name, err)
		}
	}
}

// checkRoomName holds for everything ParseRoomName accepts.
func checkRoomName(t interface{ Fatalf(string, ...any) }, in string) {
	name, err := chat.ParseRoomName(in)
	if err != nil {
		return
	}
	if again, err := chat.ParseRoomName(string(name)); err != nil || again != name {
		t.Fatalf("%q is room %q, which is room %q, %v", in, name, again, err)
	}
	if len(name) == 0 || len(name) > chat.MaxRoomName || !utf8.ValidString(string(name)) {
		t.Fatalf("%q is room %q of %d bytes", in, name, len(name))
	}
	if bad := hurts(string(name), false); bad != "" {
		t.Fatalf("%q is room %q: %s", in, name, bad)
	}
	if strings.ContainsAny(string(name), " \n") {
		t.Fatalf("%q is room %q, with space", in, name)
	}
}

func TestRoomNamesStayWhenParsedAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkRoomName(t, rapid.StringN(0, 20, 80).Draw(t, "name")) })
}

func FuzzRoomName(f *testing.F) {
	for _, s := range []string{"Lobby", "##a", "ﬁ\u0308", "\u03a3ς", "İ", "a\u0345", "\u1fb3\u0301", "ẞ", "\u1e9b\u0323"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkRoomName(t, s) })
}

// These values are the names of conversations on the wire: with any other
// people who run different versions would never meet.
func TestConversationIDsNeverChange(t *testing.T) {
	for want, id := range map[string]chat.ConversationID{
		// printf 'p2pchat room 1\0lobby' | sha256sum
		"807ee145c5489af395e527c09097f557ce324601dee05a313c5481f90449db53": chat.RoomID("lobby"),
		"c693031d4075734f06f93cac7e5f3da9ce7ed948df9f6b5ded854640097031a5": chat.RoomID("חדר"),
		// printf 'p2pchat presence 1\0' | sha256sum
		"5211bb0b34247c97722444b79caf9bc5dbc0d65099e6a32b39abaf43063fa625": chat.PresenceID(),
		"066f24970c918cba8415e7feebeb107e0449f2ffb9817096c0780ff52aaffec4": chat.DirectID(peerID(1), peerID(2)),
	} {
		if id.String() != want {
			t.Errorf("got %s, want %s", id, want)
		}
	}
	if got, want := chat.RoomID("lobby").Base32(), "qb7ocrofjcnphfpfe7ajbf7vk7hderqb33qfumj4ksa7sbcj3njq"; got != want {
		t.Errorf("base32 of the lobby is %s, want %s", got, want)
	}
}

func TestConversationID(t *testing.T) {
	alice, bob := peerID(1), peerID(2)
	if chat.DirectID(alice, bob) != chat.DirectID(bob, alice) {
		t.Error("a private conversation has two IDs")
	}
	same := map[chat.Conversation]chat.ConversationID{
		chat.InRoom("lobby"): chat.RoomID("lobby"),
		chat.With(bob):       chat.DirectID(alice, bob),
		chat.Presence():      chat.PresenceID(),
	}
	seen := make(map[chat.ConversationID]chat.Conversation)
	for c, want := range same {
		if got := c.ID(alice); got != want {
			t.Errorf("%q has ID %s, want %s", c, got, want)
		}
		if other, ok := seen[want]; ok {
			t.Errorf("%q and %q have one ID", c, other)
		}
		seen[want] = c
	}
	if chat.DirectID(alice, bob) == chat.DirectID(alice, alice) || chat.DirectID(alice, alice) == chat.DirectID(bob, bob) {
		t.Error("private conversations of different people have one ID")
	}
	for _, c := range []struct {
		conv             chat.Conversation
		direct, presence bool
		name             string
	}{
		{chat.InRoom("lobby"), false, false, "lobby"},
		{chat.With(bob), true, false, bob.String()},
		{chat.Presence(), false, true, ""},
	} {
		if c.conv.IsDirect() != c.direct || c.conv.IsPresence() != c.presence || c.conv.String() != c.name {
			t.Errorf("%+v: direct %v, presence %v, name %q", c.conv, c.conv.IsDirect(), c.conv.IsPresence(), c.conv)
		}
	}
}

// No room can be named so that its ID is that of a private conversation or of
// the presence room: what is hashed begins differently, whatever follows.
func TestConversationKindsAreApart(t *testing.T) {
	alice, bob := peerID(1), peerID(2)
	for _, tail := range []string{"", string(alice[:]) + string(bob[:]), "direct 1\x00", "presence 1\x00"} {
		room := chat.RoomID(chat.RoomName(tail))
		if room == chat.DirectID(alice, bob) || room == chat.PresenceID() {
			t.Errorf("room %q has the ID of another kind", tail)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.String().Draw(t, "a")
		b := rapid.String().Draw(t, "b")
		ra, rb := chat.RoomID(chat.RoomName(a)), chat.RoomID(chat.RoomName(b))
		if (ra == rb) != (a == b) {
			t.Fatalf("rooms %q and %q", a, b)
		}
		if c := ra.Compare(rb); (c == 0) != (ra == rb) || c != -rb.Compare(ra) {
			t.Fatalf("compare: %d", c)
		}
		if s := ra.Base32(); !regexp.MustCompile(`^[a-z2-7]{52}$`).MatchString(s) {
			t.Fatalf("base32 %q", s)
		}
	})
}
