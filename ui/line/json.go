package line

import (
	"encoding/json"
	"fmt"

	"github.com/p2pchat/p2pchat/chat"
)

// timeFormat is RFC 3339 with milliseconds, in UTC.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// These are the objects of --json, one a line (README.md, "For scripts"). New
// fields and types may come; these stay.
type (
	readyObject struct {
		Type  string      `json:"type"`
		Peer  chat.PeerID `json:"peer"`
		Addrs []string    `json:"addrs"`
	}
	messageObject struct {
		Type         string         `json:"type"`
		Conversation safe           `json:"conversation"`
		ID           chat.MessageID `json:"id"`
		Author       chat.PeerID    `json:"author"`
		Nick         chat.Text      `json:"nick"`
		Time         string         `json:"time"`
		Text         chat.Text      `json:"text"`
		Mine         bool           `json:"mine"`
		// Kind is left out for plain text, else "action" or "unknown".
		Kind string `json:"kind,omitempty"`
		// Old is set on what was written before this node came.
		Old bool `json:"old,omitempty"`
	}
	deliveryObject struct {
		Type         string             `json:"type"`
		Conversation safe               `json:"conversation"`
		ID           chat.MessageID     `json:"id"`
		State        chat.DeliveryState `json:"state"`
		Reached      int                `json:"reached"`
		HeldBy       int                `json:"held_by"`
		Members      int                `json:"members"`
		Reason       safe               `json:"reason"`
	}
	memberObject struct {
		Type         string      `json:"type"`
		Conversation safe        `json:"conversation"` // "" is the list of who is online
		Peer         chat.PeerID `json:"peer"`
		Nick         chat.Text   `json:"nick"`
		Online       bool        `json:"online"`
		Seed         bool        `json:"seed,omitempty"`
	}
	noticeObject struct {
		Type         string          `json:"type"`
		Conversation safe            `json:"conversation"` // "" is the whole node
		Code         chat.NoticeCode `json:"code"`
		Text         safe            `json:"text"`
		Detail       safe            `json:"detail,omitempty"`
	}
	endedObject struct {
		Type         string `json:"type"`
		Conversation safe   `json:"conversation"`
		Refused      bool   `json:"refused"`
		Reason       safe   `json:"reason"`
	}
	// rejectedObject tells of a line of input, counted from 1, that was not sent.
	rejectedObject struct {
		Type   string `json:"type"`
		Line   int    `json:"line"`
		Reason safe   `json:"reason"`
	}
)

// A safe string is written with everything escaped that could hurt a terminal,
// as chat.Text is.
type safe string

// MarshalJSON implements json.Marshaler.
func (s safe) MarshalJSON() ([]byte, error) { return chat.AppendJSON(nil, string(s)), nil }

// object is the JSON form of an event, without the line's end.
func object(ev chat.Event) []byte {
	switch ev := ev.(type) {
	case chat.Ready:
		addrs := ev.Addrs
		if addrs == nil {
			addrs = []string{}
		}
		return marshal(readyObject{"ready", ev.Peer, addrs})
	case chat.Message:
		return marshal(messageObject{
			Type: "message", Conversation: safe(ev.Conversation.String()), ID: ev.ID, Author: ev.Author, Nick: ev.Nick,
			Time: ev.Time.UTC().Format(timeFormat), Text: ev.Text, Mine: ev.Mine, Kind: kindName(ev.Kind), Old: ev.Old,
		})
	case chat.Delivery:
		return marshal(deliveryObject{
			"delivery", safe(ev.Conversation.String()), ev.ID, ev.State, ev.Reached, ev.HeldBy, ev.Members, safe(ev.Reason),
		})
	case chat.Member:
		return marshal(memberObject{"member", safe(ev.Conversation.String()), ev.Peer, ev.Nick, ev.Online, ev.Seed})
	case chat.Notice:
		return marshal(noticeObject{"notice", safe(ev.Conversation.String()), ev.Code, safe(ev.Text), safe(ev.Detail)})
	case chat.Ended:
		return marshal(endedObject{"ended", safe(ev.Conversation.String()), ev.Refused, safe(ev.Reason)})
	default:
		// A newer node may tell more than this face knows.
		return marshal(noticeObject{Type: "notice", Code: "unknown", Text: safe(fmt.Sprintf("an event of type %T", ev))})
	}
}

// marshal writes one of the objects above, which cannot fail.
func marshal(o any) []byte {
	b, err := json.Marshal(o)
	if err != nil {
		panic("line: " + err.Error()) // a type above holds what JSON has not
	}
	return b
}

// kindName names what is not plain text.
func kindName(k chat.Kind) string {
	switch {
	case k == chat.KindText:
		return ""
	case k == chat.KindAction:
		return "action"
	default:
		return "unknown"
	}
}
