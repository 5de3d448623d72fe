package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/node"
)

// bootstrap runs a seed until it is told to end, which is how it should end.
func (p *program) bootstrap(ctx context.Context) error {
	err := p.withNode(ctx, true, func(r *running) error {
		events := r.Subscribe()
		defer events.Close()
		for _, a := range r.Addrs() {
			if err := p.print(a); err != nil {
				return fmt.Errorf("print addresses: %w", err)
			}
		}
		fmt.Fprintln(p.err, "ready")
		return p.notices(ctx, events)
	})
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// notices shows what concerns the node itself until ctx ends, whose error it
// returns.
func (p *program) notices(ctx context.Context, events *node.Subscription) error {
	for {
		evs, err := events.Next(ctx)
		for _, ev := range evs {
			p.notice(ev)
		}
		if err != nil {
			return err
		}
	}
}

// notice shows an event if it is one that concerns the node itself.
func (p *program) notice(ev chat.Event) {
	n, ok := ev.(chat.Notice)
	if !ok || n.Conversation != (chat.Conversation{}) {
		return
	}
	if p.flags.verbose && n.Detail != "" {
		p.say("%s (%s)", n.Text, n.Detail)
		return
	}
	p.say("%s", n.Text)
}
