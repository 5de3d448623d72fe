package archtest

// module is the import path of this repository. In the tables below a path
// that starts with "./" is one of our own packages.
const module = "github.com/p2pchat/p2pchat"

// A row places one folder, and all folders below it, in the architecture.
type row struct {
	folder string
	tier   int      // imports go to a lower tier only
	also   []string // folders of the same tier that it may import all the same
	traits trait
}

// A trait is a set of the words below.
type trait uint

const (
	// pure: given the same input it always does the same; no clock, disk or network.
	pure trait = 1 << iota
	// protocol: one wire protocol; node joins it to the rest.
	protocol
	// face: shows events and sends commands, possibly from a process without a node.
	face
	// program: package main; may print, exit and listen to signals.
	program
	// free: no part of the product; may import anything and only tests import it.
	free
)

// layout is the table of packages. A folder with Go code that is in no row
// fails the test: a new package needs a place before it needs code.
//
//archtest:constant a table
var layout = []row{
	{folder: "chat", tier: 0, traits: pure},
	{folder: "wire", tier: 0, traits: pure, also: []string{"chat"}},

	{folder: "invite", tier: 1},
	{folder: "names", tier: 1},
	{folder: "settings", tier: 1},
	{folder: "identity", tier: 1},
	{folder: "history", tier: 1},
	{folder: "host", tier: 1},
	{folder: "bootstrap", tier: 1},
	{folder: "discovery", tier: 1},

	{folder: "rooms", tier: 2, traits: protocol},
	{folder: "direct", tier: 2, traits: protocol},
	{folder: "catchup", tier: 2, traits: protocol},
	{folder: "files", tier: 2, traits: protocol},
	{folder: "pipe", tier: 2, traits: protocol},
	{folder: "mailbox", tier: 2, traits: protocol},

	{folder: "node", tier: 3},
	{folder: "api", tier: 4},
	{folder: "api/apitest", traits: free},

	{folder: "ui/line", tier: 5, traits: face},
	{folder: "ui/tui", tier: 5, traits: face},
	{folder: "ui/web", tier: 5, traits: face},
	{folder: "ui/web/assets", tier: 4},
	{folder: "ui/web/browsertest", traits: free},
	{folder: "ui/web/board", tier: 5, traits: face},
	{folder: "ui/web/gui", tier: 5, traits: face},

	{folder: "cmd/p2pchat", tier: 6, traits: program},

	{folder: "internal/testnet", traits: free},
	{folder: "internal/archtest", traits: free},
	{folder: "internal/netlab", traits: free},
	{folder: "scripts", traits: free | program},
	{folder: "bench", traits: free | program},
	{folder: "examples", traits: free | program},
}

// An importRule forbids imports. A path ending in "/..." stands for itself and
// everything below it.
type importRule struct {
	name   string
	binds  trait    // the rule binds packages with this trait; if zero, all
	exempt []string // but not these folders
	never  []string // paths nobody bound may import,
	but    []string // with these exceptions
	tests  bool     // the rule binds _test.go files too
	why    string
}

// importRules are the "Never" lines. Free packages are bound only by a rule
// whose binds names them; tests only where tests is set.
//
//archtest:constant a table
var importRules = []importRule{
	{
		name:  "pure-network",
		binds: pure,
		never: []string{"net/...", "golang.org/x/net/...", "github.com/multiformats/go-multiaddr/net", "github.com/multiformats/go-multiaddr-dns/..."},
		but:   []string{"net/netip", "net/url"},
		why:   "chat and wire do no I/O: the same input gives the same bytes everywhere; the network belongs to host and the protocols",
	},
	{
		name:  "pure-disk",
		binds: pure,
		never: []string{"os/...", "syscall", "io/ioutil", "database/sql/...", "modernc.org/sqlite/...", "golang.org/x/sys/..."},
		why:   "chat and wire do no I/O: files belong to identity and history",
	},
	{
		name:   "chat-libp2p",
		binds:  pure,
		exempt: []string{"wire"},
		never:  []string{"github.com/libp2p/..."},
		but:    []string{"github.com/libp2p/go-libp2p/core/peer", "github.com/libp2p/go-libp2p/core/crypto/..."},
		why:    "chat needs peer IDs and keys of libp2p and nothing else, so that its words outlive any network library",
	},
	{
		name:   "wire-libp2p",
		binds:  pure,
		exempt: []string{"chat"},
		never:  []string{"github.com/libp2p/..."},
		but: []string{
			"github.com/libp2p/go-libp2p/core/peer",
			"github.com/libp2p/go-libp2p/core/crypto/...",
			"github.com/libp2p/go-libp2p/core/record/...",
			"github.com/libp2p/go-msgio/...", // frames over any io.Reader
		},
		why: "wire needs libp2p's signed envelopes, frames, keys and peer IDs and nothing else: bytes are judged without a connection",
	},
	{
		name:  "protocol-alone",
		binds: protocol,
		never: []string{"./rooms/...", "./direct/...", "./catchup/...", "./files/...", "./pipe/...", "./mailbox/..."},
		why:   "a protocol knows no other: declare the two or three methods it needs as an interface, and let node join them",
	},
	{
		name:  "protocol-services",
		binds: protocol,
		never: []string{"./host/...", "./discovery/...", "./bootstrap/...", "./history/..."},
		why:   "a protocol is given what it needs: declare the two or three methods as an interface, and let node pass them in",
	},
	{
		name:  "face-core",
		binds: face,
		never: []string{
			"./node/...",
			"./identity/...", "./history/...", "./host/...", "./bootstrap/...", "./discovery/...",
			"./rooms/...", "./direct/...", "./catchup/...", "./files/...", "./pipe/...", "./mailbox/...",
		},
		tests: true,
		why:   "a face may run in a process that has no node: it talks through the interface it declares; its tests pass a fake",
	},
	{
		name:  "face-libp2p",
		binds: face,
		never: []string{"github.com/libp2p/..."},
		tests: true,
		why:   "a face knows only the words of chat",
	},
	{
		name:   "only-host-assembles",
		exempt: []string{"host", "internal/testnet"},
		never: []string{
			"github.com/libp2p/go-libp2p", // links every transport
			"github.com/libp2p/go-libp2p/p2p/transport/...",
			"github.com/libp2p/go-libp2p/p2p/net/swarm/...",
			"github.com/libp2p/go-libp2p/p2p/host/basic/...",
			"github.com/libp2p/go-libp2p/p2p/security/...",
			"github.com/libp2p/go-libp2p/p2p/muxer/...",
		},
		why: "limits, gater and encryption are set in one place: take a core/host interface from the caller",
	},
	{
		name:   "only-discovery-dht",
		exempt: []string{"discovery"},
		never:  []string{"github.com/libp2p/go-libp2p-kad-dht/..."},
		why:    "the DHT is a hint that only discovery judges: ask discovery",
	},
	{
		name:   "only-rooms-pubsub",
		exempt: []string{"rooms"},
		never:  []string{"github.com/libp2p/go-libp2p-pubsub/..."},
		why:    "gossip loses messages silently: only rooms, which makes up for it, speaks it",
	},
	{
		name:   "only-cmd-signals",
		exempt: []string{"cmd/p2pchat"},
		never:  []string{"os/signal"},
		why:    "a library that takes signals takes them from its host program: take a context",
	},
	{
		name:   "only-cmd-logs",
		exempt: []string{"cmd/p2pchat"},
		never:  []string{"log", "github.com/ipfs/go-log/..."},
		why:    "it writes to the process's one logger: take a *slog.Logger in Config.Log",
	},
	{
		name:  "no-cgo",
		never: []string{"C", "runtime/cgo", "github.com/mattn/go-sqlite3"},
		why:   "p2pchat is one static binary that cross-compiles; cgo ends both",
	},
}

// A callRule forbids the use of functions and variables of other packages,
// written as import path, dot, name. A name may end in "*".
type callRule struct {
	name  string
	binds trait // if zero, all but programs
	never []string
	why   string
}

//archtest:constant a table
var callRules = []callRule{
	{
		name:  "pure-clock",
		binds: pure,
		never: []string{
			"time.Now", "time.Since", "time.Until", "time.Sleep",
			"time.After", "time.AfterFunc", "time.Tick", "time.NewTimer", "time.NewTicker",
		},
		why: "time is an argument here, so that every decision can be tested and repeated",
	},
	{
		name:  "only-cmd-exits",
		never: []string{"os.Exit"},
		why:   "it skips every deferred Close: return an error; cmd/p2pchat chooses the exit code",
	},
	{
		name:  "only-cmd-prints",
		never: []string{"fmt.Print*", "os.Stdout", "os.Stderr"},
		why:   "standard output may be a screen, a pipe of raw bytes or nobody's: write to an io.Writer you were given",
	},
	{
		name: "no-global-logger",
		never: []string{
			"log/slog.Default", "log/slog.SetDefault",
			"log/slog.Debug*", "log/slog.Info*", "log/slog.Warn*", "log/slog.Error*", "log/slog.Log", "log/slog.LogAttrs",
		},
		why: "two nodes in one process would share it: take a *slog.Logger in Config.Log",
	},
}

// loggers are the packages whose values make a package-level variable a logger.
//
//archtest:constant a table
var loggers = []string{"log", "log/slog", "go.uber.org/zap/...", "github.com/ipfs/go-log/..."}

// vagueNames say nothing about what is inside, so everything ends up in them.
//
//archtest:constant a table
var vagueNames = []string{"util", "utils", "common", "types", "helper", "helpers", "misc", "shared"}
