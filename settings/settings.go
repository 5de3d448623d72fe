package settings

import (
	"slices"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
)

// DefaultWeb is where a seed shows its page: to this machine alone.
const DefaultWeb = "127.0.0.1:4748"

// A Notice is a kind of message that a person may be told of.
type Notice string

// The kinds of messages to be told of. The values are stable.
const (
	Mention Notice = "mention" // a message in a room that names us
	Private Notice = "private" // a private message
	Request Notice = "request" // somebody unknown wrote
	Message Notice = "message" // any other message in a room
)

// Settings is all that is set, as Load gives it.
type Settings struct {
	// Name is the nick, or empty if none is set.
	Name chat.Text
	// Seeds are full multiaddrs, those of flags first, then of the environment, then
	// of the file, each once.
	Seeds []string
	// Listen is where to listen. If empty, on all interfaces.
	Listen []ma.Multiaddr
	// Rooms are opened at the start.
	Rooms []chat.RoomName
	// ShowRooms are those of our rooms that the list of who is online may name.
	ShowRooms []chat.RoomName
	// MDNS looks for people on the local network.
	MDNS bool
	// PortMapping asks the router to forward a port.
	PortMapping bool
	// History keeps messages on disk.
	History bool
	// ReadMarks tells others what was read.
	ReadMarks bool
	// Invisible keeps us off the list of who is online.
	Invisible bool
	// Plain is one line after another in place of the whole-screen face.
	Plain bool
	// Bell and Desktop are what rings the terminal's bell, and what is shown as a
	// notification of the desktop. By default nothing.
	Bell, Desktop []Notice
	// Web is where a seed shows its page, an IP address or localhost with a port;
	// empty if it shows none.
	Web string

	// File is the settings file that was read, or empty if there was none.
	File string

	origins map[string][]Origin // of each key; of seeds: of each value
}

// Sources are where settings come from. The zero value has the defaults alone.
type Sources struct {
	// File is what --config names. It must exist. If empty, $P2PCHAT_CONFIG, which
	// must exist too, or else DefaultFile, which need not.
	File string
	// Getenv asks the environment. If nil, that is empty.
	Getenv func(string) string
	// Flags are those that were given.
	Flags []Flag
}

func (s Sources) getenv(name string) string {
	if s.Getenv == nil {
		return ""
	}
	return s.Getenv(name)
}

// A Flag is what somebody gave on the command line.
type Flag struct {
	// Key is the setting that it sets, such as "mdns".
	Key string
	// Name is the flag as it was written, such as "--no-mdns".
	Name string
	// Values is what it sets the key to: one value, or all those of a list. Yes and
	// no are "true" and "false".
	Values []string
}

// Load reads all sources. A list of a higher source replaces that of a lower one;
// only seeds add up. All sources are checked, also what a higher one replaces. The
// error is an *Error.
func Load(from Sources) (*Settings, error) {
	all := keys()
	s := &Settings{origins: make(map[string][]Origin, len(all))}
	layers := []func() ([]given, error){
		func() ([]given, error) { return usual(all), nil },
		func() ([]given, error) { return s.readFile(all, from) },
		func() ([]given, error) { return environment(all, from.getenv), nil },
		func() ([]given, error) { return flags(all, from.Flags) },
	}
	for _, layer := range layers {
		some, err := layer()
		if err != nil {
			return nil, err
		}
		for _, g := range some {
			if err := s.take(g); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// given is what one source says about one key.
type given struct {
	key    key
	values []string
	origin Origin
}

// take lets g replace what lower sources said, or add to it.
func (s *Settings) take(g given) error {
	origins := []Origin{g.origin}
	if g.key.adds {
		g.values, origins = s.added(g)
	}
	if err := g.key.set(s, g.values); err != nil {
		return newError(g.origin, g.key.name, err)
	}
	s.origins[g.key.name] = origins
	return nil
}

// added is what g gives, before what lower sources gave, each value once.
func (s *Settings) added(g given) (values []string, origins []Origin) {
	for _, v := range g.values {
		if !slices.Contains(values, v) {
			values, origins = append(values, v), append(origins, g.origin)
		}
	}
	for i, v := range g.key.get(s) {
		if !slices.Contains(values, v) {
			values, origins = append(values, v), append(origins, s.origins[g.key.name][i])
		}
	}
	return values, origins
}

// usual is the lowest source: the defaults.
func usual(all []key) (out []given) {
	for _, k := range all {
		out = append(out, given{key: k, values: k.usual, origin: Origin{From: FromDefault}})
	}
	return out
}

// flags is the highest source.
func flags(all []key, some []Flag) (out []given, err error) {
	for _, f := range some {
		k, ok := find(all, f.Key)
		origin := Origin{From: FromFlag, Name: f.Name}
		switch {
		case !ok:
			return nil, unknownKey(all, origin, f.Key)
		case k.form != list && len(f.Values) != 1:
			return nil, newError(origin, k.name, errOneValue)
		case k.form == text && f.Values[0] == "":
			return nil, newError(origin, k.name, errEmpty)
		}
		out = append(out, given{key: k, values: f.Values, origin: origin})
	}
	return out, nil
}
