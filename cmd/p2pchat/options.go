package main

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/p2pchat/p2pchat/bootstrap"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/discovery"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/node"
	"github.com/p2pchat/p2pchat/settings"
)

// commonFlags are the flags of every command. What they set is read by
// loadSettings, but for these.
type commonFlags struct {
	data    string
	config  string
	verbose bool
	// relayLimit and showAddrs are a seed's.
	relayLimit host.RelayLimit
	showAddrs  bool

	set *pflag.FlagSet // which knows what was given at all
}

func (f *commonFlags) add(set *pflag.FlagSet) {
	f.set = set // until the command is known
	set.StringArray("seed", nil, "begin at the seed node at `MULTIADDR` (repeatable; also P2PCHAT_SEEDS, comma-separated)")
	set.StringArray("listen", nil, "listen on `MULTIADDR` (repeatable; default: all interfaces, a port kept from the first start)")
	set.String("name", "", "be called `NICK` (kept for the next time)")
	set.StringVar(&f.data, "data", "", "data folder `DIR`, one for each identity (also P2PCHAT_DATA)")
	set.StringVar(&f.config, "config", "", "settings `FILE` (also P2PCHAT_CONFIG; p2pchat config shows the settings)")
	set.Bool("no-mdns", false, "do not look for people on the local network")
	set.Bool("no-port-mapping", false, "do not ask the router to forward a port (UPnP, NAT-PMP)")
	set.Bool("no-history", false, "keep messages in memory only, until the end")
	set.Bool("no-read-marks", false, "do not tell others what you have read")
	set.Bool("invisible", false, "be in no list of who is online")
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

// nodeFlags are those that say how the node is run.
func nodeFlags() map[string]bool {
	return map[string]bool{
		"seed": true, "listen": true, "no-mdns": true, "no-port-mapping": true, "no-history": true, "no-read-marks": true,
		"invisible": true,
	}
}

// loadSettings gathers what is set by flags, the environment and the file. It runs
// before every command.
func (p *program) loadSettings(cmd *cobra.Command) error {
	from := settings.Sources{File: p.flags.config, Getenv: p.getenv}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if key, ok := settingFlags()[f.Name]; ok {
			from.Flags = append(from.Flags, settings.Flag{Key: key.name, Name: "--" + f.Name, Values: key.values(f)})
		}
	})
	s, err := settings.Load(from)
	if err != nil {
		return err
	}
	p.settings, p.flags.set = s, cmd.Flags()
	return nil
}

// A settingFlag is a flag that sets what the settings file can set, too.
type settingFlag struct {
	name   string
	values func(*pflag.Flag) []string
}

func settingFlags() map[string]settingFlag {
	value := func(f *pflag.Flag) []string { return []string{f.Value.String()} }
	not := func(f *pflag.Flag) []string { return []string{strconv.FormatBool(f.Value.String() != "true")} }
	all := func(f *pflag.Flag) []string {
		if list, ok := f.Value.(pflag.SliceValue); ok {
			return list.GetSlice()
		}
		return value(f)
	}
	return map[string]settingFlag{
		"name": {"name", value}, "seed": {"seeds", all}, "listen": {"listen", all}, "no-mdns": {"mdns", not},
		"no-port-mapping": {"port_mapping", not}, "no-history": {"history", not}, "no-read-marks": {"read_marks", not},
		"invisible": {"invisible", value}, "plain": {"plain", value},
		webFlag: {"web", value},
	}
}

// nodeSettings are those settings that say how a node is run.
func (p *program) nodeSettings() nodeSettings {
	s := p.settings
	with := nodeSettings{
		Seeds: s.Seeds, NoMDNS: !s.MDNS, NoPortMapping: !s.PortMapping, NoHistory: !s.History, NoReadMarks: !s.ReadMarks,
		Invisible: s.Invisible, name: s.Name, keepName: p.flags.set.Changed("name"),
	}
	for _, a := range s.Listen {
		with.Listen = append(with.Listen, a.String())
	}
	for _, r := range s.ShowRooms {
		with.ShowRooms = append(with.ShowRooms, string(r))
	}
	return with
}

// config makes a node's configuration of the flags and the folder.
func (p *program) config(f *identity.Folder, seed bool) (node.Config, error) {
	return p.configWith(f, seed, p.nodeSettings())
}

// configWith makes a node's configuration of settings and the folder. It writes
// nothing before everything was checked.
func (p *program) configWith(f *identity.Folder, seed bool, with nodeSettings) (cfg node.Config, err error) {
	if cfg, err = p.bareConfig(with); err != nil {
		return cfg, err
	}
	learnt, err := f.Seeds()
	if err != nil {
		p.say("seeds learnt from invites are not used: %v", err)
	}
	all := slices.Clone(with.Seeds)
	for _, text := range learnt { // from invites
		if seeds, err := bootstrap.ParseSeeds(append(all, text)); err == nil {
			all, cfg.Seeds = append(all, text), seeds
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
	switch cfg.Name = with.name; {
	case cfg.Name.Empty():
		cfg.Name, err = f.Name()
	case with.keepName:
		err = f.SetName(cfg.Name)
	}
	if err != nil {
		return cfg, err
	}
	cfg.Seed, cfg.RelayLimit = seed, p.flags.relayLimit
	cfg.Book = addressBook{book}
	cfg.Blocked = contacts.Blocked
	cfg.Stranger = func(id chat.PeerID) bool { return contacts.Standing(id) == identity.StandingUnknown }
	cfg.Ignored = func(id chat.PeerID) bool { return contacts.Standing(id) == identity.StandingIgnored }
	cfg.ContactName = func(id chat.PeerID) (chat.Text, bool) {
		c, ok := contacts.Of(id)
		if !ok || c.Name == "" {
			return chat.Text{}, false
		}
		name, err := chat.NewNick(c.Name)
		return name, err == nil
	}
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

// bareConfig is a configuration without a folder.
func (p *program) bareConfig(with nodeSettings) (cfg node.Config, err error) {
	if cfg.Seeds, err = bootstrap.ParseSeeds(with.Seeds); err != nil {
		return cfg, err
	}
	if cfg.Listen, err = parseListen(with.Listen); err != nil {
		return cfg, err
	}
	cfg.NoMDNS, cfg.NoPortMapping, cfg.NoReadMarks = with.NoMDNS, with.NoPortMapping, with.NoReadMarks
	cfg.Invisible, cfg.Log = with.Invisible, p.logger()
	for _, text := range with.ShowRooms {
		if room, err := chat.ParseRoomName(text); err == nil {
			cfg.ShowRooms = append(cfg.ShowRooms, room)
		}
	}
	if with.metrics != nil { // an interface that holds a nil one is not nil
		cfg.Metrics = with.metrics
	}
	return cfg, nil
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
