package main

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/spf13/pflag"

	"github.com/p2pchat/p2pchat/bootstrap"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/discovery"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/node"
)

// commonFlags are the flags of every command that starts a node.
type commonFlags struct {
	seeds   []string
	listen  []string
	name    string
	data    string
	noMDNS  bool
	verbose bool
	// noPortMapping asks the router for nothing.
	noPortMapping bool
	// relayLimit is that of a seed.
	relayLimit host.RelayLimit
	// noHistory keeps messages in memory only.
	noHistory bool
	// noReadMarks tells nobody what was read.
	noReadMarks bool

	set *pflag.FlagSet // which knows what was given at all
}

func (f *commonFlags) add(set *pflag.FlagSet) {
	f.set = set
	set.StringArrayVar(&f.seeds, "seed", nil, "begin at the seed node at `MULTIADDR` (repeatable; also P2PCHAT_SEEDS, comma-separated)")
	set.StringArrayVar(&f.listen, "listen", nil, "listen on `MULTIADDR` (repeatable; default: all interfaces, a port kept from the first start)")
	set.StringVar(&f.name, "name", "", "be called `NICK` (kept for the next time)")
	set.StringVar(&f.data, "data", "", "data folder `DIR`, one for each identity (also P2PCHAT_DATA)")
	set.BoolVar(&f.noMDNS, "no-mdns", false, "do not look for people on the local network")
	set.BoolVar(&f.noPortMapping, "no-port-mapping", false, "do not ask the router to forward a port (UPnP, NAT-PMP)")
	set.BoolVar(&f.noHistory, "no-history", false, "keep messages in memory only, until the end")
	set.BoolVar(&f.noReadMarks, "no-read-marks", false, "do not tell others what you have read")
	set.BoolVarP(&f.verbose, "verbose", "v", false, "tell more about what goes on")
}

// folder opens the data folder.
func (p *program) folder() (*identity.Folder, error) { return p.folderBy(identity.Open) }

// folderToRead opens the data folder for a command that only shows what is there.
func (p *program) folderToRead() (*identity.Folder, error) { return p.folderBy(identity.OpenToRead) }

func (p *program) folderBy(open func(string) (*identity.Folder, error)) (*identity.Folder, error) {
	dir := p.flags.data
	if dir == "" {
		var err error
		if dir, err = identity.DefaultDir(p.getenv); err != nil {
			return nil, err
		}
	}
	return open(dir)
}

func (p *program) logger() *slog.Logger {
	if !p.flags.verbose {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(p.err, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// config makes a node's configuration of the flags and the folder. It writes
// nothing before everything was checked.
func (p *program) config(f *identity.Folder, seed bool) (cfg node.Config, err error) {
	if cfg.Seeds, err = p.seeds(); err != nil {
		return cfg, err
	}
	if cfg.Listen, err = parseListen(p.flags.listen); err != nil {
		return cfg, err
	}
	if p.flags.set.Changed("name") {
		if cfg.Name, err = chat.NewNick(p.flags.name); err != nil {
			return cfg, fmt.Errorf("--name %q: %w", p.flags.name, err)
		}
	}
	contacts, err := f.Contacts()
	if err != nil {
		return cfg, err
	}
	book, err := f.Book()
	if err != nil {
		return cfg, err
	}
	if cfg.Key, _, err = f.Key(); err != nil {
		return cfg, err
	}
	if cfg.Name.Empty() {
		if cfg.Name, err = f.Name(); err != nil {
			return cfg, err
		}
	} else if err = f.SetName(cfg.Name); err != nil {
		return cfg, err
	}
	cfg.Seed, cfg.RelayLimit = seed, p.flags.relayLimit
	cfg.NoMDNS = p.flags.noMDNS
	cfg.NoPortMapping = p.flags.noPortMapping
	cfg.Book = addressBook{book}
	cfg.Blocked = contacts.Blocked
	cfg.Stranger = func(id chat.PeerID) bool { return contacts.Standing(id) == identity.StandingUnknown }
	cfg.Ignored = func(id chat.PeerID) bool { return contacts.Standing(id) == identity.StandingIgnored }
	cfg.NoReadMarks = p.flags.noReadMarks
	cfg.ContactName = func(id chat.PeerID) (chat.Text, bool) {
		c, ok := contacts.Of(id)
		if !ok || c.Name == "" {
			return chat.Text{}, false
		}
		name, err := chat.NewNick(c.Name)
		return name, err == nil
	}
	cfg.Log = p.logger()
	return cfg, nil
}

// noteRequests has requests kept in the folder. That they cannot be is said once:
// the messages themselves are in the history.
func (p *program) noteRequests(f *identity.Folder) (func(id chat.PeerID, nick, text chat.Text, at time.Time) bool, error) {
	requests, err := f.Requests()
	if err != nil {
		return nil, err
	}
	var once sync.Once
	return func(id chat.PeerID, nick, text chat.Text, at time.Time) bool {
		first, err := requests.Note(id, nick, text, at)
		if err != nil {
			once.Do(func() { p.say("requests cannot be kept: %v", err) })
		}
		return first
	}, nil
}

// seeds reads --seed and P2PCHAT_SEEDS.
func (p *program) seeds() ([]peer.AddrInfo, error) {
	all := slices.Clone(p.flags.seeds)
	for s := range strings.SplitSeq(p.getenv("P2PCHAT_SEEDS"), ",") {
		if s = strings.TrimSpace(s); s != "" {
			all = append(all, s)
		}
	}
	return bootstrap.ParseSeeds(all)
}

// say tells the person something, on one line.
func (p *program) say(format string, args ...any) {
	fmt.Fprintln(p.err, "p2pchat: "+chat.SafeString(fmt.Sprintf(format, args...)))
}

// print writes a result.
func (p *program) print(s string) error {
	_, err := io.WriteString(p.out, s+"\n")
	return err
}

// addressBook makes the folder's book one for discovery.
type addressBook struct{ book *identity.Book }

func (a addressBook) Load() ([]discovery.Known, error) {
	known, err := a.book.Load()
	out := make([]discovery.Known, 0, len(known))
	for _, k := range known {
		out = append(out, discovery.Known(k))
	}
	return out, err
}

func (a addressBook) Save(known []discovery.Known) error {
	out := make([]identity.Known, 0, len(known))
	for _, k := range known {
		out = append(out, identity.Known(k))
	}
	return a.book.Save(out)
}

// readOnly is a book of a folder that another process writes.
type readOnly struct{ discovery.Book }

func (readOnly) Save([]discovery.Known) error { return nil }
