package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/identity"
)

const (
	// ownerPatience is how long a process that holds the folder may take until its
	// node answers: it is about to begin or to end.
	ownerPatience = 5 * time.Second
	// ownerPoll is how often that is looked at.
	ownerPoll = 20 * time.Millisecond
)

// A session is a face's way to the node of the data folder, in this process or in
// another. When the other ends, this one becomes the node.
type session struct {
	*api.Client
	p      *program
	folder *identity.Folder
	info   api.NodeInfo // as it was at the beginning
	kept   chat.Text    // the name that the folder had then

	mu     sync.Mutex
	own    *owner // nil while another process has the node
	closed bool
	failed string // why this process did not become the node, as it was last said
}

// withSession runs f with the folder's node, which is started if none runs.
func (p *program) withSession(ctx context.Context, f func(*session) error) error {
	folder, err := p.folder()
	if err != nil {
		return err
	}
	s := &session{p: p, folder: folder}
	if err := s.open(ctx); err != nil {
		return errors.Join(err, s.close())
	}
	return errors.Join(f(s), s.close())
}

// withRunning runs f with the folder's node if there is one, and reports whether
// there is.
func (p *program) withRunning(ctx context.Context, folder *identity.Folder, f func(*session) error) (running bool, err error) {
	s := &session{p: p, folder: folder}
	if err = s.dial(ctx, api.Options{}); errors.Is(err, api.ErrNoNode) {
		return false, nil
	}
	if err != nil {
		return true, err
	}
	return true, errors.Join(f(s), s.close())
}

// open becomes the node, or finds it.
func (s *session) open(ctx context.Context) error {
	with := s.p.nodeSettings()
	for end := time.Now().Add(ownerPatience); ; {
		o, err := s.p.own(ctx, s.folder, false, with)
		switch {
		case err == nil:
			s.own = o
		case !errors.Is(err, identity.ErrInUse):
			return err
		}
		inUse := err
		err = s.dial(ctx, api.Options{Lost: s.lost})
		if s.own == nil && errors.Is(err, api.ErrNoNode) {
			if time.Now().Before(end) && pause(ctx, ownerPoll) {
				continue
			}
			return inUse
		}
		s.kept, _ = s.folder.Name() // if it cannot be read, the node says so
		if err == nil && s.own == nil {
			err = s.attached()
		}
		return err
	}
}

func (s *session) dial(ctx context.Context, o api.Options) (err error) {
	c, err := api.Dial(ctx, s.folder.Dir(), o)
	if err != nil {
		return err
	}
	s.Client, s.info = c, c.Found()
	return nil
}

// attached does for a node that runs already what flags ask for, and says of the
// others that they ask in vain.
func (s *session) attached() error {
	if s.info.Seed {
		return usage(fmt.Sprintf("a seed runs on %s, as process %d, and a seed talks in no conversation", s.folder.Dir(), s.info.PID),
			"give this one its own folder with --data DIR")
	}
	if name := s.p.settings.Name; s.p.flags.set.Changed("name") && name != s.info.Name.Text {
		if err := s.SetName(name); err != nil {
			return err
		}
		s.info.Name.Text = name
	}
	s.p.flags.set.Visit(func(f *pflag.Flag) {
		if nodeFlags()[f.Name] {
			s.p.say("--%s has no effect: the node runs already, as process %d", f.Name, s.info.PID)
		}
	})
	return nil
}

// lost becomes the node when the one before has ended, unless another face does.
func (s *session) lost(ctx context.Context, _ bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.own != nil {
		return
	}
	with, err := carried(s.folder)
	if err != nil { // it was lost, or is damaged
		with, err = s.p.nodeSettings(), nil
	}
	if now, bad := s.folder.Name(); bad == nil && now == s.kept && !s.p.flags.set.Changed("name") {
		with.name = s.p.settings.Name // nobody has taken another one since
	}
	if err == nil {
		s.own, err = s.p.own(ctx, s.folder, false, with)
	}
	if err == nil || errors.Is(err, identity.ErrInUse) || ctx.Err() != nil {
		return
	}
	if line, _ := explain(err, s.p.flags.verbose); line != s.failed {
		s.failed = line
		s.p.say("this process cannot become the node: %s", line)
	}
}

// close ends the face, and the node if it is ours.
func (s *session) close() (err error) {
	if s.Client != nil {
		err = s.Client.Close() // after it nobody calls lost
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.own != nil {
		err = errors.Join(err, s.own.close())
		s.own = nil
	}
	return err
}

// whoAmI names this node's person: nick and peer ID.
func (s *session) whoAmI() string {
	if s.info.Name.Empty() {
		return s.Self().String()
	}
	return s.info.Name.Line() + " (" + s.Self().String() + ")"
}

// pause waits, and reports whether ctx lasts.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
