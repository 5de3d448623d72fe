package settings

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const (
	seedA = "/dns4/a.example.org/tcp/4747/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"
	seedB = "/ip4/203.0.113.5/tcp/4747/p2p/12D3KooWHdiAxVd8uMQR1hGWXccidmfCwLqcMpGwR6QcTP6QRMuD"
)

// file writes a settings file and returns its path.
func file(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "settings.toml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// vars is an environment.
type vars map[string]string

func (v vars) get(name string) string { return v[name] }

func load(t *testing.T, from Sources) *Settings {
	t.Helper()
	s, err := Load(from)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// lines are all entries that are not the default, with their origin.
func lines(s *Settings) (out []string) {
	for _, e := range s.Entries() {
		if e.Origin != "default" {
			out = append(out, e.String()+" # "+strings.ReplaceAll(e.Origin, s.File, "FILE"))
		}
	}
	return out
}

func TestDefaults(t *testing.T) {
	s := load(t, Sources{})
	want := &Settings{MDNS: true, PortMapping: true, History: true, ReadMarks: true, Web: "127.0.0.1:4748", origins: s.origins}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("%+v, want %+v", s, want)
	}
	for _, e := range s.Entries() {
		if e.Origin != "default" || s.Origin(e.Key) != (Origin{}) {
			t.Errorf("%s comes from %s", e.Key, e.Origin)
		}
	}
}

func TestEverySettingFromEverySource(t *testing.T) {
	path := file(t, `
name = "ann"
seeds = ["`+seedA+`"]
listen = ["/ip4/127.0.0.1/tcp/1"]
rooms = [
  "Lobby", "#lobby",
  "go",
]
show_rooms = ["go"]
mdns = false
port_mapping = false
history = false
read_marks = false
invisible = true
plain = true
web = "off"
[notify]
bell = ["mention", "private", "request", "message"]
desktop = ["private"]
`)
	fromFile := load(t, Sources{File: path})
	want := []string{
		`name = "ann" # file FILE line 2`,
		`seeds = ["` + seedA + `"] # file FILE line 3`,
		`listen = ["/ip4/127.0.0.1/tcp/1"] # file FILE line 4`,
		`rooms = ["lobby", "go"] # file FILE line 5`,
		`show_rooms = ["go"] # file FILE line 9`,
		`mdns = false # file FILE line 10`,
		`port_mapping = false # file FILE line 11`,
		`history = false # file FILE line 12`,
		`read_marks = false # file FILE line 13`,
		`invisible = true # file FILE line 14`,
		`plain = true # file FILE line 15`,
		`web = "off" # file FILE line 16`,
		`notify.bell = ["mention", "private", "request", "message"] # file FILE line 18`,
		`notify.desktop = ["private"] # file FILE line 19`,
	}
	if got := lines(fromFile); !reflect.DeepEqual(got, want) {
		t.Errorf("file:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	env := vars{
		"P2PCHAT_NAME": "bob", "P2PCHAT_SEEDS": seedB + ", ," + seedA, "P2PCHAT_LISTEN": "/ip4/127.0.0.1/tcp/2,/ip6/::1/tcp/2",
		"P2PCHAT_ROOMS": "c", "P2PCHAT_SHOW_ROOMS": "c, d", "P2PCHAT_MDNS": "1", "P2PCHAT_PORT_MAPPING": "yes",
		"P2PCHAT_HISTORY": "on", "P2PCHAT_READ_MARKS": "TRUE", "P2PCHAT_INVISIBLE": "0", "P2PCHAT_PLAIN": "no",
		"P2PCHAT_WEB": "localhost:80", "P2PCHAT_NOTIFY_BELL": "none", "P2PCHAT_NOTIFY_DESKTOP": "request,mention",
	}
	fromEnv := load(t, Sources{File: path, Getenv: env.get})
	want = []string{
		`name = "bob" # environment P2PCHAT_NAME`,
		`seeds = ["` + seedB + `", "` + seedA + `"] # environment P2PCHAT_SEEDS`,
		`listen = ["/ip4/127.0.0.1/tcp/2", "/ip6/::1/tcp/2"] # environment P2PCHAT_LISTEN`,
		`rooms = ["c"] # environment P2PCHAT_ROOMS`,
		`show_rooms = ["c", "d"] # environment P2PCHAT_SHOW_ROOMS`,
		`mdns = true # environment P2PCHAT_MDNS`,
		`port_mapping = true # environment P2PCHAT_PORT_MAPPING`,
		`history = true # environment P2PCHAT_HISTORY`,
		`read_marks = true # environment P2PCHAT_READ_MARKS`,
		`invisible = false # environment P2PCHAT_INVISIBLE`,
		`plain = false # environment P2PCHAT_PLAIN`,
		`web = "localhost:80" # environment P2PCHAT_WEB`,
		`notify.bell = [] # environment P2PCHAT_NOTIFY_BELL`,
		`notify.desktop = ["request", "mention"] # environment P2PCHAT_NOTIFY_DESKTOP`,
	}
	if got := lines(fromEnv); !reflect.DeepEqual(got, want) {
		t.Errorf("environment:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := len(keys()); got != len(want) {
		t.Errorf("%d settings, and this test knows %d", got, len(want))
	}
	var some []Flag // every setting as the file has it, by flags
	for _, k := range keys() {
		some = append(some, Flag{Key: k.name, Name: "--" + k.name, Values: k.get(fromFile)})
	}
	fromFlags := load(t, Sources{File: path, Getenv: env.get, Flags: some})
	for i, e := range fromFlags.Entries() {
		if want := "flag --" + e.Key; e.Origin != want && e.Key != "seeds" {
			t.Errorf("%s comes from %s, want %s", e.Key, e.Origin, want)
		}
		if want := fromFile.Entries()[i].String(); e.String() != want && e.Key != "seeds" {
			t.Errorf("%s, want %s", e, want)
		}
	}
}

func TestSeedsAddUp(t *testing.T) {
	third := strings.Replace(seedA, "a.example", "c.example", 1)
	from := Sources{
		File:   file(t, "\nseeds = ['"+seedA+"', '"+seedB+"', '"+third+"']"),
		Getenv: vars{"P2PCHAT_SEEDS": seedB}.get,
		Flags:  []Flag{{Key: "seeds", Name: "--seed", Values: []string{seedA}}},
	}
	s := load(t, from)
	if want := []string{seedA, seedB, third}; !reflect.DeepEqual(s.Seeds, want) {
		t.Errorf("%v, want %v", s.Seeds, want)
	}
	e := s.Entries()[1]
	line := "file " + s.File + " line 2"
	if want := []string{"flag --seed", "environment P2PCHAT_SEEDS", line}; !reflect.DeepEqual(e.Origins, want) || e.Origin != strings.Join(want, ", ") {
		t.Errorf("come from %q, %q", e.Origins, e.Origin)
	}
	if got := s.Origin("seeds"); got.From != FromFlag {
		t.Errorf("the first comes from %v", got)
	}
}

func TestEntriesInJSON(t *testing.T) {
	s := load(t, Sources{Getenv: vars{"P2PCHAT_NAME": "ann", "P2PCHAT_SEEDS": seedA}.get})
	b, err := json.Marshal(s.Entries()[:6])
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"key":"name","value":"ann","origin":"environment P2PCHAT_NAME"},` +
		`{"key":"seeds","value":["` + seedA + `"],"origin":"environment P2PCHAT_SEEDS","origins":["environment P2PCHAT_SEEDS"]},` +
		`{"key":"listen","value":[],"origin":"default"},{"key":"rooms","value":[],"origin":"default"},` +
		`{"key":"show_rooms","value":[],"origin":"default"},{"key":"mdns","value":true,"origin":"default"}]`
	if string(b) != want {
		t.Errorf("%s, want %s", b, want)
	}
}

func TestEntriesAreSafe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a\x1b[31m\u202eb")
	if err := os.WriteFile(path, []byte("name = 'x'"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(Sources{File: path + "\x1b"}); err == nil || strings.ContainsAny(err.Error(), "\x1b\u202e") {
		t.Errorf("%q", err)
	}
	e := load(t, Sources{File: path}).Entries()[0]
	if strings.ContainsAny(e.String()+e.Origin, "\x1b\u202e") {
		t.Errorf("%q, %q", e, e.Origin)
	}
}

func TestBadValues(t *testing.T) {
	for _, tc := range []struct {
		from Sources
		want string
	}{
		{Sources{Getenv: vars{"P2PCHAT_MDNS": "maybe"}.get}, `environment P2PCHAT_MDNS: mdns: "maybe": neither true nor false (hint: write 1 or 0)`},
		{Sources{Getenv: vars{"P2PCHAT_NAME": strings.Repeat("x", 33)}.get}, `environment P2PCHAT_NAME: name: "` + strings.Repeat("x", 33) + `": not a usable name: 33 bytes, and at most 32 are allowed`},
		{Sources{Getenv: vars{"P2PCHAT_ROOMS": "ok,no no"}.get}, `environment P2PCHAT_ROOMS: rooms: "no no": not a usable room name: it may not contain ' '`},
		{Sources{Getenv: vars{"P2PCHAT_SEEDS": "example.org"}.get}, `environment P2PCHAT_SEEDS: seeds: "example.org": no address of a seed (hint: for example /dns4/seed.example.org/tcp/4747/p2p/12D3KooW...)`},
		{Sources{Getenv: vars{"P2PCHAT_SEEDS": "/ip4/1.2.3.4/tcp/1"}.get}, `environment P2PCHAT_SEEDS: seeds: "/ip4/1.2.3.4/tcp/1": no address of a seed (hint: for example /dns4/seed.example.org/tcp/4747/p2p/12D3KooW...)`},
		{Sources{Getenv: vars{"P2PCHAT_SEEDS": "/dns4/" + strings.Repeat("a", maxSeed)}.get}, `environment P2PCHAT_SEEDS: seeds: "/dns4/` + strings.Repeat("a", 74) + `...": too long: 518 bytes, and at most 512 are allowed`},
		{Sources{Getenv: vars{"P2PCHAT_LISTEN": "/ip4/1.2.3.4/udp/1"}.get}, `environment P2PCHAT_LISTEN: listen: "/ip4/1.2.3.4/udp/1": no address to listen on (hint: for example /ip4/0.0.0.0/tcp/4001)`},
		{Sources{Getenv: vars{"P2PCHAT_NOTIFY_BELL": "mentions"}.get}, `environment P2PCHAT_NOTIFY_BELL: notify.bell: "mentions": no kind of message (hint: there are mention, private, request, message)`},
		{Sources{Getenv: vars{"P2PCHAT_WEB": "4748"}.get}, `environment P2PCHAT_WEB: web: "4748": no address for a page (hint: for example 127.0.0.1:4748, or "off")`},
		{Sources{Getenv: vars{"P2PCHAT_WEB": ":4748"}.get}, `environment P2PCHAT_WEB: web: ":4748": no address for a page: before the port stands an IP address or localhost (hint: for example 127.0.0.1:4748, or "off")`},
		{Sources{Getenv: vars{"P2PCHAT_WEB": "127.0.0.1:99999"}.get}, `environment P2PCHAT_WEB: web: "127.0.0.1:99999": no address for a page: "99999" is no port (hint: for example 127.0.0.1:4748, or "off")`},
		{Sources{Flags: []Flag{{"listen", "--listen", []string{"x"}}}}, `flag --listen: "x": no address to listen on (hint: for example /ip4/0.0.0.0/tcp/4001)`},
		{Sources{Flags: []Flag{{"name", "--name", []string{""}}}}, `flag --name: is empty (hint: give it a value, or leave it out)`},
		{Sources{Flags: []Flag{{"mdns", "--no-mdns", nil}}}, `flag --no-mdns: takes one value`},
		{Sources{Flags: []Flag{{"mdsn", "--x", nil}}}, `flag --x: there is no such setting (hint: did you mean mdns?)`},
	} {
		s, err := Load(tc.from)
		if err == nil || err.Error() != tc.want || s != nil {
			t.Errorf("%v, %v\nwant %s", s, err, tc.want)
		}
		if _, ok := errors.AsType[*Error](err); !ok {
			t.Errorf("%T", err)
		}
	}
}

// What a higher source replaces is checked all the same.
func TestLowerSourcesAreChecked(t *testing.T) {
	_, err := Load(Sources{File: file(t, `web = "x"`), Flags: []Flag{{"web", "--web", []string{"off"}}}})
	if e, ok := errors.AsType[*Error](err); !ok || e.Origin.Line != 1 || e.Key != "web" {
		t.Errorf("%v", err)
	}
}
