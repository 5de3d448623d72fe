package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/node"
	"github.com/p2pchat/p2pchat/ui/line"
)

// talkFlags are those of join and dial.
type talkFlags struct {
	json   bool
	follow bool
	wait   waitFlag
}

func (t *talkFlags) add(cmd *cobra.Command) {
	t.wait = waitFlag(10 * time.Second)
	cmd.Flags().BoolVar(&t.json, "json", false, "print every event as one JSON object a line")
	cmd.Flags().Bool("plain", false, "talk line by line, also on a terminal")
	cmd.Flags().BoolVar(&t.follow, "follow", false, "stay after the end of the input, until interrupted")
	cmd.Flags().Var(&t.wait, "wait", "at the end of the input, wait at most `DURATION` until everything is handed over")
}

// A messageLog is a node's log that faces read, too.
type messageLog interface {
	node.Log
	api.History
}

// A talkPlace is what a line face is run on.
type talkPlace struct {
	conv    chat.Conversation
	events  line.Events
	past    []chat.Message
	present []chat.Member // if the events do not tell
	known   []line.Person
	invite  string // the command line that leads here
}

// converse opens a conversation and talks in it, with the face that fits. meant is what
// is known of it before; said tells a person, on the line face, what was opened.
func (p *program) converse(ctx context.Context, s *session, t *talkFlags, meant chat.Conversation, open func() (api.Opened, error), said func(chat.Conversation)) error {
	if p.screens(t) {
		return p.tui(ctx, s, meant, open)
	}
	at, done, err := p.enter(ctx, s, t, meant, open)
	if err != nil {
		return err
	}
	defer done()
	if !t.json {
		said(at.conv)
	}
	return p.talk(ctx, s, at, t)
}

// enter listens, reads what was said earlier in the conversation that is meant, if
// that is known, and opens it. What nobody was shown yet, the node shows then.
func (p *program) enter(ctx context.Context, s *session, t *talkFlags, meant chat.Conversation, open func() (api.Opened, error)) (at talkPlace, done func(), err error) {
	events, err := s.Events(ctx)
	if err != nil {
		return at, nil, err
	}
	at.events = events
	// What takes time comes before: a peer that refuses may do so at once, and what was
	// to be said should have been read by then.
	at.invite = s.inviteTo(ctx, meant)
	at.known, err = people(s.folder)
	if err == nil && !t.json && terminal(p.out) && !meant.IsPresence() {
		at.past, err = s.past(ctx, meant)
	}
	if err == nil {
		var o api.Opened
		o, err = open()
		at.conv = o.Conversation.Conversation
		if err == nil && !o.First {
			at.present, err = s.Members(ctx, at.conv)
		}
	}
	if err != nil {
		events.Close()
		return at, nil, err
	}
	return at, events.Close, nil
}

// talk runs the line face on a conversation that is open, and turns how it
// ended into an error.
func (p *program) talk(ctx context.Context, s *session, at talkPlace, t *talkFlags) error {
	res, err := line.Run(ctx, line.Config{
		Chat: s, Events: at.events, Conversation: at.conv,
		In: p.in, Out: p.out, Err: p.err,
		JSON: t.json, Follow: t.follow, Wait: time.Duration(t.wait), Verbose: p.flags.verbose,
		Name: s.info.Name.Text, Known: at.known, Invite: at.invite,
		Past: at.past, Present: at.present, Topic: s.Topic, MarkRead: terminal(p.out),
		Page: func(ctx context.Context, after chat.MessageID) ([]chat.Message, error) {
			return s.page(ctx, at.conv, after)
		},
		State: func(ctx context.Context, id chat.MessageID) (chat.DeliveryState, error) {
			d, err := s.Delivery(ctx, at.conv, id)
			return d.State, err
		},
		Leave: func(ctx context.Context) error { return s.Leave(ctx, at.conv) },
	})
	if err != nil && ctx.Err() == nil {
		return err
	}
	if terminal(p.in) {
		res.Rejected = 0 // who typed them saw it at once
	}
	return p.kept(outcome(ctx.Err() != nil, at.conv, res), res)
}

// people lists the contacts that have names.
func people(f *identity.Folder) ([]line.Person, error) {
	contacts, err := f.Contacts()
	if err != nil {
		return nil, err
	}
	var out []line.Person
	for _, c := range contacts.List() {
		if name, err := chat.NewNick(c.Name); err == nil {
			out = append(out, line.Person{Peer: c.Peer, Name: name})
		}
	}
	return out, nil
}

// terminal reports whether a person is at that input or output.
func terminal(f any) bool {
	file, ok := f.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}

// notFoundHint is what to do about a peer of whom nobody knows where it is.
const notFoundHint = "it must be running, and share a seed or a local network with you; --wait 1m looks longer"

// outcome is the error that a talk's end amounts to.
func outcome(interrupted bool, conv chat.Conversation, res line.Result) error {
	left := undelivered(res)
	fail := func(code int, text, hint string) error { return &fault{text: text, hint: hint, code: code} }
	switch {
	case interrupted && left == "":
		return errInterrupted
	case interrupted:
		return fail(codeInterrupted, "interrupted: "+left, "")
	case res.Refused && left == "":
		return fail(codeRefused, fmt.Sprintf("peer %s refused: %s", conv.Peer, res.Reason), "")
	case res.Refused:
		return fail(codeRefused, fmt.Sprintf("%s: peer %s refused: %s", left, conv.Peer, res.Reason), "")
	case res.NotFound:
		return fail(codeNotFound, join(left, fmt.Sprintf("peer %s was not found", conv.Peer)), notFoundHint)
	case conv.IsDirect() && !res.Connected:
		return fail(codeFailure, join(left, fmt.Sprintf("peer %s did not answer", conv.Peer)), "--wait 1m tries longer")
	case left != "" && res.Over:
		return fail(codeFailure, left+": the other side left before", "")
	case left != "" && !res.Connected:
		return fail(codeFailure, left+": nobody else was there", "--wait 1m waits longer for somebody")
	case left != "":
		return fail(codeFailure, left, "--wait 1m waits longer")
	case res.Rejected == 1:
		return fail(codeFailure, "1 line of the input was not sent", "")
	case res.Rejected > 1:
		return fail(codeFailure, fmt.Sprintf("%d lines of the input were not sent", res.Rejected), "")
	}
	return nil
}

// kept adds to an error what becomes of messages that were not delivered.
func (p *program) kept(err error, res line.Result) error {
	f := new(fault)
	if res.Left == 0 || !p.settings.History || !errors.As(err, &f) || f.text == "" {
		return err
	}
	with := *f
	with.hint = "what was not delivered is kept, and goes out the next time"
	if f.hint != "" {
		with.hint += "; " + f.hint
	}
	return &with
}

// undelivered says what of the input nobody got, or nothing.
func undelivered(res line.Result) string {
	s := ""
	switch {
	case res.Left > 1:
		s = fmt.Sprintf("%d of %d messages were not delivered", res.Left, res.Said)
	case res.Left == 1 && res.Said == 1:
		s = "1 of 1 message was not delivered"
	case res.Left == 1:
		s = fmt.Sprintf("1 of %d messages was not delivered", res.Said)
	}
	if res.Unread {
		s = join(s, "the rest of the input was not read")
	}
	return s
}

// join joins what there is of two parts of a sentence.
func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + ": " + b
}
