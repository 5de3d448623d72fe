package identity

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
)

func testKnownHosts(t testing.TB, f *Folder) *KnownHosts {
	t.Helper()
	k, err := f.KnownHosts()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestChangeOfPeerAtHostIsSeen(t *testing.T) {
	f := testFolder(t)
	bob, eve := testPeer(t), testPeer(t)
	learn := func(hostport string, p, wantPrevious chat.PeerID, wantChanged bool) {
		t.Helper()
		previous, changed, err := testKnownHosts(t, f).Learn(hostport, p)
		if err != nil || previous != wantPrevious || changed != wantChanged {
			t.Errorf("learn %s: got %s, %v, %v, want %s, %v", hostport, previous, changed, err, wantPrevious, wantChanged)
		}
	}
	nobody := chat.PeerID{}
	learn("example.org:4747", bob, nobody, false)
	learn("example.org:4747", bob, bob, false)
	learn("example.org:4747", eve, bob, true)
	learn("example.org:4747", eve, bob, true) // the first stays until the user says otherwise
	learn("example.org:4748", eve, nobody, false)
	learn("EXAMPLE.org.:04747", eve, bob, true)

	k := testKnownHosts(t, f)
	if err := k.Replace("example.org:4747", eve); err != nil {
		t.Fatal(err)
	}
	learn("example.org:4747", eve, eve, false)
	learn("example.org:4747", bob, eve, true)
	if p, ok, err := k.Of("Example.org:4747"); err != nil || !ok || p != eve {
		t.Errorf("got %s, %v, %v, want %s", p, ok, err, eve)
	}
	if p, ok, err := k.Of("example.org:1"); err != nil || ok || !p.IsZero() {
		t.Errorf("unknown host: got %s, %v, %v", p, ok, err)
	}
	if _, _, err := k.Learn("example.org:4747", nobody); !errors.Is(err, chat.ErrBadPeerID) {
		t.Errorf("empty peer: got %v", err)
	}
	wantMode(t, f.path(knownHostsFile), 0o600)
}

func TestParseHostPort(t *testing.T) {
	tests := map[string]string{
		"example.org:4747":                    "example.org:4747",
		" Example.ORG.:04747 ":                "example.org:4747",
		"192.0.2.1:1":                         "192.0.2.1:1",
		"[2001:DB8:0::1]:65535":               "[2001:db8::1]:65535",
		"[::ffff:192.0.2.1]:80":               "192.0.2.1:80",
		"[fe80::1%eth0]:80":                   "[fe80::1%eth0]:80",
		"localhost:80":                        "localhost:80",
		"my_box:80":                           "my_box:80",
		strings.Repeat("a", maxHost) + ":1":   strings.Repeat("a", maxHost) + ":1",
		strings.Repeat("a", maxHost+1) + ":1": "",
		"":                                    "",
		"example.org":                         "",
		":4747":                               "",
		"..:4747":                             "",
		"a..b:4747":                           "",
		"[fe80::1%a\x1b]:80":                  "",
		"[fe80::1%a b]:80":                    "",
		".:4747":                              "",
		"example.org:":                        "",
		"example.org:0":                       "",
		"example.org:65536":                   "",
		"example.org:-1":                      "",
		"example.org:ssh":                     "",
		"::1:80":                              "",
		"/ip4/1.2.3.4/tcp/1":                  "",
		"a b:80":                              "",
		"a\x1b:80":                            "",
		"a\n:80":                              "",
		"user@example.org:80":                 "",
		"http://example.org:80":               "",
		"[example.org/x]:80":                  "",
		"exämple.org:80":                      "", // not in the form that is looked up
		"[" + strings.Repeat(":", 100_000) + "]:": "",
	}
	for in, want := range tests {
		got, err := parseHostPort(in)
		if got != want || (want == "") != errors.Is(err, ErrBadHostPort) {
			t.Errorf("%.80q: got %q, %v, want %q", in, got, err, want)
		}
		if err != nil && len(err.Error()) > 2*maxHost {
			t.Errorf("%.80q: an error of %d bytes", in, len(err.Error()))
		}
	}
}

func TestKnownHostsHaveALimit(t *testing.T) {
	bob, eve := testPeer(t), testPeer(t)
	list := make([]knownHost, maxKnownHosts)
	for i := range list {
		list[i] = knownHost{Host: fmt.Sprintf("%0*d:65535", maxHost, i), Peer: bob, Since: seconds(i)}
	}
	if _, err := setHost(slices.Clone(list), "new:1", bob, seconds(0)); !errors.Is(err, ErrFull) {
		t.Errorf("one more: got %v, want ErrFull", err)
	}
	got, err := setHost(slices.Clone(list), list[3].Host, eve, seconds(7))
	if err != nil || got[3] != (knownHost{Host: list[3].Host, Peer: eve, Since: seconds(7)}) {
		t.Errorf("one of them: got %+v, %v", got[3], err)
	}
	// What is written is not too large to be read.
	data, err := encodeJSON(knownHostsData{Version: fileVersion, Hosts: list[:1]})
	if size := len(data) * maxKnownHosts; err != nil || size > maxKnownHostsFile {
		t.Errorf("a full list may have %d bytes, and %d are read; %v", size, maxKnownHostsFile, err)
	}
}

func TestDamagedKnownHostsAreLeftAlone(t *testing.T) {
	bob := testPeer(t)
	host := func(name string) string {
		return fmt.Sprintf(`{"host":%q,"peer":%q,"since":"2026-01-02T03:04:05Z"}`, name, bob)
	}
	for name, content := range map[string]string{
		"empty":         "",
		"half":          `{"version":1,"hosts":[` + host("a:1"),
		"no peer":       `{"version":1,"hosts":[{"host":"a:1","since":"2026-01-02T03:04:05Z"}]}`,
		"bad host":      `{"version":1,"hosts":[` + host("a") + `]}`,
		"other form":    `{"version":1,"hosts":[` + host("A:1") + `]}`,
		"host twice":    `{"version":1,"hosts":[` + host("a:1") + `,` + host("b:1") + `,` + host("a:1") + `]}`,
		"unknown field": `{"version":1,"hosts":[],"x":1}`,
		"too many":      `{"version":1,"hosts":[` + strings.Repeat("{},", maxKnownHosts) + `{}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			f := testFolder(t)
			k := testKnownHosts(t, f)
			put(t, f, knownHostsFile, content)
			_, err1 := f.KnownHosts()
			_, _, err2 := k.Learn("a:1", bob)
			_, _, err3 := k.Of("a:1")
			for _, err := range []error{err1, err2, err3, k.Replace("a:1", bob)} {
				if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), f.path(knownHostsFile)) {
					t.Errorf("got %v, want ErrDamaged and the path", err)
				}
			}
			wantContent(t, f, knownHostsFile, content)
		})
	}
}

func FuzzParseHostPort(f *testing.F) {
	for _, s := range []string{"example.org:80", "[::1]:80", "[fe80::1%eth0]:1", "a.:1", "..:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseHostPort(s)
		if err != nil {
			return
		}
		if again, err := parseHostPort(got); err != nil || again != got {
			t.Errorf("%q: got %q, and of that %q, %v", s, got, again, err)
		}
		if host, _, err := net.SplitHostPort(got); err != nil || host == "" || got != chat.SafeString(got) {
			t.Errorf("%q: got %q, %v", s, got, err)
		}
	})
}

func FuzzDecodeKnownHosts(f *testing.F) {
	data, err := encodeJSON(knownHostsData{Version: fileVersion, Hosts: []knownHost{
		{Host: "a:1", Peer: testPeer(f)}, {Host: "b:1", Peer: testPeer(f)},
	}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := decodeKnownHosts(data)
		if err != nil {
			return
		}
		for i, k := range list {
			if at, ok := findHost(list, k.Host); !ok || at != i {
				t.Errorf("%q cannot be found", k.Host)
			}
		}
		again, err := encodeJSON(knownHostsData{Version: fileVersion, Hosts: list})
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeKnownHosts(again)
		if err != nil || !slices.EqualFunc(got, list, func(a, b knownHost) bool {
			return a.Host == b.Host && a.Peer == b.Peer && a.Since.Equal(b.Since)
		}) {
			t.Errorf("got %+v, %v, want %+v", got, err, list)
		}
	})
}
