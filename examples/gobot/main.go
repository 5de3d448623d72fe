// Command gobot answers !ping with pong, in the rooms that it is given. It is a face
// like others of the node that runs on the data folder, and goes on with the next
// one when that ends.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/identity"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "gobot:", err)
		os.Exit(1)
	}
}

// run answers in rooms until ctx ends.
func run(ctx context.Context, rooms []string) error {
	dir, err := identity.DefaultDir(os.Getenv)
	if err != nil {
		return err
	}
	node, err := api.Dial(ctx, dir, api.Options{})
	if err != nil {
		return err
	}
	defer node.Close()
	events, err := node.Events(ctx) // before Join, so that nothing is missed
	if err != nil {
		return err
	}
	defer events.Close()
	for _, name := range rooms {
		room, err := chat.ParseRoomName(name)
		if err != nil {
			return err
		}
		if _, err := node.Join(ctx, room); err != nil {
			return err
		}
	}
	for {
		all, err := events.Next(ctx)
		if err != nil {
			return err
		}
		for _, ev := range all {
			if err := answer(ctx, node, ev); err != nil {
				fmt.Fprintln(os.Stderr, "gobot:", err) // and go on: a node may come again
			}
		}
	}
}

// answer answers a message that is a ping, and nothing else.
func answer(ctx context.Context, node *api.Client, ev chat.Event) error {
	m, ok := ev.(chat.Message)
	if !ok || m.Mine || m.Old || m.Kind != chat.KindText || m.Text.Raw() != "!ping" {
		return nil
	}
	text, err := chat.NewText("pong")
	if err != nil {
		return err
	}
	reply, err := chat.NewReply(m.ID, text)
	if err != nil {
		return err
	}
	_, err = node.Send(ctx, m.Conversation, reply)
	return err
}
