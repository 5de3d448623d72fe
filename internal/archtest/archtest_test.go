package archtest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// TestRepository checks the source of this repository.
func TestRepository(t *testing.T) {
	found, err := Check(os.DirFS(repositoryRoot(t)))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		t.Error(v)
	}
}

func repositoryRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(mod, []byte("module "+module+"\n")) {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatalf("no go.mod of %s above the working folder", module)
		}
		dir = filepath.Dir(dir)
	}
}

// TestEveryRuleIsTested keeps the tables below complete: a rule that no broken
// tree sets off may be misspelt and forbid nothing.
func TestEveryRuleIsTested(t *testing.T) {
	tested := map[string]bool{"protocol-alone": true} // TestProtocolsAlone
	for _, tc := range broken {
		tested[tc.rule] = true
	}
	for _, r := range importRules {
		if !tested[r.name] {
			t.Errorf("no broken tree for import rule %s", r.name)
		}
	}
	for _, r := range callRules {
		if !tested[r.name] {
			t.Errorf("no broken tree for call rule %s", r.name)
		}
	}
}

// TestTables finds rows and rules that cannot mean what they say.
func TestTables(t *testing.T) {
	known := make(map[string]bool)
	for _, r := range layout {
		if known[r.folder] {
			t.Errorf("layout has two rows for %s", r.folder)
		}
		known[r.folder] = true
	}
	for _, r := range layout {
		for _, folder := range r.also {
			if !known[folder] {
				t.Errorf("layout: %s may also import %s, which has no row", r.folder, folder)
			}
		}
	}
	for _, rule := range importRules {
		if rule.why == "" {
			t.Errorf("%s has no reason", rule.name)
		}
		for _, folder := range rule.exempt {
			if !known[folder] {
				t.Errorf("%s exempts %s, which has no row", rule.name, folder)
			}
		}
		for _, p := range rule.never {
			folder, ours := strings.CutPrefix(strings.TrimSuffix(p, "/..."), "./")
			if ours && !known[folder] {
				t.Errorf("%s forbids %s, which has no row", rule.name, p)
			}
		}
	}
}

// broken are trees of one file each that break exactly one rule, once.
//
//archtest:constant a table
var broken = []struct {
	rule string
	file string
	line int
	src  string
}{
	{"layout", "stray/stray.go", 1, "package stray"},
	{"layout", "internal/cache/cache.go", 1, "package cache"},

	// Tiers: upward, sideways, to nowhere, and to what only tests may import.
	{"tiers", "chat/a.go", 1, imports("./wire")},
	{"tiers", "chat/words/a.go", 1, imports("./identity")},
	{"tiers", "identity/a.go", 1, imports("./history")},
	{"tiers", "host/a.go", 1, imports("./rooms")},
	{"tiers", "rooms/a.go", 1, imports("./node")},
	{"tiers", "node/a.go", 1, imports("./api")},
	{"tiers", "api/a.go", 1, imports("./ui/web")},
	{"tiers", "ui/line/a.go", 1, imports("./ui/tui")},
	{"tiers", "api/a.go", 1, imports("./cmd/p2pchat")},
	{"tiers", "node/a.go", 1, imports("./internal/testnet")},
	{"tiers", "cmd/p2pchat/a.go", 1, imports("./gone")},
	{"tiers", "rooms/a_test.go", 1, imports("./node")},

	{"pure-network", "chat/a.go", 1, imports("net")},
	{"pure-network", "wire/a.go", 1, imports("net/http")},
	{"pure-network", "wire/pb/a.go", 1, imports("github.com/multiformats/go-multiaddr/net")},
	{"pure-disk", "chat/a.go", 1, imports("os")},
	{"pure-disk", "wire/a.go", 1, imports("database/sql")},
	{"chat-libp2p", "chat/a.go", 1, imports("github.com/libp2p/go-libp2p/core/record")},
	{"chat-libp2p", "chat/a.go", 1, imports("github.com/libp2p/go-libp2p/core/network")},
	{"wire-libp2p", "wire/a.go", 1, imports("github.com/libp2p/go-libp2p/core/host")},
	{"pure-clock", "chat/a.go", 3, "package chat\nimport \"time\"\nfunc now() time.Time { return time.Now() }"},
	{"pure-clock", "wire/a.go", 3, "package wire\nimport clock \"time\"\nfunc wait() { clock.Sleep(1) }"},

	{"protocol-services", "rooms/a.go", 1, imports("./discovery")},
	{"protocol-services", "direct/a.go", 1, imports("./history")},
	{"protocol-services", "catchup/a.go", 1, imports("./host")},
	{"protocol-services", "mailbox/a.go", 1, imports("./bootstrap")},

	{"face-core", "ui/line/a.go", 1, imports("./node")},
	{"face-core", "ui/tui/a.go", 1, imports("./history")},
	{"face-core", "ui/web/page/a.go", 1, imports("./rooms")},
	{"face-core", "ui/line/a_test.go", 1, imports("./node")},
	{"face-libp2p", "ui/tui/a.go", 1, imports("github.com/libp2p/go-libp2p/core/peer")},
	{"face-libp2p", "ui/tui/a_test.go", 1, imports("github.com/libp2p/go-libp2p/core/peer")},

	{"only-host-assembles", "node/a.go", 1, imports("github.com/libp2p/go-libp2p")},
	{"only-host-assembles", "cmd/p2pchat/a.go", 1, imports("github.com/libp2p/go-libp2p/p2p/transport/tcp")},
	{"only-host-assembles", "discovery/a.go", 1, imports("github.com/libp2p/go-libp2p/p2p/net/swarm")},
	{"only-host-assembles", "bootstrap/a.go", 1, imports("github.com/libp2p/go-libp2p/p2p/host/basic")},
	{"only-host-assembles", "rooms/a.go", 1, imports("github.com/libp2p/go-libp2p/p2p/security/noise")},
	{"only-host-assembles", "pipe/a.go", 1, imports("github.com/libp2p/go-libp2p/p2p/muxer/yamux")},
	{"only-discovery-dht", "bootstrap/a.go", 1, imports("github.com/libp2p/go-libp2p-kad-dht")},
	{"only-discovery-dht", "node/a.go", 1, imports("github.com/libp2p/go-libp2p-kad-dht/dual")},
	{"only-rooms-pubsub", "direct/a.go", 1, imports("github.com/libp2p/go-libp2p-pubsub")},

	{"only-cmd-signals", "node/a.go", 1, imports("os/signal")},
	{"only-cmd-logs", "api/a.go", 1, imports("log")},
	{"only-cmd-logs", "host/a.go", 1, imports("github.com/ipfs/go-log/v2")},
	{"only-cmd-exits", "api/a.go", 3, "package api\nimport \"os\"\nfunc stop() { os.Exit(1) }"},
	{"only-cmd-prints", "rooms/a.go", 3, "package rooms\nimport \"fmt\"\nfunc say() { fmt.Println(1) }"},
	{"only-cmd-prints", "node/a.go", 3, "package node\nimport \"fmt\"\nfunc say() { fmt.Printf(``) }"},
	{"only-cmd-prints", "ui/line/a.go", 3, "package line\nimport \"os\"\nfunc say() { os.Stdout.Sync() }"},
	{"no-global-logger", "node/a.go", 3, "package node\nimport \"log/slog\"\nfunc say() { slog.InfoContext(nil, ``) }"},
	{"no-package-logger", "node/a.go", 3, "package node\nimport \"log/slog\"\nvar logger = slog.New(nil).With(1, 2)"},
	{"no-package-logger", "node/a.go", 4, "package node\nimport \"log/slog\"\n//archtest:constant never changes\nvar logger *slog.Logger"},
	{"no-cgo", "pipe/a.go", 1, imports("C")},

	{"no-init", "host/a.go", 2, "package host\nfunc init() {}"},
	{"no-variable", "host/a.go", 2, "package host\nvar count int"},
	{"no-variable", "host/a.go", 4, "package host\nvar (\n\terrClosed error\n\ttable = []int{1}\n)"},
	{"no-variable", "host/a.go", 3, "package host\n//archtest:constant\nvar table = []int{1}"},
	{"no-variable", "host/a.go", 2, "package host\nvar errand int"},
	{"no-variable", "host/a.go", 4, "package host\n//archtest:constant a table\nvar table = []int{1}\nfunc f() { table = nil }"},
	{"no-variable", "host/a.go", 4, "package host\n//archtest:constant a table\nvar table = []int{1}\nfunc f() { table[0]++ }"},
	{"no-variable", "host/a.go", 4, "package host\n//archtest:constant a table\nvar table map[int]int\nfunc f() { delete(table, 1) }"},
	{"no-variable", "host/a.go", 4, "package host\n//archtest:constant a table\nvar table struct{ a int }\nfunc f() *int { return &table.a }"},
	{"vague-name", "node/util/a.go", 1, "package util"},
	{"vague-name", "node/a_test.go", 1, "package helpers_test"},
	{"dot-import", "node/a.go", 2, "package node\nimport . \"fmt\""},
}

// imports is a file with one import; "./" stands for this module.
func imports(p string) string {
	if own, ok := strings.CutPrefix(p, "./"); ok {
		p = module + "/" + own
	}
	return fmt.Sprintf("package a; import %q", p)
}

func TestBrokenTrees(t *testing.T) {
	for _, tc := range broken {
		t.Run(tc.rule+"/"+tc.file, func(t *testing.T) {
			found := check(t, map[string]string{tc.file: tc.src})
			if len(found) != 1 || found[0].Rule != tc.rule || found[0].File != tc.file || found[0].Line != tc.line {
				t.Fatalf("in %q\ngot  %v\nwant %s:%d [%s]", tc.src, found, tc.file, tc.line, tc.rule)
			}
			if v := found[0]; v.What == "" || v.Why == "" {
				t.Errorf("violation without words: %+v", v)
			}
		})
	}
}

// TestProtocolsAlone has a test of its own because a sideways import also goes
// against the tiers, and the reader is told both reasons.
func TestProtocolsAlone(t *testing.T) {
	found := check(t, map[string]string{"rooms/a.go": imports("./catchup")})
	if len(found) != 2 || found[0].Rule != "tiers" || found[1].Rule != "protocol-alone" {
		t.Fatalf("got %v, want tiers and protocol-alone", found)
	}
}

func TestSoundTree(t *testing.T) {
	found := check(t, map[string]string{
		"go.mod":           "module " + module,
		"chat/peer.go":     imports("github.com/libp2p/go-libp2p/core/peer"),
		"chat/key.go":      imports("github.com/libp2p/go-libp2p/core/crypto"),
		"chat/addr.go":     imports("net/netip"),
		"chat/time.go":     "package chat\nimport \"time\"\nconst quiet = 90 * time.Second",
		"wire/envelope.go": imports("github.com/libp2p/go-libp2p/core/record"),
		"wire/frame.go":    imports("github.com/libp2p/go-msgio/pbio"),
		"wire/chat.go":     imports("./chat"),
		"wire/pb/a.pb.go":  "package pb\nvar file int\nfunc init() { file = 1 }",
		"wire/a.go":        imports("./wire/pb"),

		"host/host.go":            imports("github.com/libp2p/go-libp2p/p2p/transport/tcp"),
		"discovery/dht.go":        imports("github.com/libp2p/go-libp2p-kad-dht"),
		"rooms/rooms.go":          imports("github.com/libp2p/go-libp2p-pubsub"),
		"rooms/identity.go":       imports("./identity"),
		"rooms/room_test.go":      imports("./internal/testnet"),
		"direct/direct_test.go":   imports("./history"),
		"api/api.go":              imports("./node"),
		"ui/line/line.go":         imports("./api"),
		"ui/line/line_test.go":    imports("os"),
		"cmd/p2pchat/main.go":     "package main\nimport (\"fmt\"; \"os\"; \"os/signal\")\nfunc main() { signal.Ignore(); fmt.Println(); os.Exit(0) }",
		"internal/testnet/net.go": imports("github.com/libp2p/go-libp2p/p2p/net/swarm"),
		"internal/testnet/all.go": imports("./node"),
		"bench/dht.go":            imports("github.com/libp2p/go-libp2p-kad-dht"),
		"examples/bot/main.go":    "package main\nimport \"fmt\"\nfunc main() { fmt.Println() }",

		"node/vars.go": `package node
import ("errors"; "embed"; "io"; "log/slog")
var ErrClosed = errors.New("closed")
var errBusy = errors.New("busy")
var _ io.Reader = (*reader)(nil)
//go:embed page.html
var page embed.FS
var order = []int{1, 2} //archtest:constant a table
var (
	// names is a table.
	//
	//archtest:constant a table
	names = map[int]string{1: "one"}
)
//archtest:constant the level is a number
var level = slog.LevelInfo
type reader struct{ io.Reader }
func (reader) init() {}
func use() { order := append(order, 3); _ = order }
`,
		// What the go tool does not build is not checked.
		"testdata/a.go":        "package util",
		".cache/a.go":          "package util",
		"ui/web/vendor/a.go":   "package util",
		"scripts/tools/a.go":   "package util",
		"scripts/tools/go.mod": "module other",
	})
	for _, v := range found {
		t.Error(v)
	}
}

// TestViolationIsClickable pins the form that editors and terminals jump to.
func TestViolationIsClickable(t *testing.T) {
	found := check(t, map[string]string{"node/a.go": imports("os/signal")})
	const want = "node/a.go:1: imports os/signal [only-cmd-signals]: a library that takes signals"
	if len(found) != 1 || !strings.HasPrefix(found[0].String(), want) {
		t.Fatalf("got %v, want %s...", found, want)
	}
}

func TestUnreadableSource(t *testing.T) {
	_, err := Check(fstest.MapFS{"node/a.go": {Data: []byte("package")}})
	if err == nil || !strings.Contains(err.Error(), "node/a.go:1") {
		t.Fatalf("got error %v, want one that names the file and line", err)
	}
}

func check(t *testing.T, tree map[string]string) []Violation {
	t.Helper()
	files := make(fstest.MapFS)
	for name, src := range tree {
		files[name] = &fstest.MapFile{Data: []byte(src)}
	}
	found, err := Check(files)
	if err != nil {
		t.Fatal(err)
	}
	return found
}
