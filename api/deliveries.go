package api

import (
	"context"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
)

// This file holds how far own messages got: as an event, and in pages.

type (
	deliveryObject struct {
		Type         string         `json:"type"`
		Conversation safe           `json:"conversation"`
		ID           chat.MessageID `json:"id"`
		progressObject
	}
	// A progressObject is what is told of one own message.
	progressObject struct {
		State   chat.DeliveryState `json:"state"`
		Reached int                `json:"reached"`
		HeldBy  int                `json:"held_by"`
		Members int                `json:"members"`
		Reason  safe               `json:"reason"`
	}
)

func newProgress(d chat.Delivery) progressObject {
	return progressObject{d.State, d.Reached, d.HeldBy, d.Members, safe(d.Reason)}
}

func (o progressObject) delivery(conv chat.Conversation, id chat.MessageID) chat.Delivery {
	return chat.Delivery{
		Conversation: conv, ID: id, State: o.State, Reached: o.Reached, HeldBy: o.HeldBy, Members: o.Members, Reason: string(o.Reason),
	}
}

func newDelivery(d chat.Delivery) deliveryObject {
	return deliveryObject{"delivery", safe(d.Conversation.String()), d.ID, newProgress(d)}
}

func (o deliveryObject) delivery() (chat.Delivery, error) {
	conv, err := parseConversation(string(o.Conversation))
	return o.progressObject.delivery(conv, o.ID), err
}

// objects are messages of the history, own ones with how far they got: as the node
// said last or, of an earlier run, as the history has it. nameOf names their
// conversations.
func (s *Server) objects(ctx context.Context, entries []history.Entry, nameOf func(chat.ConversationID) chat.Conversation) ([]messageObject, error) {
	out := make([]messageObject, 0, len(entries))
	untold := make(map[chat.ConversationID][]chat.SegmentID)
	for _, e := range entries {
		o := newMessage(s.message(nameOf(e.Conversation), e))
		if d, told := s.board.deliveryOf(o.ID); o.Mine && told {
			p := newProgress(d)
			o.Delivery = &p
		} else if o.Mine {
			untold[e.Conversation] = append(untold[e.Conversation], e.Segment)
		}
		out = append(out, o)
	}
	for conv, segs := range untold {
		states, err := s.cfg.History.States(ctx, conv, segs...)
		if err != nil {
			return nil, err
		}
		for i, e := range entries {
			st := states[e.Segment]
			if out[i].Mine && out[i].Delivery == nil && e.Conversation == conv && st.State != "" {
				out[i].Delivery = &progressObject{State: st.State, Reason: safe(chat.SafeString(st.Reason))}
			}
		}
	}
	return out, nil
}

// object is objects of one.
func (s *Server) object(ctx context.Context, conv chat.Conversation, e history.Entry) (any, error) {
	all, err := s.objects(ctx, []history.Entry{e}, func(chat.ConversationID) chat.Conversation { return conv })
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

func (s *Server) page(ctx context.Context, conv chat.Conversation, entries []history.Entry, more bool) (any, error) {
	all, err := s.objects(ctx, entries, func(chat.ConversationID) chat.Conversation { return conv })
	if err != nil {
		return nil, err
	}
	return pageObject{all, more}, nil
}
