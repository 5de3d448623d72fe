package settings

import (
	"strings"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
)

// A form is how a value is written.
type form int

const (
	text form = iota
	yesNo
	list
)

// String names the form to a person, after "is not".
func (f form) String() string {
	switch f {
	case yesNo:
		return "true or false"
	case list:
		return "a list of texts, as in [\"a\", \"b\"]"
	}
	return "a text in quotes"
}

// A key is one setting: how it is written, checked and kept.
type key struct {
	name string // as in the file, the section before a dot
	form form
	// adds is set if higher sources add to lower ones.
	adds  bool
	usual []string // the default
	help  string   // for the template, in lines
	// set checks values and puts them in place; get gives them back.
	set func(*Settings, []string) error
	get func(*Settings) []string
}

// env is the variable that sets k.
func (k key) env() string {
	return "P2PCHAT_" + strings.ToUpper(strings.ReplaceAll(k.name, ".", "_"))
}

func find(all []key, name string) (key, bool) {
	for _, k := range all {
		if k.name == name {
			return k, true
		}
	}
	return key{}, false
}

// keys are all settings, in the order of the template: sections last, because a
// TOML section ends only where the next one begins.
func keys() []key {
	return []key{
		textKey("name", "", "What you are called.", setName, func(s *Settings) string { return s.Name.Raw() }),
		{
			name: "seeds", form: list, adds: true,
			help: "Seeds: where to begin to look for people. Those of --seed and P2PCHAT_SEEDS\ncome on top. For example \"/dns4/seed.example.org/tcp/4747/p2p/12D3KooW...\".",
			set:  setSeeds, get: func(s *Settings) []string { return s.Seeds },
		},
		listKey("listen", "Where to listen, if not on all interfaces, such as \"/ip4/0.0.0.0/tcp/4001\".",
			parseListen, func(s *Settings) *[]ma.Multiaddr { return &s.Listen }),
		listKey("rooms", "Rooms to open at the start.",
			chat.ParseRoomName, func(s *Settings) *[]chat.RoomName { return &s.Rooms }),
		listKey("show_rooms", "Those of your rooms that the list of who is online may name.",
			chat.ParseRoomName, func(s *Settings) *[]chat.RoomName { return &s.ShowRooms }),
		boolKey("mdns", true, "Look for people on the local network.", func(s *Settings) *bool { return &s.MDNS }),
		boolKey("port_mapping", true, "Ask the router to forward a port (UPnP, NAT-PMP).", func(s *Settings) *bool { return &s.PortMapping }),
		boolKey("history", true, "Keep messages on disk.", func(s *Settings) *bool { return &s.History }),
		boolKey("read_marks", true, "Tell others what you have read.", func(s *Settings) *bool { return &s.ReadMarks }),
		boolKey("invisible", false, "Stay off the list of who is online.", func(s *Settings) *bool { return &s.Invisible }),
		boolKey("plain", false, "Show one line after another instead of a whole screen.", func(s *Settings) *bool { return &s.Plain }),
		textKey("web", DefaultWeb, "Where a seed shows who is connected; \"off\" for nowhere.", setWeb, getWeb),
		listKey("notify.bell", "What rings the terminal's bell: \"mention\", \"private\", \"request\", \"message\".",
			parseNotice, func(s *Settings) *[]Notice { return &s.Bell }),
		listKey("notify.desktop", "What is shown by the desktop, if the terminal can have that done.",
			parseNotice, func(s *Settings) *[]Notice { return &s.Desktop }),
	}
}

func textKey(name, usual, help string, set func(*Settings, string) error, get func(*Settings) string) key {
	return key{
		name: name, form: text, usual: []string{usual}, help: help,
		set: func(s *Settings, values []string) error { return set(s, values[0]) },
		get: func(s *Settings) []string { return []string{get(s)} },
	}
}

func boolKey(name string, usual bool, help string, field func(*Settings) *bool) key {
	return key{
		name: name, form: yesNo, usual: []string{written(usual)}, help: help,
		set: func(s *Settings, values []string) (err error) {
			*field(s), err = parseBool(values[0])
			return err
		},
		get: func(s *Settings) []string { return []string{written(*field(s))} },
	}
}

// listKey is a list of what parse makes, each once.
func listKey[T any](name, help string, parse func(string) (T, error), field func(*Settings) *[]T) key {
	return key{
		name: name, form: list, help: help,
		set: func(s *Settings, values []string) error {
			all, err := parseEach(values, parse)
			if err == nil {
				*field(s) = all
			}
			return err
		},
		get: func(s *Settings) []string { return writeEach(*field(s)) },
	}
}
