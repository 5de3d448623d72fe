package invite

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/chat"
)

// person is always the same peer for the same n.
func person(n byte) chat.PeerID {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = n
	id, err := chat.PeerIDFromKey(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
	if err != nil {
		panic(err)
	}
	return id
}

func nick(s string) chat.Text {
	t, err := chat.NewNick(s)
	if err != nil {
		panic(err)
	}
	return t
}

func seedAt(n byte, addrs ...string) peer.AddrInfo {
	info := peer.AddrInfo{ID: person(n).Libp2p()}
	for _, a := range addrs {
		info.Addrs = append(info.Addrs, ma.StringCast(a))
	}
	return info
}

func usual() Invite {
	return Invite{
		Peer: person(1), Nick: nick("ann"), Room: "lobby",
		Addrs: []ma.Multiaddr{ma.StringCast("/ip4/198.51.100.7/tcp/41234"), ma.StringCast("/ip4/192.168.1.20/tcp/41234")},
		Seeds: []peer.AddrInfo{seedAt(9, "/dns4/seed.example.org/tcp/4747")},
	}
}

// The format stays: these texts are on paper and in mails.
func TestGolden(t *testing.T) {
	for name, tc := range map[string]struct {
		invite Invite
		text   string
	}{
		"only a peer": {
			Invite{Peer: person(1)},
			"p2pchat1ahhmyfih3qo524uvsuocscei6ck23oiejunxhvuw43pqmxlihpkpyaaaaaacjfr3yi",
		},
		"usual": {usual(), "p2pchat1ahhmyfih3qo524uvsuocscei6ck23oiejunxhvuw43pqmxlihpkpyblmn5rge6idmfxg4aqiatddgzaha2qrecaeycua" +
			"cfaguejado24m4sifmg4zki2egso2y5rll66rkqtpdnhftibwnevrhlopxlkaektmedtmvswiltfpbqw24dmmuxg64thayjiwb32vpoa"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.invite.String(); got != tc.text {
				t.Errorf("String:\n%s, want\n%s", got, tc.text)
			}
			got, err := Parse(tc.text)
			if err != nil || !reflect.DeepEqual(got, tc.invite) {
				t.Errorf("Parse: %+v, %v, want %+v", got, err, tc.invite)
			}
		})
	}
}

func TestConversation(t *testing.T) {
	i := usual()
	if got := i.Conversation(); got != chat.InRoom("lobby") {
		t.Errorf("opens %v", got)
	}
	i.Room = ""
	if got := i.Conversation(); got != chat.With(person(1)) {
		t.Errorf("without a room opens %v", got)
	}
}

func TestNobodyInvites(t *testing.T) {
	if got := (Invite{Room: "lobby"}).String(); got != "" {
		t.Errorf("an invite of nobody: %q", got)
	}
}

func TestCaseAndWhiteSpaceDoNotCount(t *testing.T) {
	text := usual().String()
	var wrapped strings.Builder
	for i, r := range strings.ToUpper(text) {
		if i > 0 && i%20 == 0 {
			wrapped.WriteString("\r\n\t \u00a0\u200b")
		}
		wrapped.WriteRune(r)
	}
	for _, s := range []string{strings.ToUpper(text), " " + text + "\n", wrapped.String()} {
		if !Is(s) {
			t.Errorf("Is(%q) = false", s)
		}
		got, err := Parse(s)
		if err != nil || got.String() != text {
			t.Errorf("Parse(%q) = %v, %v", s, got, err)
		}
	}
}

func TestEverySlipIsRefused(t *testing.T) {
	i := usual()
	i.Addrs, i.Nick = nil, chat.Text{} // a shorter one: this is quadratic
	text := i.String()
	refused := func(s string) {
		t.Helper()
		if s == text {
			return
		}
		if got, err := Parse(s); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNotInvite) {
			t.Errorf("Parse(%q) = %v, %v", s, got, err)
		}
	}
	const others = "abcdefghijklmnopqrstuvwxyz0123456789-_.,/\\\"'>\x00é\u0131\u017f\u212a\xff"
	for i := range len(text) {
		for _, r := range others {
			refused(text[:i] + string(r) + text[i+1:]) // changed
			refused(text[:i] + string(r) + text[i:])   // added
		}
		refused(text[:i] + text[i+1:]) // lost
		refused(text[:i])              // cut off
		for j := i + 1; j < len(text); j++ {
			b := []byte(text)
			b[i], b[j] = b[j], b[i]
			refused(string(b))
		}
	}
	refused(text + text)
	refused(text + "a")
}

// whole frames bytes as String does: what a broken or hostile program makes.
func whole(data ...byte) string { return spell(data) }

func TestDamaged(t *testing.T) {
	key := person(1)
	payload := func(rest ...byte) string { return whole(append(append([]byte{1}, key[:]...), rest...)...) }
	loop := ma.StringCast("/ip4/127.0.0.1/tcp/1").Bytes()
	addr := append([]byte{byte(len(loop))}, loop...)
	udp := ma.StringCast("/ip4/127.0.0.1/udp/1").Bytes()
	seed := append(key[:], append([]byte{1}, addr...)...)
	join := func(parts ...[]byte) (all []byte) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	if _, err := Parse(payload(join([]byte{0, 0, 1}, addr, []byte{1}, seed)...)); err != nil {
		t.Fatalf("the table is wrong: %v", err)
	}
	for name, tc := range map[string]struct {
		text string
		want error
	}{
		"empty":                    {"", ErrNotInvite},
		"a room":                   {"lobby", ErrNotInvite},
		"a peer ID":                {key.String(), ErrNotInvite},
		"only the prefix":          {Prefix, ErrDamaged},
		"no version":               {whole(), ErrDamaged},
		"version 0":                {whole(0, 1, 2, 3), ErrDamaged},
		"version 2":                {whole(2, 1, 2, 3), ErrNewer},
		"version 255":              {whole(255), ErrNewer},
		"version 2, damaged":       {whole(2, 1, 2, 3) + "a", ErrDamaged},
		"nothing in it":            {whole(1), ErrDamaged},
		"half a key":               {whole(append([]byte{1}, key[:16]...)...), ErrDamaged},
		"a weak key":               {whole(append([]byte{1}, make([]byte, 36)...)...), ErrDamaged},
		"no room":                  {payload(), ErrDamaged},
		"room cut off":             {payload(5, 'l'), ErrDamaged},
		"room of another case":     {payload(1, 'L', 0, 0, 0), ErrDamaged},
		"room with a space":        {payload(3, 'a', ' ', 'b', 0, 0, 0), ErrDamaged},
		"room too long":            {payload(append(append([]byte{65}, strings.Repeat("a", 65)...), 0, 0, 0)...), ErrDamaged},
		"nick with space around":   {payload(0, 2, 'a', ' ', 0, 0), ErrDamaged},
		"nick of nothing":          {payload(0, 1, ' ', 0, 0), ErrDamaged},
		"nick not UTF-8":           {payload(0, 1, 0xff, 0, 0), ErrDamaged},
		"nick too long":            {payload(append(append([]byte{0, 33}, strings.Repeat("a", 33)...), 0, 0)...), ErrDamaged},
		"too many addresses":       {payload(join([]byte{0, 0, 5}, addr, addr, addr, addr, addr, []byte{0})...), ErrDamaged},
		"one address twice":        {payload(join([]byte{0, 0, 2}, addr, addr, []byte{0})...), ErrDamaged},
		"address cut off":          {payload(0, 0, 1, 8, 4), ErrDamaged},
		"address of nothing":       {payload(0, 0, 1, 0, 0), ErrDamaged},
		"address that is none":     {payload(0, 0, 1, 2, 0xff, 0xff, 0), ErrDamaged},
		"address of UDP":           {payload(join([]byte{0, 0, 1, byte(len(udp))}, udp, []byte{0})...), ErrDamaged},
		"seed without address":     {payload(join([]byte{0, 0, 0, 1}, key[:], []byte{0})...), ErrDamaged},
		"seed with a weak key":     {payload(join([]byte{0, 0, 0, 1}, make([]byte, 32), []byte{1}, addr)...), ErrDamaged},
		"seed twice":               {payload(join([]byte{0, 0, 0, 2}, seed, seed)...), ErrDamaged},
		"too many seeds":           {payload(join([]byte{0, 0, 0, 4}, seed, seed, seed, seed)...), ErrDamaged},
		"something at the end":     {payload(0, 0, 0, 0, 0), ErrDamaged},
		"too long":                 {Prefix + strings.Repeat("a", MaxText), chat.ErrTooLong},
		"too long by white space":  {Prefix + strings.Repeat(" ", maxRaw), chat.ErrTooLong},
		"too long, something else": {strings.Repeat("x", maxRaw+1), chat.ErrTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse(tc.text)
			if !errors.Is(err, tc.want) {
				t.Fatalf("%+v, %v, want %v", got, err, tc.want)
			}
			if strings.ContainsAny(err.Error(), "\n\r\x1b") {
				t.Errorf("not one safe line: %q", err)
			}
			if !reflect.DeepEqual(got, Invite{}) {
				t.Errorf("an error and %+v", got)
			}
		})
	}
}

// The bits behind the last byte are zero; others would be another text.
func TestSpareBitsAreZero(t *testing.T) {
	const alphabet = "abcdefghijklmnopqrstuvwxyz234567"
	text := Invite{Peer: person(1), Room: "abc"}.String() // 44 bytes, 3 bits to spare
	last := strings.IndexByte(alphabet, text[len(text)-1])
	if last%8 != 0 {
		t.Fatalf("%s has no 3 spare bits", text)
	}
	for spare := 1; spare < 8; spare++ {
		other := text[:len(text)-1] + alphabet[last+spare:last+spare+1]
		if _, err := Parse(other); !errors.Is(err, ErrDamaged) {
			t.Errorf("Parse(%s) = %v", other, err)
		}
	}
}

// Whatever is an invite for Is must not be a name of something else.
func TestNamesAreNoInvites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`#{0,3}[pP]2pchat1[a-z2-7 ]{0,70}`)).Draw(t, "s")
		if room, err := chat.ParseRoomName(s); err == nil && Is(string(room)) {
			t.Fatalf("room %q", room)
		}
		if nick, err := chat.NewNick(s); err == nil && Is(nick.Raw()) {
			t.Fatalf("nick %q", nick.Raw())
		}
	})
	if Is(person(3).String()) {
		t.Error("a peer ID")
	}
	if !Is(Invite{Peer: person(1)}.String()) {
		t.Error("the shortest invite is none")
	}
}

func TestRoundTrip(t *testing.T) {
	place := rapid.OneOf(
		rapid.StringMatching(`/ip4/(10|127|192|8)\.[1-9]\.[0-9]\.[0-9]/tcp/[1-9][0-9]{0,3}`),
		rapid.StringMatching(`/ip6/2001:db8::[1-9a-f]{1,4}/tcp/[1-9][0-9]{0,3}`),
		rapid.StringMatching(`/dns[46]?/[a-zA-Z0-9-]{1,20}\.org/tcp/[1-9][0-9]{0,3}`),
		rapid.StringMatching(`/dnsaddr/[a-z]{1,60}`),
		rapid.Map(rapid.StringMatching(`/ip4/10\.[1-9]\.[0-9]\.[0-9]/tcp/[1-9]`), func(s string) string {
			return s + "/p2p/" + person(7).String() + "/p2p-circuit"
		}),
	)
	places := func(t *rapid.T, least, most int) (out []ma.Multiaddr) {
		for _, s := range rapid.SliceOfNDistinct(place, least, most, rapid.ID).Draw(t, "addrs") {
			out = append(out, ma.StringCast(s))
		}
		return boundedAddrs(out, most) // two writings of one IPv6 address
	}
	rapid.Check(t, func(t *rapid.T) {
		i := Invite{Peer: person(rapid.Byte().Draw(t, "peer")), Addrs: places(t, 0, MaxAddrs)}
		if room, err := chat.ParseRoomName(rapid.String().Draw(t, "room")); err == nil {
			i.Room = room
		}
		if nick, err := chat.NewNick(rapid.String().Draw(t, "nick")); err == nil {
			i.Nick = nick
		}
		for _, n := range rapid.SliceOfNDistinct(rapid.Byte(), 0, MaxSeeds, rapid.ID).Draw(t, "seeds") {
			i.Seeds = append(i.Seeds, peer.AddrInfo{ID: person(n).Libp2p(), Addrs: places(t, 1, MaxSeedAddrs)})
		}
		text := i.String()
		if len(text) > MaxText || !Is(text) {
			t.Fatalf("%d characters: %s", len(text), text)
		}
		got, err := Parse(text)
		if err != nil || fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", i) {
			t.Fatalf("%#v, %v, want %#v", got, err, i)
		}
	})
}

func TestLimits(t *testing.T) {
	i := Invite{Peer: person(1), Room: chat.RoomName(strings.Repeat("r", chat.MaxRoomName)), Nick: nick(strings.Repeat("n", chat.MaxNick))}
	name := strings.Repeat("a", 94)
	long := func(n int) ma.Multiaddr { return ma.StringCast(fmt.Sprintf("/dns4/%s/tcp/%d", name, n)) }
	if got := len(long(1).Bytes()); got != MaxAddr-1 && got != MaxAddr {
		t.Fatalf("%d bytes; the comment on MaxAddr is wrong", got)
	}
	over := ma.StringCast("/dns4/" + strings.Repeat("a", 200) + "/tcp/1")
	i.Addrs = append(i.Addrs, over)
	for n := 1; n <= MaxAddrs+1; n++ {
		i.Addrs = append(i.Addrs, long(n), long(n))
	}
	i.Seeds = append(i.Seeds, peer.AddrInfo{ID: person(20).Libp2p()}, peer.AddrInfo{ID: "rsa?", Addrs: []ma.Multiaddr{long(1)}})
	for n := byte(1); n <= MaxSeeds+1; n++ {
		i.Seeds = append(i.Seeds, peer.AddrInfo{ID: person(n).Libp2p(), Addrs: []ma.Multiaddr{over, long(1), long(2), long(3)}})
	}
	text := i.String()
	got, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Addrs) != MaxAddrs || len(got.Seeds) != MaxSeeds || len(got.Seeds[0].Addrs) != MaxSeedAddrs {
		t.Errorf("%d addresses, %d seeds with %d each", len(got.Addrs), len(got.Seeds), len(got.Seeds[0].Addrs))
	}
	if len(text) > MaxText {
		t.Errorf("the longest invite has %d characters, more than %d", len(text), MaxText)
	}
	t.Logf("the longest invite has %d characters", len(text))
}

// What README says about the size of an invite.
func TestUsualSize(t *testing.T) {
	i := usual()
	i.Seeds = nil
	t.Logf("no seed: %d characters", len(i.String()))
	i.Seeds = append(i.Seeds, seedAt(9, "/ip4/203.0.113.5/tcp/4747"))
	t.Logf("1 seed by IPv4: %d characters", len(i.String()))
	i.Seeds[0] = seedAt(9, "/dns4/seed.example.org/tcp/4747")
	one := len(i.String())
	i.Seeds = append(i.Seeds, seedAt(10, "/dns4/seed.example.net/tcp/4747"))
	two := len(i.String())
	t.Logf("1 seed by name: %d characters, 2 seeds: %d", one, two)
	if one > 240 || two > 340 {
		t.Errorf("an invite has grown: %d characters with 1 seed, %d with 2", one, two)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(usual().String())
	f.Add(strings.ToUpper(Invite{Peer: person(2)}.String()))
	f.Add(whole(2, 3))
	f.Fuzz(func(t *testing.T, s string) {
		check := func(s string) {
			i, err := Parse(s)
			if err != nil {
				return
			}
			if word := squeeze(s); i.String() != word || !Is(s) || len(word) > MaxText {
				t.Errorf("%q is also %q", word, i)
			}
		}
		check(s)
		check(whole([]byte(s)...)) // behind the checksum
		check(whole(append([]byte{version}, s...)...))
	})
}
