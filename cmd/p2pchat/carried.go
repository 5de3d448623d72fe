package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/identity"
)

const (
	// settingsName is the file that says how the folder's node was last started.
	settingsName = "run.json"
	// maxSettings bounds it, in bytes.
	maxSettings = 64 << 10
)

// nodeSettings are how a node is run. A face that was attached and becomes the
// node runs it as it was: what its owner chose holds until the last face ends.
type nodeSettings struct {
	Seeds         []string `json:"seeds,omitempty"`
	Listen        []string `json:"listen,omitempty"`
	NoMDNS        bool     `json:"no_mdns,omitempty"`
	NoPortMapping bool     `json:"no_port_mapping,omitempty"`
	NoHistory     bool     `json:"no_history,omitempty"`
	NoReadMarks   bool     `json:"no_read_marks,omitempty"`
	Invisible     bool     `json:"invisible,omitempty"`
	ShowRooms     []string `json:"show_rooms,omitempty"`

	// What the person is called is not carried on: it may have changed. If name is
	// empty, it is as the folder has it; keepName has it kept there.
	name     chat.Text
	keepName bool
	// metrics are a seed's.
	metrics *prometheus.Registry
}

// save keeps the settings for who becomes the node next.
func (s nodeSettings) save(f *identity.Folder) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if old, err := f.ReadFile(settingsName, maxSettings); err == nil && bytes.Equal(old, b) {
		return nil
	}
	if err := f.WriteFile(settingsName, b); err != nil {
		return fmt.Errorf("keep how the node is run: %w", err)
	}
	return nil
}

// carried are the settings of the node that ran before.
func carried(f *identity.Folder) (s nodeSettings, err error) {
	b, err := f.ReadFile(settingsName, maxSettings)
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	return s, err
}
