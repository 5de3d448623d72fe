package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
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
	cmd.Flags().BoolVar(&t.follow, "follow", false, "stay after the end of the input, until interrupted")
	cmd.Flags().Var(&t.wait, "wait", "at the end of the input, wait at most `DURATION` until everything is handed over")
}

// A messageLog is what a talk shows of the history.
type messageLog interface {
	node.Log
	Messages(ctx context.Context, q history.Query) ([]history.Entry, error)
	Topic(ctx context.Context, conv chat.ConversationID) (history.Entry, bool, error)
}

// A running node, with the folder it runs on. The log of a seed is nil.
type running struct {
	*node.Node
	folder *identity.Folder
	cfg    node.Config
	log    messageLog
}

// SetName changes the nickname and keeps it for the next start.
func (r *running) SetName(name chat.Text) error {
	r.Node.SetName(name)
	return r.folder.SetName(name)
}

// withNode starts the folder's node, runs f, and ends the node politely.
func (p *program) withNode(ctx context.Context, seed bool, f func(*running) error) error {
	folder, err := p.folder()
	if err != nil {
		return err
	}
	unlock, err := folder.Lock()
	if err != nil {
		return err
	}
	cfg, err := p.config(folder, seed)
	switch {
	case err != nil:
	case seed:
		err = p.runNode(ctx, &running{folder: folder, cfg: cfg}, f)
	default:
		err = p.withHistory(ctx, folder, func(db *history.DB) error { return p.runTalker(ctx, folder, cfg, db, f) })
	}
	return errors.Join(err, unlock())
}

// runTalker runs a node that takes messages. What it learns is kept, unless db is
// nil.
func (p *program) runTalker(ctx context.Context, folder *identity.Folder, cfg node.Config, db *history.DB, f func(*running) error) error {
	nicks, err := folder.Nicks()
	if err != nil {
		return err
	}
	cfg.Nick = func(id chat.PeerID) (chat.Text, bool) {
		nick := nicks.Of(id)
		return nick, !nick.Empty()
	}
	if cfg.Requested, err = p.noteRequests(folder); err != nil {
		return err
	}
	if db == nil {
		_, self, err := folder.Key()
		if err != nil {
			return err
		}
		r := &running{folder: folder, cfg: cfg, log: history.NewMemory(history.Config{Self: self})}
		return p.runNode(ctx, r, f)
	}
	return p.runNode(ctx, &running{folder: folder, cfg: cfg, log: db}, func(r *running) error {
		return p.withPruning(ctx, db, func() error {
			return withNicks(ctx, nicks, r.Node, cfg.ContactName, func() error { return f(r) })
		})
	})
}

// runNode starts r's node, runs f, and ends the node politely.
func (p *program) runNode(ctx context.Context, r *running, f func(*running) error) (err error) {
	if r.log != nil { // an interface that holds a nil one is not nil
		r.cfg.History = r.log
	}
	if r.Node, err = p.start(ctx, r.folder, r.cfg); err != nil {
		return err
	}
	return errors.Join(f(r), r.Close(context.WithoutCancel(ctx)))
}

// talk runs the line face on a conversation that is open, and turns how it
// ended into an error.
func (p *program) talk(ctx context.Context, r *running, events line.Events, past []chat.Message, conv chat.Conversation, t *talkFlags, invite string) error {
	known, err := people(r.folder)
	if err != nil {
		return err
	}
	res, err := line.Run(ctx, line.Config{
		Chat: r, Events: events, Conversation: conv,
		In: p.in, Out: p.out, Err: p.err,
		JSON: t.json, Follow: t.follow, Wait: time.Duration(t.wait), Verbose: p.flags.verbose,
		Name: r.cfg.Name, Known: known, Invite: invite,
		Past: past, Topic: r.topic, MarkRead: terminal(p.out),
		Leave: func(ctx context.Context) error { return r.Leave(ctx, conv) },
	})
	if err != nil && ctx.Err() == nil {
		return err
	}
	if terminal(p.in) {
		res.Rejected = 0 // who typed them saw it at once
	}
	return p.kept(outcome(ctx.Err() != nil, conv, res), res)
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
		return fail(codeNotFound, join(left, fmt.Sprintf("peer %s was not found", conv.Peer)),
			"it must be running, and share a seed or a local network with you; --wait 1m looks longer")
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
	if res.Left == 0 || p.flags.noHistory || !errors.As(err, &f) || f.text == "" {
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
