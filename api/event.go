package api

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// timeFormat is RFC 3339 with milliseconds, in UTC.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// These are the objects of events, as --json prints them (README.md, "For
// scripts"). Fields below "for clients" are not in --json: with them an event
// comes out of the interface as it went in.
type (
	readyObject struct {
		Type  string      `json:"type"`
		Peer  chat.PeerID `json:"peer"`
		Addrs []safe      `json:"addrs"`
	}
	messageObject struct {
		Type         string           `json:"type"`
		Conversation safe             `json:"conversation"`
		ID           chat.MessageID   `json:"id"`
		Author       chat.PeerID      `json:"author"`
		Nick         Text             `json:"nick"`
		Time         string           `json:"time"`
		Text         Text             `json:"text"`
		Mine         bool             `json:"mine"`
		Kind         string           `json:"kind,omitempty"`
		ReplyTo      *chat.MessageID  `json:"reply_to,omitempty"`
		Target       *chat.MessageID  `json:"target,omitempty"`
		Old          bool             `json:"old,omitempty"`
		Gap          bool             `json:"gap,omitempty"`
		Request      bool             `json:"request,omitempty"`
		Edited       bool             `json:"edited,omitempty"`
		Deleted      bool             `json:"deleted,omitempty"`
		Reactions    []reactionObject `json:"reactions,omitempty"`

		// For clients. Clock is a decimal number; many readers of JSON would round
		// it if it were not a string.
		Clock chat.Time `json:"clock,omitempty,string"`
		Key   safe      `json:"key,omitempty"`
		// KindNumber is that of a kind made by a newer version.
		KindNumber chat.Kind `json:"kind_number,omitempty"`
		// Delivery is how far an own message got. Events and --json have it not.
		Delivery *progressObject `json:"delivery,omitempty"`
	}
	reactionObject struct {
		Text Text          `json:"text"`
		By   []chat.PeerID `json:"by"`
	}
	memberObject struct {
		Type         string      `json:"type"`
		Conversation safe        `json:"conversation"` // "" is the list of who is online
		Peer         chat.PeerID `json:"peer"`
		Nick         Text        `json:"nick"`
		Online       bool        `json:"online"`
		Seed         bool        `json:"seed,omitempty"`
		// Path is left out of who is not connected, Via of who is not relayed.
		Path chat.Path   `json:"path,omitempty"`
		Via  chat.PeerID `json:"via,omitzero"`

		// For clients.
		Since *time.Time `json:"since,omitempty"`
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
	rejectedObject struct {
		Type   string `json:"type"`
		Line   int    `json:"line"`
		Reason safe   `json:"reason"`

		// For clients.
		Conversation safe `json:"conversation,omitempty"`
		Key          safe `json:"key,omitempty"`
	}
)

// A safe string is written with everything escaped that could hurt a terminal.
type safe string

// MarshalJSON implements json.Marshaler.
func (s safe) MarshalJSON() ([]byte, error) {
	return chat.AppendJSON(nil, strings.ToValidUTF8(string(s), "\uFFFD")), nil
}

// A Text is a chat.Text that can also be read from JSON.
type Text struct{ chat.Text }

// UnmarshalJSON implements json.Unmarshaler.
func (r *Text) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	var err error
	r.Text, err = chat.NewText(s)
	return err
}

// EncodeEvent is the JSON form of an event: one object, without the line's end. A
// type of event that this version does not know becomes a notice of code
// "unknown".
func EncodeEvent(ev chat.Event) []byte {
	switch ev := ev.(type) {
	case chat.Ready:
		return marshal(readyObject{"ready", ev.Peer, safeAll(ev.Addrs)})
	case chat.Message:
		return marshal(newMessage(ev))
	case chat.Delivery:
		return marshal(newDelivery(ev))
	case chat.Refused:
		line, _ := strconv.Atoi(ev.Key) // the keys of a line face are numbers
		return marshal(rejectedObject{"rejected", line, safe(ev.Reason), safe(ev.Conversation.String()), safe(ev.Key)})
	case chat.History:
		return marshal(historyObject{
			"history", safe(ev.Conversation.String()), ev.Complete, ev.Missing, ev.Fetched, ev.Total,
		})
	case chat.Member:
		return marshal(newMember(ev))
	case chat.Notice:
		return marshal(noticeObject{"notice", safe(ev.Conversation.String()), ev.Code, safe(ev.Text), safe(ev.Detail)})
	case chat.Ended:
		return marshal(endedObject{"ended", safe(ev.Conversation.String()), ev.Refused, safe(ev.Reason)})
	default:
		return marshal(noticeObject{Type: "notice", Code: noticeUnknown, Text: safe(fmt.Sprintf("an event of type %T", ev))})
	}
}

// noticeUnknown stands for an event that only a newer version knows.
const noticeUnknown chat.NoticeCode = "unknown"

// DecodeEvent reads what EncodeEvent wrote. A type that this version does not know
// is a notice of code "unknown"; the error wraps chat.ErrMalformed.
func DecodeEvent(b []byte) (chat.Event, error) {
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, malformed("event", err)
	}
	ev, err := decodeAs(head.Type, b)
	if err != nil {
		return nil, malformed("event of type "+chat.SafeString(head.Type), err)
	}
	return ev, nil
}

// decodeNamed is DecodeEvent for one of a stream, whose name says what it is.
func decodeNamed(name string, b []byte) (chat.Event, error) {
	switch name {
	case eventMissed:
		name = "notice"
	case "":
		return DecodeEvent(b)
	}
	ev, err := decodeAs(name, b)
	if err != nil {
		return nil, malformed("event of type "+chat.SafeString(name), err)
	}
	return ev, nil
}

func malformed(what string, err error) error {
	return fmt.Errorf("%w: %s: %w", chat.ErrMalformed, what, err)
}

// decodeAs routes.
func decodeAs(kind string, b []byte) (chat.Event, error) {
	switch kind {
	case "ready":
		return decode(b, func(o readyObject) (chat.Event, error) {
			var addrs []string
			for _, a := range o.Addrs {
				addrs = append(addrs, string(a))
			}
			return chat.Ready{Peer: o.Peer, Addrs: addrs}, nil
		})
	case "message":
		return decode(b, func(o messageObject) (chat.Event, error) { return o.message() })
	case "delivery":
		return decode(b, func(o deliveryObject) (chat.Event, error) { return o.delivery() })
	case "rejected":
		return decode(b, func(o rejectedObject) (chat.Event, error) {
			conv, err := parseConversation(string(o.Conversation))
			return chat.Refused{Conversation: conv, Key: string(o.Key), Reason: string(o.Reason)}, err
		})
	case "history":
		return decode(b, func(o historyObject) (chat.Event, error) { return o.history() })
	case "member":
		return decode(b, func(o memberObject) (chat.Event, error) { return o.member() })
	case "notice":
		return decode(b, func(o noticeObject) (chat.Event, error) {
			conv, err := parseConversation(string(o.Conversation))
			return chat.Notice{Conversation: conv, Code: o.Code, Text: string(o.Text), Detail: string(o.Detail)}, err
		})
	case "ended":
		return decode(b, func(o endedObject) (chat.Event, error) {
			conv, err := parseConversation(string(o.Conversation))
			return chat.Ended{Conversation: conv, Refused: o.Refused, Reason: string(o.Reason)}, err
		})
	default:
		return chat.Notice{Code: noticeUnknown, Text: "an event of type " + chat.SafeString(kind)}, nil
	}
}

// decode reads an object and makes an event of it.
func decode[O any](b []byte, event func(O) (chat.Event, error)) (chat.Event, error) {
	var o O
	if err := json.Unmarshal(b, &o); err != nil {
		return nil, err
	}
	return event(o)
}

func newMessage(m chat.Message) messageObject {
	o := messageObject{
		Type: "message", Conversation: safe(m.Conversation.String()), ID: m.ID, Author: m.Author, Nick: Text{m.Nick},
		Time: m.Time.UTC().Format(timeFormat), Text: Text{m.Text}, Mine: m.Mine, Kind: kindName(m.Kind), Old: m.Old, Gap: m.Gap,
		Request: m.Request, Edited: m.Edited, Deleted: m.Deleted, Clock: m.Clock, Key: safe(m.Key),
	}
	if !m.Kind.Known() {
		o.KindNumber = m.Kind
	}
	switch {
	case m.Kind == chat.KindReply:
		o.ReplyTo = &m.Target
	case m.Kind.HasTarget():
		o.Target = &m.Target
	}
	for _, r := range m.Reactions {
		o.Reactions = append(o.Reactions, reactionObject{Text{r.Text}, r.By})
	}
	return o
}

func (o messageObject) message() (chat.Message, error) {
	conv, err := parseConversation(string(o.Conversation))
	if err != nil {
		return chat.Message{}, err
	}
	at, err := time.Parse(time.RFC3339Nano, o.Time)
	if err != nil {
		return chat.Message{}, err
	}
	m := chat.Message{
		Conversation: conv, ID: o.ID, Author: o.Author, Nick: o.Nick.Text, Time: at.Local(), Clock: o.Clock,
		Kind: kindNamed(o.Kind, o.KindNumber), Text: o.Text.Text, Mine: o.Mine, Key: string(o.Key), Gap: o.Gap, Old: o.Old,
		Request: o.Request, Edited: o.Edited, Deleted: o.Deleted,
	}
	for _, id := range []*chat.MessageID{o.ReplyTo, o.Target} {
		if id != nil {
			m.Target = *id
		}
	}
	for _, r := range o.Reactions {
		m.Reactions = append(m.Reactions, chat.Reaction{Text: r.Text.Text, By: r.By})
	}
	return m, nil
}

func newMember(m chat.Member) memberObject {
	o := memberObject{
		Type: "member", Conversation: safe(m.Conversation.String()), Peer: m.Peer, Nick: Text{m.Nick}, Online: m.Online, Seed: m.Seed,
		Path: m.Path, Via: m.Via,
	}
	if !m.Since.IsZero() {
		since := m.Since.UTC()
		o.Since = &since
	}
	return o
}

func (o memberObject) member() (chat.Member, error) {
	conv, err := parseConversation(string(o.Conversation))
	m := chat.Member{Conversation: conv, Peer: o.Peer, Nick: o.Nick.Text, Online: o.Online, Seed: o.Seed, Path: o.Path, Via: o.Via}
	if o.Since != nil {
		m.Since = o.Since.Local()
	}
	return m, err
}

func (o historyObject) history() (chat.History, error) {
	conv, err := parseConversation(string(o.Conversation))
	return chat.History{Conversation: conv, Complete: o.Complete, Missing: o.Missing, Fetched: o.Fetched, Total: o.Total}, err
}

// parseConversation reads what chat.Conversation.String wrote. No room name looks
// like a peer ID: those have capitals.
func parseConversation(s string) (chat.Conversation, error) {
	if s == "" {
		return chat.Presence(), nil
	}
	if strings.HasPrefix(s, peerPrefix) {
		p, err := chat.ParsePeerID(s)
		return chat.With(p), err
	}
	room, err := chat.ParseRoomName(s)
	return chat.InRoom(room), err
}

// peerPrefix is how every peer ID of an Ed25519 key begins.
const peerPrefix = "12D3KooW"

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

// kindNamed is the inverse of kindName; number is that of an unknown kind.
func kindNamed(name string, number chat.Kind) chat.Kind {
	for k := chat.KindText; k.Known(); k++ {
		if kindName(k) == name {
			return k
		}
	}
	return number
}

// marshal writes one of our objects, which cannot fail.
func marshal(o any) []byte {
	b, err := json.Marshal(o)
	if err != nil {
		panic("api: " + err.Error()) // a type above holds what JSON has not
	}
	return b
}

// safeAll makes a list that is [] in JSON, and not null, if it is empty.
func safeAll(all []string) []safe {
	out := make([]safe, 0, len(all))
	for _, s := range all {
		out = append(out, safe(s))
	}
	return out
}
