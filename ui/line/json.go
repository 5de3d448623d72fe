package line

import (
	"encoding/json"
	"fmt"
	"strconv"

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
		// Kind is left out for plain text, see kindName.
		Kind string `json:"kind,omitempty"`
		// ReplyTo is what a reply answers.
		ReplyTo *chat.MessageID `json:"reply_to,omitempty"`
		// Target is what an edit, a deletion or a reaction is about.
		Target *chat.MessageID `json:"target,omitempty"`
		// Old is set on what was written before this node came.
		Old bool `json:"old,omitempty"`
		// Gap is set if something that it follows is missing.
		Gap bool `json:"gap,omitempty"`
		// Request is set on the first messages of somebody unknown.
		Request bool `json:"request,omitempty"`
		// These tell, in pages of history, what later messages made of this one.
		Edited    bool             `json:"edited,omitempty"`
		Deleted   bool             `json:"deleted,omitempty"`
		Reactions []reactionObject `json:"reactions,omitempty"`
	}
	reactionObject struct {
		Text chat.Text     `json:"text"`
		By   []chat.PeerID `json:"by"`
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
		// Path is left out of who is not connected, Via of who is not relayed.
		Path chat.Path   `json:"path,omitempty"`
		Via  chat.PeerID `json:"via,omitzero"`
	}
	historyObject struct {
		Type         string `json:"type"`
		Conversation safe   `json:"conversation"`
		Complete     bool   `json:"complete"`
		Missing      int    `json:"missing"`
		Fetched      int    `json:"fetched"`
		Total        int    `json:"total"`
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
		return marshal(message(ev))
	case chat.Delivery:
		return marshal(deliveryObject{
			"delivery", safe(ev.Conversation.String()), ev.ID, ev.State, ev.Reached, ev.HeldBy, ev.Members, safe(ev.Reason),
		})
	case chat.Refused:
		line, _ := strconv.Atoi(ev.Key) // the keys of our drafts are numbers
		return marshal(rejectedObject{"rejected", line, safe(ev.Reason)})
	case chat.History:
		return marshal(historyObject{
			"history", safe(ev.Conversation.String()), ev.Complete, ev.Missing, ev.Fetched, ev.Total,
		})
	case chat.Member:
		return marshal(memberObject{"member", safe(ev.Conversation.String()), ev.Peer, ev.Nick, ev.Online, ev.Seed, ev.Path, ev.Via})
	case chat.Notice:
		return marshal(noticeObject{"notice", safe(ev.Conversation.String()), ev.Code, safe(ev.Text), safe(ev.Detail)})
	case chat.Ended:
		return marshal(endedObject{"ended", safe(ev.Conversation.String()), ev.Refused, safe(ev.Reason)})
	default:
		// A newer node may tell more than this face knows.
		return marshal(noticeObject{Type: "notice", Code: "unknown", Text: safe(fmt.Sprintf("an event of type %T", ev))})
	}
}

func message(m chat.Message) messageObject {
	o := messageObject{
		Type: "message", Conversation: safe(m.Conversation.String()), ID: m.ID, Author: m.Author, Nick: m.Nick,
		Time: m.Time.UTC().Format(timeFormat), Text: m.Text, Mine: m.Mine, Kind: kindName(m.Kind), Old: m.Old, Gap: m.Gap,
		Request: m.Request, Edited: m.Edited, Deleted: m.Deleted,
	}
	switch {
	case m.Kind == chat.KindReply:
		o.ReplyTo = &m.Target
	case m.Kind.HasTarget():
		o.Target = &m.Target
	}
	for _, r := range m.Reactions {
		o.Reactions = append(o.Reactions, reactionObject(r))
	}
	return o
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
	switch k {
	case chat.KindText:
		return ""
	case chat.KindAction:
		return "action"
	case chat.KindReply:
		return "reply"
	case chat.KindEdit:
		return "edit"
	case chat.KindDelete:
		return "delete"
	case chat.KindReaction:
		return "reaction"
	case chat.KindTopic:
		return "topic"
	default:
		return "unknown"
	}
}
