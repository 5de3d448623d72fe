package line

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/names"
)

// TailConfig configures Tail. Events and Out are required.
type TailConfig struct {
	Events Events
	// Out gets messages, and Err, which may be nil, what is said about the node.
	Out, Err io.Writer
	// JSON prints that it listens, then messages as objects, and a notice where
	// something was missed.
	JSON bool
	// Conversations are those shown. If empty, all are; then the words of somebody
	// unknown, who waits for an answer, are shown in JSON only.
	Conversations []chat.Conversation
	// Past is shown first, in this order.
	Past []chat.Message
	// Self and Name are the own identity and nickname, which nobody else is shown
	// with; nor with the names of Known.
	Self  chat.PeerID
	Name  chat.Text
	Known []Person
	// Addrs are those of the node, for the JSON that says that it listens.
	Addrs []string
	// Page is Config.Page for any conversation. If nil, the user is told where to
	// find what was missed.
	Page func(ctx context.Context, conv chat.Conversation, after chat.MessageID) ([]chat.Message, error)
	// All lists the conversations there are now, for Page where Conversations is
	// empty. If nil, it is those in which something was shown.
	All func(context.Context) ([]chat.Conversation, error)
}

// maxTailed bounds the conversations remembered, for quoting.
const maxTailed = 256

// Tail prints messages as they come, each with its day and conversation, until ctx
// ends, whose error it then returns, or the output cannot be written. It leaves one
// goroutine behind if ctx ends while Out takes nothing.
func Tail(ctx context.Context, cfg TailConfig) error {
	t := &tail{
		cfg: cfg, me: cfg.Name, hold: newHold(), shown: newShown(time.Now()), told: make(map[chat.Conversation]*tailed),
		names: names.New(Person{Peer: cfg.Self, Name: cfg.Name}, cfg.Known),
	}
	done := make(chan error, 1)
	go func() { done <- t.run(ctx) }()
	err, _ := awaitScreen(ctx, done)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// A tail prints messages of many conversations. The goroutine of run owns it.
type tail struct {
	cfg   TailConfig
	me    chat.Text // the own nick
	hold  *hold
	shown *shown
	names *names.Names
	told  map[chat.Conversation]*tailed
	out   []byte // what is to be written
	// broken is why nothing can be written any more.
	broken error
}

// A tailed is what is remembered of one conversation.
type tailed struct {
	recall *recall
	edge   edge
	nick   chat.Text // the other's, of a private one
}

func (t *tail) run(ctx context.Context) error {
	if t.cfg.JSON { // from here on nothing is missed
		t.out = object(chat.Ready{Peer: t.cfg.Self, Addrs: t.cfg.Addrs})
	}
	for _, m := range t.cfg.Past {
		t.message(m)
	}
	if err := t.flush(); err != nil {
		return err
	}
	for {
		evs, err := t.next(ctx)
		now := time.Now()
		for _, ev := range evs {
			if m, ok := ev.(chat.Message); ok && !t.wants(m) {
				continue
			}
			if err := t.show(ctx, t.hold.add(now, ev)); err != nil {
				return err
			}
		}
		if err != nil {
			now = now.Add(nickFor) // nothing is waited for any more
		}
		if err := t.show(ctx, t.hold.due(now)); err != nil {
			return err
		}
		if err := cmp.Or(t.flush(), err); err != nil {
			return err
		}
	}
}

// next waits for events, or until one that waits for a nick has waited enough.
func (t *tail) next(ctx context.Context) ([]chat.Event, error) {
	wait := ctx
	if len(t.hold.events) > 0 {
		var cancel context.CancelFunc
		wait, cancel = context.WithDeadline(ctx, t.hold.until)
		defer cancel()
	}
	evs, err := t.cfg.Events.Next(wait)
	switch {
	case err == nil || ctx.Err() == nil && wait.Err() != nil:
		return evs, nil
	case ctx.Err() != nil:
		return evs, ctx.Err()
	}
	return evs, fmt.Errorf("wait for events: %w", err)
}

// wants reports whether a message is shown.
func (t *tail) wants(m chat.Message) bool {
	if len(t.cfg.Conversations) > 0 {
		return slices.Contains(t.cfg.Conversations, m.Conversation)
	}
	return t.cfg.JSON || !m.Request
}

func (t *tail) show(ctx context.Context, evs []chat.Event) error {
	for _, ev := range evs {
		switch ev := ev.(type) {
		case chat.Message:
			t.message(ev)
		case chat.Member:
			if ev.Conversation.IsDirect() && t.told[ev.Conversation] != nil {
				t.told[ev.Conversation].nick = ev.Nick
			}
		case chat.Notice:
			t.notice(ctx, ev)
		}
		if len(t.out) >= writeSize {
			if err := t.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// message prints a message, once.
func (t *tail) message(m chat.Message) {
	if !t.shown.first(m.ID) {
		return
	}
	c := t.of(m.Conversation)
	c.edge.note(m)
	if t.cfg.JSON {
		t.out = append(t.out, object(m)...)
		return
	}
	if m.Author == m.Conversation.Peer && !m.Nick.Empty() {
		c.nick = m.Nick
	}
	if renamedTo(m, t.me) {
		t.me = m.Nick
		t.names.Know(Person{Peer: t.cfg.Self, Name: t.me}, t.cfg.Known)
	}
	teller := teller{t.names, c.recall, dateLayout, " " + t.place(m.Conversation, c.nick)}
	t.out = append(t.out, teller.tell(m)...)
}

// renamedTo reports whether an own message tells that this node's person is not
// called me any more: some face has changed that.
func renamedTo(m chat.Message, me chat.Text) bool {
	return m.Mine && !m.Old && !m.Nick.Empty() && m.Nick != me
}

func (t *tail) of(conv chat.Conversation) *tailed {
	c := t.told[conv]
	if c == nil {
		if len(t.told) >= maxTailed {
			clear(t.told)
		}
		c = &tailed{recall: newRecall()}
		t.told[conv] = c
	}
	return c
}

// place names a conversation: a room by its name, a private one by '@' and whom it
// is with. A room that could be taken for one has a '#' before it.
func (t *tail) place(conv chat.Conversation, nick chat.Text) string {
	if conv.IsDirect() {
		return "@" + t.names.Show(conv.Peer, nick)
	}
	name := chat.SafeString(conv.String())
	if strings.HasPrefix(name, "@") {
		return "#" + name
	}
	return name
}

// notice tells of the node, and shows what was missed.
func (t *tail) notice(ctx context.Context, n chat.Notice) {
	if !n.Conversation.IsPresence() {
		return
	}
	missed := n.Code == chat.NoticeMissed
	if missed && t.cfg.JSON {
		t.out = append(t.out, object(n)...)
	} else {
		t.say(n.Text)
	}
	if missed {
		t.catchUp(ctx)
	}
}

func (t *tail) catchUp(ctx context.Context) {
	if t.cfg.Page == nil {
		t.say("some of what was said may not be shown " + missedHint)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, missedPatience)
	defer cancel()
	convs, err := t.conversations(ctx)
	all := true
	for _, conv := range convs {
		if err != nil {
			break
		}
		page := func(ctx context.Context, after chat.MessageID) ([]chat.Message, error) {
			return t.cfg.Page(ctx, conv, after)
		}
		var whole bool
		whole, err = pager(page).pages(ctx, t.of(conv).edge.after(), t.shown, func(m chat.Message) {
			if t.wants(m) {
				t.message(m)
			}
		})
		all = all && whole
	}
	if words := notAll(all, err); words != "" {
		t.say(words)
	}
}

// conversations are those in which something can have been missed, in a fixed
// order.
func (t *tail) conversations(ctx context.Context) ([]chat.Conversation, error) {
	if len(t.cfg.Conversations) > 0 {
		return t.cfg.Conversations, nil
	}
	if t.cfg.All != nil {
		return t.cfg.All(ctx)
	}
	var all []chat.Conversation
	for conv := range t.told {
		all = append(all, conv)
	}
	slices.SortFunc(all, func(a, b chat.Conversation) int { return strings.Compare(a.String(), b.String()) })
	return all, nil
}

// say tells about the node. That Err cannot be written to loses no message.
func (t *tail) say(text string) {
	if t.cfg.Err != nil {
		_ = t.flush() // it comes again
		fmt.Fprintf(t.cfg.Err, "p2pchat: %s\n", chat.SafeString(text))
	}
}

func (t *tail) flush() error {
	if len(t.out) == 0 || t.broken != nil {
		return t.broken
	}
	if _, err := t.cfg.Out.Write(t.out); err != nil {
		t.broken = fmt.Errorf("write the output: %w", err)
	}
	t.out = t.out[:0]
	return t.broken
}
