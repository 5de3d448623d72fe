package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/ui/line"
)

// An until is how far a message must get before send ends.
type until string

// The words of --until. Each includes those before it.
const (
	untilAccepted  until = "accepted"  // stored here: it will go out, if not now
	untilSent      until = "sent"      // handed to somebody
	untilHeld      until = "held"      // somebody says to have stored it
	untilDelivered until = "delivered" // everybody who is there says so
)

// Set implements pflag.Value.
func (u *until) Set(s string) error {
	switch w := until(s); w {
	case untilAccepted, untilSent, untilHeld, untilDelivered:
		*u = w
		return nil
	}
	return errors.New("it is accepted, sent, held or delivered")
}

// String implements pflag.Value.
func (u *until) String() string { return string(*u) }

// Type implements pflag.Value.
func (u *until) Type() string { return "STATE" }

// met reports whether a message got so far.
func (u until) met(d chat.Delivery) bool {
	switch u {
	case untilAccepted:
		return true
	case untilSent:
		return d.State == chat.Sent || d.State == chat.Held || d.State == chat.Read
	case untilHeld:
		return d.State == chat.Held || d.State == chat.Read
	default:
		return d.State == chat.Read || d.State == chat.Held && d.HeldBy >= max(1, d.Members)
	}
}

// sendFlags are those of send.
type sendFlags struct {
	until until
	wait  waitFlag
	json  bool
}

// sendForm is how send is used.
const sendForm = "p2pchat send CONVERSATION [TEXT|-]"

func (p *program) sendCommand() *cobra.Command {
	f := sendFlags{until: untilSent, wait: waitFlag(10 * time.Second)}
	cmd := &cobra.Command{
		Use:   "send CONVERSATION [TEXT|-]",
		Short: "Say something, and end",
		Long: `Say TEXT in a conversation or, with - or without TEXT, each line of the input; the
text is sent as it is, without commands. ` + placeHelp + `

With --json each line of the input is an object, as for join --json, which may
have a "conversation"; then CONVERSATION may be left out. What became of each
message is printed as a delivery object, as soon as it got as far as --until says,
or at the end. When 1000 messages have not got so far, reading waits, at most
--wait, and then waits no longer for those.

The exit code is 0 when every message got as far as --until says: accepted (it is
stored here, and goes out when somebody is there), sent (handed to somebody),
held (somebody says to have stored it), delivered (everybody there does); else 1,
or 3 if nobody knows where the peer of a private conversation is, or 4 if it
refused. What does not get so far within --wait is kept all the same, and goes out
later.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 2 {
				return usage(fmt.Sprintf("too many words: %q", args[2]), sendForm+"; quote a TEXT of several words")
			}
			return nil
		},
		ValidArgsFunction: p.completeConversations,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.send(cmd.Context(), args, f)
		},
	}
	cmd.Flags().Var(&f.until, "until", "wait until it is accepted, sent, held or delivered")
	cmd.Flags().Var(&f.wait, "wait", "after the last message, wait at most `DURATION` for that")
	cmd.Flags().BoolVar(&f.json, "json", false, "read objects, and print objects")
	return cmd
}

// send reads the command line, and says what it asks for.
func (p *program) send(ctx context.Context, args []string, f sendFlags) error {
	folder, err := p.folder()
	if err != nil {
		return err
	}
	if f.json && len(args) == 1 && args[0] == "-" {
		args = nil
	}
	var in place
	switch {
	case len(args) == 0 && !f.json:
		return usage("CONVERSATION is missing", sendForm)
	case len(args) > 0:
		if in, err = placeOf(folder, args[0]); err != nil {
			return err
		}
	}
	if len(args) == 2 && args[1] != "-" {
		if f.json {
			return usage("with --json the messages are read from the input", "leave out TEXT")
		}
		body, err := textBody(args[1])
		if err != nil {
			return usage("TEXT cannot be sent: "+err.Error(), sendForm)
		}
		return p.sendAll(ctx, f, in, func(_ context.Context, say sayer) error { return say(in, body) })
	}
	if terminal(p.in) {
		p.say("each line is a message; Ctrl+D ends")
	}
	return p.sendAll(ctx, f, in, func(ctx context.Context, say sayer) error {
		return p.eachLine(ctx, func(text []byte) error {
			at, body, err := f.read(folder, in, text)
			if err != nil {
				return err
			}
			return say(at, body)
		})
	})
}

// read reads a line of the input: what it says, and where if not in the place given.
func (f sendFlags) read(folder *identity.Folder, in place, text []byte) (place, chat.Body, error) {
	if !f.json {
		body, err := textBody(string(text))
		return in, body, err
	}
	where, body, err := line.ParseObject(text)
	if err == nil && where != "" {
		in, err = placeOf(folder, where)
	}
	if err == nil && in.conv.IsPresence() {
		err = errors.New(`it needs a "conversation"`)
	}
	return in, body, err
}

func textBody(s string) (chat.Body, error) {
	text, err := chat.NewText(s)
	if err != nil {
		return chat.Body{}, err
	}
	b := chat.Body{Kind: chat.KindText, Text: text}
	return b, b.Check()
}

// eachLine calls f for each line of the input that has something. What is wrong
// with one is told, and the others are taken all the same.
func (p *program) eachLine(ctx context.Context, f func(text []byte) error) error {
	lines := bufio.NewScanner(interruptible{ctx, p.in})
	lines.Buffer(nil, api.MaxBody)
	bad := 0
	for n := 1; lines.Scan(); n++ {
		text := bytes.TrimSuffix(lines.Bytes(), []byte("\r"))
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		if err := f(text); err != nil {
			if ctx.Err() != nil || !badLine(err) {
				return err
			}
			bad++
			p.say("line %d was not sent: %v", n, err)
		}
	}
	switch err := lines.Err(); {
	case ctx.Err() != nil:
		return errInterrupted
	case errors.Is(err, bufio.ErrTooLong):
		return &fault{text: fmt.Sprintf("a line of the input has more than %d bytes", api.MaxBody), code: codeFailure}
	case err != nil:
		return fmt.Errorf("read the input: %w", err)
	case bad == 1:
		return &fault{text: "1 line of the input was not sent", code: codeFailure}
	case bad > 1:
		return &fault{text: fmt.Sprintf("%d lines of the input were not sent", bad), code: codeFailure}
	}
	return nil
}

// badLine reports whether an error is about what a line says, so that others may
// be right.
func badLine(err error) bool {
	e := new(api.Error)
	if errors.As(err, &e) {
		return e.Status == 400 || e.Status == 413
	}
	return true
}

// interruptible is an input whose reader is let go when ctx ends. The read itself
// may go on until the process ends.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (i interruptible) Read(b []byte) (int, error) {
	type result struct {
		b   []byte
		err error
	}
	done := make(chan result, 1)
	go func() {
		own := make([]byte, len(b))
		n, err := i.r.Read(own)
		done <- result{own[:n], err}
	}()
	select {
	case r := <-done:
		return copy(b, r.b), r.err
	case <-i.ctx.Done():
		return 0, i.ctx.Err()
	}
}

// A sayer says something somewhere.
type sayer func(place, chat.Body) error

// sendAll says what messages gives it until its context ends, and waits as --until
// says.
func (p *program) sendAll(ctx context.Context, f sendFlags, first place, messages func(context.Context, sayer) error) error {
	return p.withSession(ctx, func(s *session) error {
		var tell func(chat.Delivery) error
		if f.json {
			tell = func(d chat.Delivery) error { return p.print(string(api.EncodeEvent(d))) }
		}
		d, saying, err := newDelivering(ctx, s, f, tell)
		if err != nil {
			return err
		}
		defer d.broken(nil)
		defer d.close(ctx)
		if !first.conv.IsPresence() {
			if err := d.open(ctx, first); err != nil {
				return err
			}
		}
		read := messages(saying, func(at place, b chat.Body) error { return d.say(saying, at, b) })
		d.await(saying)
		d.giveUp()
		d.leave(ctx)
		d.close(ctx)
		said, left, unknown := d.outcome()
		switch refused := d.refusal(); {
		case ctx.Err() != nil:
			return p.unsent(left, said, f, codeInterrupted, chat.PeerID{})
		case saying.Err() != nil:
			return context.Cause(saying)
		case refused != nil:
			return refused
		case read != nil:
			return read
		case !unknown.IsZero():
			return p.unsent(left, said, f, codeNotFound, unknown)
		}
		return p.unsent(left, said, f, codeFailure, unknown)
	})
}

// unsent is the error of messages that did not get far enough, perhaps because nobody
// knows where a peer is.
func (p *program) unsent(left, said int, f sendFlags, code int, unknown chat.PeerID) error {
	if left == 0 {
		if code == codeInterrupted {
			return errInterrupted
		}
		return nil
	}
	word := string(f.until)
	if f.until == untilHeld {
		word = "held by anybody"
	}
	verb, hint := "were", "--wait 1m waits longer"
	if left == 1 {
		verb = "was"
	}
	text := fmt.Sprintf("%d of %d %s not %s", left, said, verb, word)
	if !unknown.IsZero() {
		text += fmt.Sprintf(": peer %s was not found", unknown)
		hint = notFoundHint
	}
	if p.settings.History {
		hint = "it is kept, and goes out as soon as somebody is there; " + hint
	}
	return &fault{text: text, hint: hint, code: code}
}
