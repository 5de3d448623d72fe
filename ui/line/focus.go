package line

import "github.com/p2pchat/p2pchat/chat"

// maxElsewhere bounds the private talks known to be led by other faces.
const maxElsewhere = 1000

// concerns reports whether this face shows an event. The node has other faces, and
// tells all of them everything: what happens in other conversations is theirs. Only
// what is said in private and nobody here answers is shown everywhere, and that
// somebody unknown wrote.
func (s *screen) concerns(ev chat.Event) bool {
	conv := placeOf(ev)
	if conv == s.cfg.Conversation || conv.IsPresence() {
		return true
	}
	switch ev := ev.(type) {
	case chat.Message:
		if conv.IsDirect() && ev.Mine && !ev.Old && len(s.elsewhere) < maxElsewhere {
			s.elsewhere[conv] = true
		}
		return conv.IsDirect() && !ev.Mine && !s.elsewhere[conv]
	case chat.Notice:
		return ev.Code == chat.NoticeRequest // which is always about another one
	default:
		return false
	}
}

// placeOf is the conversation that an event is about; zero is the whole node.
func placeOf(ev chat.Event) chat.Conversation {
	switch ev := ev.(type) {
	case chat.Message:
		return ev.Conversation
	case chat.Delivery:
		return ev.Conversation
	case chat.Refused:
		return ev.Conversation
	case chat.Member:
		return ev.Conversation
	case chat.History:
		return ev.Conversation
	case chat.Notice:
		return ev.Conversation
	case chat.Ended:
		return ev.Conversation
	default:
		return chat.Conversation{}
	}
}
