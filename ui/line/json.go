package line

import (
	"strconv"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
)

// object is the JSON form of an event with the line's end (README.md, "For
// scripts").
func object(ev chat.Event) []byte { return append(api.EncodePublic(ev), '\n') }

// rejectedLine is the event of a line of input, counted from 1, that was not sent.
func rejectedLine(num int, reason string) chat.Event {
	return chat.Refused{Key: strconv.Itoa(num), Reason: reason}
}
