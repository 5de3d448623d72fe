package line

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// Why no more lines are sent. Other errors end the talk at once.
var (
	errStalled = errors.New("the node takes no more")
	errLeft    = errors.New("the other side has left")
)

// A talk sends what the input says. The goroutine of Run owns it.
type talk struct {
	cfg    Config
	screen *screen
	res    Result
	last   int // the number of the line last said
}

// run sends lines while there are any, and then waits as far as it must. Its
// error is that of ctx or of the node.
func (t *talk) run(ctx context.Context) error {
	// live ends, too, when the other side has left: nobody is there to wait for.
	live, cancel := context.WithCancel(ctx)
	defer cancel()
	if !t.cfg.Follow {
		defer context.AfterFunc(t.screen.over, cancel)()
	}
	switch err := t.send(live); {
	case ctx.Err() != nil:
		return t.interrupted(ctx)
	case errors.Is(err, io.EOF), errors.Is(err, errQuit):
		if err := t.handOver(live); err != nil {
			return err
		}
		if t.cfg.Follow && errors.Is(err, io.EOF) {
			<-ctx.Done()
		}
		if ctx.Err() != nil {
			return t.interrupted(ctx)
		}
		return nil
	case errors.Is(err, errStalled):
		t.res.Unread = true
		return t.countNow(live)
	case errors.Is(err, errLeft):
		return t.count(live, false)
	default:
		return err
	}
}

// send sends lines until the input ends (io.EOF), asks to end (errQuit), or
// nothing can be sent any more.
func (t *talk) send(live context.Context) error {
	for lines := readLines(live, t.cfg.In); ; {
		select {
		case l := <-lines:
			if err := t.obey(live, l); err != nil {
				return err
			}
		case <-live.Done():
			return errLeft
		}
	}
}

// obey does what one line asks for. Its error ends the sending.
func (t *talk) obey(live context.Context, l inputLine) error {
	var c command
	err := l.err
	switch {
	case errors.Is(err, io.EOF):
		return err
	case err == nil:
		c, err = parse(l.line, t.cfg.JSON)
	case !errors.Is(err, chat.ErrTooLong):
		return fmt.Errorf("read the input: %w", err)
	}
	if errors.Is(err, errQuit) {
		return err
	}
	if err == nil {
		switch c.verb {
		case "say":
			var body chat.Body
			if body, err = t.body(live, c); err == nil {
				return t.say(live, l.num, body)
			}
		case "topic":
			err = t.topic(live)
		case "read":
			err = t.markRead(c.ref)
		case "nick":
			err = t.rename(live, c.arg)
		case "who":
			err = t.who(live)
		case "net":
			err = t.net(live)
		case "help":
			t.screen.ask(live, func() {
				for _, l := range help() {
					t.screen.say("%s", l)
				}
			})
		}
	}
	if live.Err() != nil {
		return errLeft
	}
	if err != nil {
		t.res.Rejected++
		t.screen.ask(live, func() { t.screen.rejected(l.num, err) })
	}
	return nil
}

// body is what a command says, about the message it names. One's own messages
// have names once the node has taken them, so those just said are waited for.
func (t *talk) body(live context.Context, c command) (chat.Body, error) {
	if !c.body.Kind.HasTarget() {
		return c.body, nil
	}
	if !t.caughtUp(live) {
		return chat.Body{}, errors.New("what was said before it is not stored yet (hint: try again)")
	}
	target, err := t.screen.recall.pick(c.ref, c.body.Kind == chat.KindEdit || c.body.Kind == chat.KindDelete)
	if err != nil {
		return chat.Body{}, err
	}
	return c.resolve(target)
}

// caughtUp waits, at most Wait, until the node has taken all that was said.
func (t *talk) caughtUp(live context.Context) bool {
	ctx, cancel := context.WithTimeout(live, t.cfg.wait())
	defer cancel()
	return t.screen.recall.await(ctx, t.last)
}

// say hands a message to the node. That takes it at once unless very much waits
// already; what it does not take for as long as Wait, it will not.
func (t *talk) say(live context.Context, num int, body chat.Body) error {
	ctx := live
	if !t.cfg.Follow {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(live, t.cfg.wait())
		defer cancel()
	}
	key := strconv.Itoa(num)
	t.screen.tally.say(num)
	err := t.cfg.Chat.Say(ctx, t.cfg.Conversation, chat.Draft{Key: key, Body: body})
	if err == nil {
		t.res.Said++
		t.last = num
		return nil
	}
	t.screen.tally.drop(key)
	switch {
	case live.Err() != nil:
		return errLeft
	case ctx.Err() != nil:
		return errStalled
	}
	return err
}

func (t *talk) rename(ctx context.Context, arg string) error {
	name, err := chat.NewNick(arg)
	if err == nil {
		err = t.cfg.Chat.SetName(name)
	}
	if err == nil {
		t.screen.ask(ctx, func() { t.screen.renamed(name) })
	}
	return err
}

func (t *talk) who(ctx context.Context) error {
	members, err := t.cfg.Chat.Members(ctx, t.cfg.Conversation)
	if err == nil {
		t.screen.ask(ctx, func() { t.screen.who(members) })
	}
	return err
}

// net shows how this node is connected.
func (t *talk) net(ctx context.Context) error {
	lines, err := t.cfg.Chat.Net(ctx, t.cfg.JSON)
	if err == nil {
		t.screen.ask(ctx, func() { t.screen.net(lines) })
	}
	return err
}

// topic shows the topic.
func (t *talk) topic(ctx context.Context) error {
	t.caughtUp(ctx) // the user may just have set it
	m := t.screen.recall.lastTopic()
	if t.cfg.Topic != nil {
		var err error
		if m, err = t.cfg.Topic(ctx, t.cfg.Conversation); err != nil {
			return err
		}
	}
	t.screen.ask(ctx, func() { t.screen.showTopic(m) })
	return nil
}

// markRead marks a private talk as read up to a message.
func (t *talk) markRead(ref string) error {
	if !t.cfg.Conversation.IsDirect() {
		return errors.New("only in private it is told what was read")
	}
	id, err := t.screen.recall.pick(ref, false)
	if err == nil {
		t.cfg.Chat.MarkRead(t.cfg.Conversation, id)
	}
	return err
}

// handOver waits until somebody else holds all that was said, at most Wait. A
// private talk waits for its connection even without a word: that it stands is
// what was asked for.
func (t *talk) handOver(live context.Context) error {
	ctx, cancel := context.WithTimeout(live, t.cfg.wait())
	defer cancel()
	defer time.AfterFunc(queuedFor, func() { t.screen.ask(ctx, t.screen.waits) }).Stop()
	if t.cfg.Conversation.IsDirect() {
		select {
		case <-t.screen.met.Done():
		case <-ctx.Done():
		}
	}
	return t.count(ctx, true)
}

// count waits until nothing that was said here is left to hand over, or ctx ends,
// and notes what is. Asked is set if there is time to ask what became of messages.
func (t *talk) count(ctx context.Context, asked bool) error {
	if t.res.Said == 0 {
		return nil
	}
	left, err := t.settle(ctx)
	sure := false
	switch {
	case err == nil:
		sure = t.tallied(ctx, asked)
	case ctx.Err() != nil:
		err = nil
	default:
		left = t.res.Said
	}
	here, unknown := t.screen.tally.left()
	t.res.Left = min(left, here+unknown) // it is of all faces; or events were missed
	if sure {
		t.res.Left = here + min(max(0, left-here), unknown)
	}
	return err
}

// tallied waits until all that is told is tallied, and reports whether the tally is
// right then: the node has nothing left to do. What is still not held, or was
// missed, a node has not handed over before it ended: the next one settles only what
// was said to it, and goes on with this by itself.
func (t *talk) tallied(ctx context.Context, asked bool) bool {
	if asked {
		t.screen.drain(ctx)
	}
	if t.screen.tally.complete() {
		return true
	}
	if !asked || t.cfg.State == nil {
		return false
	}
	for _, id := range t.screen.tally.unsure() {
		state, err := t.cfg.State(ctx, id)
		if err != nil {
			return false
		}
		t.screen.tally.delivery(chat.Delivery{ID: id, State: state})
	}
	t.screen.tally.awaitKnown(ctx)
	return true
}

// settle waits as Chat.Settle does, but no longer than until all that was said here
// is known to be held or to have failed.
func (t *talk) settle(ctx context.Context) (left int, err error) {
	settling, cancel := context.WithCancel(ctx)
	var known sync.WaitGroup
	defer known.Wait()
	defer cancel()
	var over atomic.Bool
	known.Go(func() {
		if t.screen.tally.await(settling) {
			over.Store(true)
			cancel()
		}
	})
	left, err = t.cfg.Chat.Settle(settling, t.cfg.Conversation)
	if err != nil && over.Load() {
		here, unknown := t.screen.tally.left()
		return here + unknown, nil
	}
	return left, err
}

// countNow notes what is not handed over.
func (t *talk) countNow(ctx context.Context) error {
	grace, cancel := context.WithTimeout(ctx, lastGrace)
	defer cancel()
	return t.count(grace, false)
}

// interrupted does so when the user ends the talk, which is what ends it.
func (t *talk) interrupted(ctx context.Context) error {
	_ = t.countNow(context.WithoutCancel(ctx))
	return ctx.Err()
}
