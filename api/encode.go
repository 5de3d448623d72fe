package api

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/p2pchat/p2pchat/chat"
)

// maxSpelled is how many peers' IDs an encoder keeps as text.
const maxSpelled = 1024

// An encoder writes events as EncodeEvent does, and messages, of which there are
// bursts, in a fifth of the time. One goroutine owns it.
type encoder struct {
	// spelled are peer IDs as text, which is costly to make.
	spelled map[chat.PeerID]string
}

// append appends an event's object.
func (e *encoder) append(b []byte, ev chat.Event) []byte {
	m, ok := ev.(chat.Message)
	if !ok || len(m.Reactions) > 0 || !m.Kind.Known() { // these are rare
		return append(b, EncodeEvent(ev)...)
	}
	return e.message(b, m)
}

// message is marshal(newMessage(m)).
func (e *encoder) message(b []byte, m chat.Message) []byte {
	b = appendSafe(append(b, `{"type":"message","conversation":`...), m.Conversation.String())
	b = appendID(append(b, `,"id":`...), m.ID)
	b = append(b, `,"author":"`...)
	b = append(b, e.spell(m.Author)...)
	b = appendText(append(b, `","nick":`...), m.Nick.Raw())
	b = m.Time.UTC().AppendFormat(append(b, `,"time":"`...), timeFormat)
	b = appendText(append(b, `","text":`...), m.Text.Raw())
	b = strconv.AppendBool(append(b, `,"mine":`...), m.Mine)
	if kind := kindName(m.Kind); kind != "" {
		b = append(append(append(b, `,"kind":"`...), kind...), '"')
	}
	switch {
	case m.Kind == chat.KindReply:
		b = appendID(append(b, `,"reply_to":`...), m.Target)
	case m.Kind.HasTarget():
		b = appendID(append(b, `,"target":`...), m.Target)
	}
	for _, f := range [...]struct {
		set  bool
		name string
	}{{m.Old, "old"}, {m.Gap, "gap"}, {m.Request, "request"}, {m.Edited, "edited"}, {m.Deleted, "deleted"}} {
		if f.set {
			b = append(append(append(b, `,"`...), f.name...), `":true`...)
		}
	}
	if m.Clock != 0 {
		b = append(strconv.AppendUint(append(b, `,"clock":"`...), uint64(m.Clock), 10), '"')
	}
	if m.Key != "" {
		b = appendSafe(append(b, `,"key":`...), m.Key)
	}
	return append(b, '}')
}

// spell is a peer ID's text.
func (e *encoder) spell(p chat.PeerID) string {
	s, known := e.spelled[p]
	if known {
		return s
	}
	if e.spelled == nil || len(e.spelled) >= maxSpelled {
		e.spelled = make(map[chat.PeerID]string)
	}
	s = p.String()
	e.spelled[p] = s
	return s
}

func appendID(b []byte, id chat.MessageID) []byte {
	return append(hex.AppendEncode(append(b, '"'), id[:]), '"')
}

// appendSafe is what a safe string is in JSON.
func appendSafe(b []byte, s string) []byte {
	return appendText(b, strings.ToValidUTF8(s, "\uFFFD"))
}

// appendText is chat.AppendJSON with what encoding/json does to all it writes: for
// HTML's sake.
func appendText(b []byte, s string) []byte {
	at := len(b)
	b = chat.AppendJSON(b, s)
	if !bytes.ContainsAny(b[at:], "<>&") {
		return b
	}
	var escaped bytes.Buffer
	json.HTMLEscape(&escaped, b[at:])
	return append(b[:at], escaped.Bytes()...)
}
