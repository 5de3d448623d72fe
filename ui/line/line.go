package line

import (
	"cmp"
	"context"
	"io"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/names"
)

// Chat is all this face needs of a running node.
type Chat interface {
	// Self is the own identity.
	Self() chat.PeerID
	// Say hands a message over; it may wait.
	Say(ctx context.Context, conv chat.Conversation, d chat.Draft) error
	// Settle waits until somebody else holds all that was said, by other faces
	// too, or it failed, or ctx ends, and in any case returns how many messages
	// nobody holds. When it returns nil, Events has what happened before, unless it
	// is not read: what became of each message.
	Settle(ctx context.Context, conv chat.Conversation) (left int, err error)
	// Members lists who else is in a conversation.
	Members(ctx context.Context, conv chat.Conversation) ([]chat.Member, error)
	// Net lists how the node is connected, one line for each connection and, for
	// people, one above them; or, with asJSON, one object for each. It may take
	// some seconds.
	Net(ctx context.Context, asJSON bool) ([]string, error)
	// SetName changes the own nickname.
	SetName(name chat.Text) error
	// MarkRead says that a person has read a private conversation up to a message.
	MarkRead(conv chat.Conversation, id chat.MessageID)
}

// Events is where events come from, in order.
type Events interface {
	// Next waits for events and returns all there are. Events that are there
	// come before the error of a ctx that has ended.
	Next(ctx context.Context) ([]chat.Event, error)
}

// A Person is somebody the user has a name for.
type Person = names.Person

// Config configures a Run. Chat, Events, In, Out and Err are required.
type Config struct {
	Chat         Chat
	Events       Events
	Conversation chat.Conversation
	In           io.Reader
	Out, Err     io.Writer
	// JSON prints every event as an object, and reads objects too.
	JSON bool
	// Follow goes on until ctx ends: after the end of the input, and after the
	// other side of a private talk has left.
	Follow bool
	// Verbose tells more about deliveries and troubles.
	Verbose bool
	// Wait is how long to wait at the end of the input until everything is
	// handed over, and how long a message may wait to be taken. If zero, 10
	// seconds.
	Wait time.Duration
	// Name is the own nickname.
	Name chat.Text
	// Known are people whose names nobody else is shown with.
	Known []Person
	// Topic finds the message that set a conversation's topic, or one of no kind.
	// If nil, the topic is what the screen has seen.
	Topic func(ctx context.Context, conv chat.Conversation) (chat.Message, error)
	// Invite is the command line that somebody else can run to come here.
	Invite string
	// Past are the last messages of the conversation, oldest first, as a page of
	// history has them: they are shown before anything else.
	Past []chat.Message
	// Present are those who are there already, if the node does not tell so by events
	// because another face has the conversation open. They are told first; in JSON,
	// after Ready.
	Present []chat.Member
	// Page returns messages of the conversation after one, the oldest first and as
	// the live stream has them (edits as messages of their own), as many as a page
	// has: none at the end. After a zero ID it returns the newest. With it, what was
	// missed because this face was too slow, or another process took the node over,
	// is shown. If nil, the user is told where it is found.
	Page func(ctx context.Context, after chat.MessageID) ([]chat.Message, error)
	// State tells how far an own message of the conversation got. With it, Result.Left
	// is right also after another process took the node over. If nil, what is not
	// known to be held counts as handed over then.
	State func(ctx context.Context, id chat.MessageID) (chat.DeliveryState, error)
	// MarkRead is set when a person looks at Out: in a private conversation what
	// was printed then counts as read. In JSON only the input says what was read.
	MarkRead bool
	// Leave leaves the conversation. What is said until it returns is shown: the
	// other side was told that we have it. So Events must have all that by then,
	// unless it is not read. If nil, nobody leaves.
	Leave func(context.Context) error
}

func (c Config) wait() time.Duration { return cmp.Or(c.Wait, 10*time.Second) }

// marks reports whether what is printed counts as read.
func (c Config) marks() bool { return c.MarkRead && !c.JSON && c.Conversation.IsDirect() }

// A Result says how a talk ended.
type Result struct {
	// Said is how many messages were given to the node.
	Said int
	// Left is how many of them nobody else is known to hold.
	Left int
	// Rejected is how many lines of input were not obeyed, or were not accepted
	// by the node afterwards; each was told.
	Rejected int
	// Unread is set when the input was given up before its end, because the
	// node took no more for as long as Config.Wait.
	Unread bool
	// Connected is set when somebody else was there at any time.
	Connected bool
	// Over is set when the other side of a private talk said goodbye or refused.
	Over bool
	// NotFound is set when nobody knew where the peer of a private talk is.
	NotFound bool
	// Refused is set when the other side refused, for Reason.
	Refused bool
	Reason  string
}

// lastGrace is how long an interrupted run asks what was not handed over, and
// then waits for an output that takes nothing.
const lastGrace = 500 * time.Millisecond

// leaveGrace bounds Config.Leave and what follows.
const leaveGrace = 3 * time.Second

// Run shows events and sends lines until the input ends (and what it gave is
// handed over) or asks to, the other side of a private talk says goodbye, an
// output cannot be written, or ctx ends, whose error it then returns. It leaves
// one goroutine behind that waits in cfg.In.Read, which nothing but its input
// can end; and, interrupted while cfg.Out or cfg.Err takes nothing, one that
// waits for that.
func Run(ctx context.Context, cfg Config) (Result, error) {
	s := newScreen(cfg)
	talking, give := context.WithCancel(ctx)
	defer give()
	showing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	shown := make(chan error, 1)
	seeing, blind := context.WithCancel(context.WithoutCancel(ctx))
	defer blind()
	go func() {
		defer blind()
		err := s.follow(showing)
		if err != nil {
			give() // there is no use in going on unseen
		}
		shown <- err
	}()

	t := talk{cfg: cfg, screen: s}
	err := t.run(talking)
	s.leave(seeing)
	stop()
	showErr, seen := awaitScreen(ctx, shown)
	if seen {
		s.report(&t.res)
	}
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case showErr != nil:
		err = showErr
	}
	return t.res, err
}

// leave leaves the conversation while what comes is still shown.
// When nothing can be shown, nothing is waited for.
func (s *screen) leave(seeing context.Context) {
	if s.cfg.Leave == nil || seeing.Err() != nil {
		return
	}
	s.leaving.Store(true)
	ctx, cancel := context.WithTimeout(seeing, leaveGrace)
	defer cancel()
	_ = s.cfg.Leave(ctx) // who is not said goodbye to will notice
}

// awaitScreen waits until all is shown: a slow reader of our output gets it
// all, but may not keep an interrupted program.
func awaitScreen(ctx context.Context, shown <-chan error) (err error, seen bool) {
	select {
	case err := <-shown:
		return err, true
	case <-ctx.Done():
	}
	grace := time.NewTimer(lastGrace)
	defer grace.Stop()
	select {
	case err := <-shown:
		return err, true
	case <-grace.C:
		return nil, false
	}
}
