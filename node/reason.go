package node

import (
	"errors"
	"fmt"

	"github.com/p2pchat/p2pchat/bootstrap"
	"github.com/p2pchat/p2pchat/chat"
)

// seedTrouble says which seed does not answer, and why; both are empty while
// nothing is known. detail is safe to be shown.
func seedTrouble(seeds []bootstrap.SeedStatus) (text, detail string) {
	failed := 0
	for _, s := range seeds {
		if s.Connected || s.LastError == nil {
			continue
		}
		if failed++; failed > 1 {
			continue
		}
		detail = chat.SafeString(s.LastError.Error())
		text = s.Trouble()
		if len(s.Addrs) > 0 {
			text = chat.SafeString(s.Addrs[0].String()) + ": " + text
		}
	}
	if failed > 1 {
		text += fmt.Sprintf("; and %d more", failed-1)
	}
	return text, detail
}

// tryingNotice says why a private talk is not connected yet.
func tryingNotice(conv chat.Conversation, err error) chat.Notice {
	n := chat.Notice{
		Conversation: conv, Code: chat.NoticeUnreachable, Detail: chat.SafeString(err.Error()),
		Text: "peer " + conv.Peer.String() + " cannot be reached where it was last known to be",
	}
	if errors.Is(err, chat.ErrNotFound) {
		n.Code = chat.NoticeNotFound
		n.Text = "peer " + conv.Peer.String() + " was not found: nobody who was asked knows where it is"
	}
	return n
}
