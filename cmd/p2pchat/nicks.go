package main

import (
	"context"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/node"
)

// nicksEvery is how often the nicks that were heard are saved.
const nicksEvery = 10 * time.Second

// withNicks runs f while the nicks that the node hears are kept in the folder,
// so that the history shows them when their owners are gone.
// The user's own names for people, whom named reports, are kept elsewhere.
func withNicks(ctx context.Context, nicks *identity.Nicks, n *node.Node, named func(chat.PeerID) (chat.Text, bool), f func() error) error {
	ctx, cancel := context.WithCancel(ctx)
	events, done := n.Subscribe(), make(chan struct{})
	go func() {
		defer close(done)
		keepNicks(ctx, events, nicks, named)
	}()
	err := f()
	cancel()
	<-done
	events.Close()
	_ = nicks.Save() // a cache: what is lost comes again
	return err
}

// keepNicks notes nicks until ctx ends.
func keepNicks(ctx context.Context, events *node.Subscription, nicks *identity.Nicks, named func(chat.PeerID) (chat.Text, bool)) {
	saved := time.Now()
	note := func(p chat.PeerID, nick chat.Text, now time.Time) {
		if _, ok := named(p); !ok {
			nicks.Note(p, nick, now)
		}
	}
	for {
		evs, err := events.Next(ctx)
		now := time.Now()
		for _, ev := range evs {
			switch ev := ev.(type) {
			case chat.Member:
				if ev.Online {
					note(ev.Peer, ev.Nick, now)
				}
			case chat.Message:
				note(ev.Author, ev.Nick, now)
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
