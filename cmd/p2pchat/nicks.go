package main

import (
	"context"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/node"
)

// nicksEvery is how often the nicks that were heard are saved.
const nicksEvery = 5 * time.Minute

// withNicks runs f while the nicks that the node hears are kept in the folder,
// so that the history shows them when their owners are gone.
func withNicks(ctx context.Context, folder *identity.Folder, n *node.Node, f func() error) error {
	nicks, err := folder.Nicks()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	events, done := n.Subscribe(), make(chan struct{})
	go func() {
		defer close(done)
		keepNicks(ctx, events, nicks)
	}()
	err = f()
	cancel()
	<-done
	events.Close()
	_ = nicks.Save() // a cache: what is lost comes again
	return err
}

// keepNicks notes nicks until ctx ends.
func keepNicks(ctx context.Context, events *node.Subscription, nicks *identity.Nicks) {
	saved := time.Now()
	for {
		evs, err := events.Next(ctx)
		now := time.Now()
		for _, ev := range evs {
			switch ev := ev.(type) {
			case chat.Member:
				if ev.Online {
					nicks.Note(ev.Peer, ev.Nick, now)
				}
			case chat.Message:
				nicks.Note(ev.Author, ev.Nick, now)
			}
		}
		if err != nil {
			return
		}
		if now.Sub(saved) >= nicksEvery {
			_ = nicks.Save() // it is tried again
			saved = now
		}
	}
}
