package api

import (
	"strconv"

	"github.com/p2pchat/p2pchat/chat"
)

// EncodePublic is the form of an event that --json prints (README.md, "For
// scripts"): EncodeEvent without the fields for clients. It is one object, without
// the line's end.
func EncodePublic(ev chat.Event) []byte {
	switch ev := ev.(type) {
	case chat.Message:
		o := newMessage(ev)
		o.Clock, o.Key, o.KindNumber = 0, "", 0
		return marshal(o)
	case chat.Member:
		o := newMember(ev)
		o.Since = nil
		return marshal(o)
	case chat.Refused:
		line, _ := strconv.Atoi(ev.Key) // the keys of a line face are numbers
		return marshal(rejectedObject{Type: "rejected", Line: line, Reason: safe(ev.Reason)})
	default:
		return EncodeEvent(ev)
	}
}
