package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/settings"
	"github.com/p2pchat/p2pchat/ui/tui"
)

// screens reports whether a talk is shown on the whole terminal.
func (p *program) screens(t *talkFlags) bool {
	return !p.settings.Plain && !t.json && !t.follow && terminal(p.in) && terminal(p.out) && tui.Supports(p.environ) == nil
}

// chat shows all conversations on the whole terminal.
func (p *program) chat(ctx context.Context) error {
	return p.withSession(ctx, func(s *session) error { return p.tui(ctx, s, chat.Conversation{}, nil) })
}

// tui runs the face for a whole terminal. If a conversation is meant, it is opened
// by open and shown first.
func (p *program) tui(ctx context.Context, s *session, meant chat.Conversation, open func() (api.Opened, error)) error {
	events, err := s.Events(ctx)
	if err != nil {
		return err
	}
	defer events.Close()
	first := meant
	if open != nil {
		o, err := open()
		if err != nil {
			return err
		}
		first = o.Conversation.Conversation
	}
	if h, ok := p.err.(*stderr); ok { // what is said now would be written across it
		h.hold()
		defer h.release()
	}
	err = tui.Run(ctx, tui.Config{
		Node: tui.Attach(s.Client, events), In: p.in, Out: p.out, Env: p.environ, First: first, DefaultName: loginName(),
		Rooms: p.settings.Rooms, Open: lastOpen(s.folder),
		Closed: func(open []chat.Conversation) {
			if err := keepOpen(s.folder, open); err != nil {
				p.say("what was open is not remembered: %v", err)
			}
		},
		Notify: tui.Notify{Bell: kinds(p.settings.Bell), Desktop: kinds(p.settings.Desktop)},
	})
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return errInterrupted
	}
	if errors.Is(err, tui.ErrPanic) {
		return &fault{text: "the terminal face failed", hint: "--plain talks line by line; -v tells more", code: codeFailure, cause: err}
	}
	if err != nil {
		return fmt.Errorf("the terminal face: %w", err)
	}
	return nil
}

// loginName is what the system calls the user, if a nick can be that.
func loginName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	if _, err := chat.NewNick(u.Username); err != nil {
		return ""
	}
	return u.Username
}

// kinds are what a person wants to be told of.
func kinds(all []settings.Notice) (out []tui.Occasion) {
	for _, n := range all {
		out = append(out, tui.Occasion(n))
	}
	return out
}
