package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

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

// A running node, with the folder it runs on.
type running struct {
	*node.Node
	folder *identity.Folder
	cfg    node.Config
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
	if err != nil {
		return errors.Join(err, unlock())
	}
	run := func(db *history.DB) error {
		if db != nil { // an interface that holds a nil pointer is not nil
			cfg.History = db
		}
		n, err := p.start(ctx, folder, cfg)
		if err != nil {
			return err
		}
		face := func() error { return f(&running{n, folder, cfg}) }
		if db == nil {
			err = face()
		} else {
			err = withNicks(ctx, folder, n, face)
		}
		return errors.Join(err, n.Close(context.WithoutCancel(ctx)))
	}
	if seed { // it takes no messages
		err = run(nil)
	} else {
		err = p.withHistory(ctx, folder, run)
	}
	return errors.Join(err, unlock())
}

// talk runs the line face on a conversation that is open, and turns how it
// ended into an error.
func (p *program) talk(ctx context.Context, r *running, events line.Events, conv chat.Conversation, t *talkFlags, invite string) error {
	known, err := people(r.folder)
	if err != nil {
		return err
	}
	res, err := line.Run(ctx, line.Config{
		Chat: r, Events: events, Conversation: conv,
		In: p.in, Out: p.out, Err: p.err,
		JSON: t.json, Follow: t.follow, Wait: time.Duration(t.wait), Verbose: p.flags.verbose,
		Name: r.cfg.Name, Known: known, Invite: invite,
	})
	if err != nil && ctx.Err() == nil {
		return err
	}
	if terminal(p.in) {
		res.Rejected = 0 // who typed them saw it at once
	}
	return outcome(ctx.Err() != nil, conv, res)
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

// terminal reports whether a person types there.
func terminal(in io.Reader) bool {
	f, ok := in.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
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
