package netlab

import (
	"encoding/json"
	"time"
)

// An Event is one object that a node wrote with --json (README.md, "For scripts"),
// with the fields that scenarios ask for.
type Event struct {
	// At is when the lab read it, and Run in which run of the node, from 1.
	At  time.Time `json:"-"`
	Run int       `json:"-"`
	// Raw is the line itself.
	Raw string `json:"-"`

	Type         string   `json:"type"`
	Conversation string   `json:"conversation"`
	ID           string   `json:"id"`
	Author       string   `json:"author"`
	Nick         string   `json:"nick"`
	Text         string   `json:"text"`
	Kind         string   `json:"kind"`
	State        string   `json:"state"`
	Code         string   `json:"code"`
	Peer         string   `json:"peer"`
	Reason       string   `json:"reason"`
	Mine         bool     `json:"mine"`
	Old          bool     `json:"old"`
	Gap          bool     `json:"gap"`
	Online       bool     `json:"online"`
	Complete     bool     `json:"complete"`
	Refused      bool     `json:"refused"`
	Reached      int      `json:"reached"`
	HeldBy       int      `json:"held_by"`
	Members      int      `json:"members"`
	Missing      int      `json:"missing"`
	Addrs        []string `json:"addrs"`
}

// readEvent reads one line of output. It reports false for what is no object, such
// as a line that a kill has cut off.
func readEvent(line []byte) (Event, bool) {
	var e Event
	if json.Unmarshal(line, &e) != nil {
		return e, false
	}
	e.Raw = string(line)
	return e, true
}

// IsMessage matches the message with that text.
func IsMessage(text string) func(Event) bool {
	return func(e Event) bool { return e.Type == "message" && e.Text == text }
}

// IsMember matches that a peer is there, in the room or online at all.
func IsMember(peer string) func(Event) bool {
	return func(e Event) bool { return e.Type == "member" && e.Peer == peer && e.Online }
}

// IsDelivery matches that a message of one's own has reached a state.
func IsDelivery(id, state string) func(Event) bool {
	return func(e Event) bool { return e.Type == "delivery" && e.ID == id && e.State == state }
}
