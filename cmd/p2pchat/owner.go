package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/node"
)

// An owner is the node of a data folder, in this process: it holds the folder's
// lock and serves the local interface.
type owner struct {
	*node.Node
	cfg  node.Config
	ends []func() error // what was begun, to be ended in the opposite order
}

// own becomes the owner of a folder, with identity.ErrInUse if another process is.
func (p *program) own(ctx context.Context, folder *identity.Folder, seed bool, with nodeSettings) (_ *owner, err error) {
	o := new(owner)
	defer func() {
		if err != nil {
			err = errors.Join(err, o.close())
		}
	}()
	unlock, err := folder.Lock()
	if err != nil {
		return nil, err
	}
	o.later(unlock)
	if o.cfg, err = p.configWith(folder, seed, with); err != nil {
		return nil, err
	}
	if seed {
		return o, p.runOwner(ctx, o, folder, nil, nil)
	}
	db, err := p.ownHistory(ctx, o, folder, with)
	if err != nil {
		return nil, err
	}
	nicks, err := folder.Nicks()
	if err != nil {
		return nil, err
	}
	o.cfg.Nick = func(id chat.PeerID) (chat.Text, bool) {
		nick := nicks.Of(id)
		return nick, !nick.Empty()
	}
	if o.cfg.Requested, err = p.noteRequests(folder); err != nil {
		return nil, err
	}
	if err := p.runOwner(ctx, o, folder, db, nicks); err != nil {
		return nil, err
	}
	return o, with.save(folder)
}

// ownHistory opens the log that the node writes.
func (p *program) ownHistory(ctx context.Context, o *owner, folder *identity.Folder, with nodeSettings) (messageLog, error) {
	_, self, err := folder.Key()
	if err != nil {
		return nil, err
	}
	if with.NoHistory {
		mem := history.NewMemory(history.Config{Self: self})
		o.cfg.History = mem
		return mem, nil
	}
	db, err := p.openHistory(ctx, folder, self)
	if err != nil {
		return nil, err
	}
	o.later(db.Close)
	o.beside(ctx, func(ctx context.Context) { p.prune(ctx, db) })
	o.cfg.History = db
	return db, nil
}

// runOwner starts the node and serves it. A seed has no log and keeps no nicks.
func (p *program) runOwner(ctx context.Context, o *owner, folder *identity.Folder, log messageLog, nicks *identity.Nicks) (err error) {
	if o.Node, err = p.start(ctx, folder, o.cfg); err != nil {
		return err
	}
	o.later(func() error { return o.Close(context.WithoutCancel(ctx)) })
	if nicks != nil {
		events := o.Subscribe()
		o.later(func() error {
			_ = nicks.Save() // a cache: what is lost comes again
			return nil
		})
		o.beside(ctx, func(ctx context.Context) {
			defer events.Close()
			keepNicks(ctx, events, nicks, o.cfg.ContactName)
		})
	}
	events := o.Subscribe()
	o.later(func() error { events.Close(); return nil })
	cfg := api.Config{
		Node: o.Node, Events: events, Folder: folder, Version: version(), Seed: o.cfg.Seed, Log: o.cfg.Log,
		Facts: func(ctx context.Context) *node.FolderFacts {
			facts := new(node.FolderFacts)
			p.inspect(ctx, folder, facts)
			return facts
		},
	}
	if log != nil { // an interface that holds a nil one is not nil
		cfg.History = log
	}
	server, err := api.Serve(ctx, cfg)
	if err != nil {
		return err
	}
	o.later(server.Close)
	return nil
}

// later has something ended, after all that is begun from now on.
func (o *owner) later(end func() error) { o.ends = append(o.ends, end) }

// beside runs f beside the node, until it is the turn of that to end.
func (o *owner) beside(ctx context.Context, f func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { f(ctx) })
	o.later(func() error {
		cancel()
		running.Wait()
		return nil
	})
}

// close ends the node politely and frees the folder.
func (o *owner) close() (err error) {
	for len(o.ends) > 0 {
		last := len(o.ends) - 1
		err = errors.Join(err, o.ends[last]())
		o.ends = o.ends[:last]
	}
	if err != nil {
		return fmt.Errorf("end the node: %w", err)
	}
	return nil
}
