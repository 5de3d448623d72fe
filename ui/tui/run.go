package tui

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/p2pchat/p2pchat/chat"
)

// Config configures a Run. Node, In and Out are required.
type Config struct {
	Node Node
	// In and Out are the terminal. In is read until Run returns.
	In  io.Reader
	Out io.Writer
	// Env are the environment's "NAME=value" pairs that say what the terminal can:
	// TERM, COLORTERM, NO_COLOR. Without a TERM, Run refuses.
	Env []string
	// First, if it is not zero, is the conversation to open and to show first. That
	// it cannot be opened is shown, and ends nothing.
	First chat.Conversation
	// Rooms and Open are opened at the start too, beside what is shown; they come
	// first in the list, in this order.
	Rooms []chat.RoomName
	Open  []chat.Conversation
	// Closed, if it is not nil, is told when Run ends by itself what was open then,
	// for the Open of next time.
	Closed func(open []chat.Conversation)
	// Notify says what the person is called for when looking elsewhere.
	Notify Notify
	// DefaultName is offered if no name is set.
	DefaultName string
	// Zone is where the person is. If nil, time.Local.
	Zone *time.Location

	clock func() time.Time // tests
	key   func() string    // tests
}

func (c Config) zone() *time.Location {
	if c.Zone == nil {
		return time.Local
	}
	return c.Zone
}

func (c Config) now() time.Time {
	if c.clock == nil {
		return time.Now()
	}
	return c.clock()
}

// keys is what the keys of this Run's drafts begin with, no other's.
func (c Config) keys() string {
	if c.key == nil {
		return rand.Text()
	}
	return c.key()
}

// ErrDumb says that a terminal cannot show this face: the caller falls back to
// the line face.
var ErrDumb = errors.New("the terminal cannot move its cursor")

// Supports reports whether a terminal of that environment can show this face.
func Supports(env []string) error {
	switch term := lookup(env, "TERM"); term {
	case "", "dumb", "unknown":
		return fmt.Errorf("%w: TERM is %q", ErrDumb, term)
	}
	return nil
}

// lookup is the last value that env gives a name.
func lookup(env []string, name string) (value string) {
	for _, s := range env {
		if v, ok := strings.CutPrefix(s, name+"="); ok {
			value = v
		}
	}
	return value
}

// Run shows the screens until the person quits, and then returns nil; or until
// ctx ends, whose error it then returns. When it returns, the terminal is as it
// was, and no goroutine of its own is left but one that may wait in In.Read if
// In can not be interrupted, as a file or a terminal can. It refuses terminals
// that Supports does not accept, with ErrDumb; a mistake of its own is an ErrPanic, with
// the stack.
func Run(ctx context.Context, cfg Config) error {
	if err := Supports(cfg.Env); err != nil {
		return err
	}
	t := newTasks(ctx)
	defer t.close()
	m := newModel(cfg.Node, cfg, t)
	g := &guard{Model: m}
	p := tea.NewProgram(g, options(cfg)...)
	g.quit = func() { go p.Quit() } // that returns when the program has ended, at the latest
	// Not tea.WithContext: it closes the terminal while that is being read.
	defer context.AfterFunc(ctx, p.Quit)()
	_, err := p.Run()
	if cfg.Closed != nil && g.err == nil && m.opened {
		cfg.Closed(m.openNow())
	}
	switch {
	case g.err != nil:
		return g.err
	case ctx.Err() != nil:
		return ctx.Err()
	default:
		return err
	}
}

// options are those of the program. Signals are the caller's: they end ctx.
func options(cfg Config) []tea.ProgramOption {
	env := cfg.Env
	if env == nil {
		env = []string{} // nil would be the process's
	}
	opts := []tea.ProgramOption{
		tea.WithInput(cfg.In), tea.WithOutput(cfg.Out),
		tea.WithEnvironment(env), tea.WithoutSignalHandler(),
	}
	if lookup(env, "NO_COLOR") != "" { // whatever its value: no-color.org
		opts = append(opts, tea.WithColorProfile(colorprofile.ASCII))
	}
	return opts
}
