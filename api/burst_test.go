package api

import (
	"context"
	"fmt"
	"sync"
	"testing"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
	"github.com/p2pchat/p2pchat/node"
)

// What a burst of 10,000 messages costs a node that is not served, that is and that
// nobody reads, and that one face and four read.
func BenchmarkBurstOfNode(b *testing.B) {
	for _, readers := range []int{-1, 0, 1, 4} {
		name := fmt.Sprint(readers, " readers")
		if readers < 0 {
			name = "not served"
		}
		b.Run(name, func(b *testing.B) {
			folder := folderOf(b, b.TempDir()+"/data")
			key, self, err := folder.Key()
			if err != nil {
				b.Fatal(err)
			}
			db, _, err := history.Open(context.Background(), folder.Dir()+"/history.db", history.Config{Self: self})
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			n, err := node.Start(context.Background(), node.Config{
				Key: key, Listen: []ma.Multiaddr{ma.StringCast("/ip4/127.0.0.1/tcp/0")}, NoMDNS: true, NoPortMapping: true,
				History: db,
			})
			if err != nil {
				b.Fatal(err)
			}
			defer n.Close(context.Background())
			if readers >= 0 {
				defer readBy(b, readers, Config{Node: n, Events: n.Subscribe(), Folder: folder})()
			}
			sub := n.Subscribe()
			defer sub.Close()
			if err := n.Join(context.Background(), "lobby"); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				burst(b, n, sub, 10_000)
			}
		})
	}
}

// readBy serves a node to faces that read all, until end is called.
func readBy(b *testing.B, readers int, cfg Config) (end func()) {
	s, err := Serve(context.Background(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	var reading sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	for range readers {
		c, err := Dial(ctx, cfg.Folder.Dir(), Options{})
		if err != nil {
			b.Fatal(err)
		}
		st, err := c.Events(ctx)
		if err != nil {
			b.Fatal(err)
		}
		reading.Go(func() {
			defer c.Close()
			for err := error(nil); err == nil; {
				_, err = st.Next(ctx)
			}
		})
	}
	return func() {
		stop()
		reading.Wait()
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	}
}

// burst says n messages, and waits until the node has told of all.
func burst(b *testing.B, n *node.Node, sub *node.Subscription, count int) {
	ctx := context.Background()
	var saying sync.WaitGroup
	saying.Go(func() {
		for range count {
			d := chat.Draft{Body: chat.Body{Kind: chat.KindText, Text: apitest.Text(b, "one of many")}}
			if err := n.Say(ctx, chat.InRoom("lobby"), d); err != nil {
				b.Error(err)
				return
			}
		}
	})
	defer saying.Wait()
	for told := 0; told < count; {
		evs, err := sub.Next(ctx)
		if err != nil {
			b.Fatal(err)
		}
		for _, ev := range evs {
			if _, ok := ev.(chat.Message); ok {
				told++
			}
		}
	}
}
