package identity

import (
	"fmt"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	settingsFile = "settings.json"
	// maxSettingsFile is the most bytes of settings.json that are read.
	maxSettingsFile = 64 << 10
	// maxPort is the highest TCP port.
	maxPort = 65535
)

// settings is what settings.json holds: what the program itself keeps. What the
// user sets is in another file, which the program never writes.
type settings struct {
	Version int    `json:"version"`
	Port    int    `json:"port,omitzero"`
	Name    string `json:"name,omitzero"`
}

// Port is the TCP port chosen at the first start, or 0 if none was chosen yet.
func (f *Folder) Port() (int, error) {
	s, _, err := load(f, settingsFile, maxSettingsFile, decodeSettings)
	return s.Port, err
}

// SetPort keeps the TCP port for the next start; 0 forgets it.
func (f *Folder) SetPort(port int) error {
	if port < 0 || port > maxPort {
		return fmt.Errorf("keep port: %d is not a TCP port", port)
	}
	return f.changeSettings(func(s *settings) { s.Port = port })
}

// Name is the nick last set, or empty if none was.
func (f *Folder) Name() (chat.Text, error) {
	s, _, err := load(f, settingsFile, maxSettingsFile, decodeSettings)
	if err != nil || s.Name == "" {
		return chat.Text{}, err
	}
	return chat.NewNick(s.Name)
}

// SetName keeps the nick for the next start; an empty one is forgotten. What
// chat.NewNick refuses is refused here.
func (f *Folder) SetName(name chat.Text) error {
	if !name.Empty() {
		var err error
		if name, err = chat.NewNick(name.Raw()); err != nil {
			return fmt.Errorf("keep name: %w", err)
		}
	}
	return f.changeSettings(func(s *settings) { s.Name = name.Raw() })
}

// changeSettings changes the settings as they are in the file.
func (f *Folder) changeSettings(change func(*settings)) error {
	return f.edit(func() error {
		old, _, err := load(f, settingsFile, maxSettingsFile, decodeSettings)
		if err != nil {
			return err
		}
		s := old
		s.Version = fileVersion
		if change(&s); s == old {
			return nil
		}
		data, err := encodeJSON(s)
		if err != nil {
			return err
		}
		return f.replace(settingsFile, data)
	})
}

// decodeSettings reads settings.json.
func decodeSettings(data []byte) (settings, error) {
	var s settings
	if err := decodeJSON(data, &s); err != nil {
		return settings{}, err
	}
	if s.Port < 0 || s.Port > maxPort {
		return settings{}, fmt.Errorf("%d is not a TCP port", s.Port)
	}
	if s.Name != "" {
		if err := checkNick(s.Name); err != nil {
			return settings{}, err
		}
	}
	return s, nil
}

// checkNick tells whether s is a nick just as chat.NewNick gives it.
func checkNick(s string) error {
	switch nick, err := chat.NewNick(s); {
	case err != nil:
		return err
	case nick.Raw() != s:
		return fmt.Errorf("%w: space around it", chat.ErrBadNick)
	}
	return nil
}
