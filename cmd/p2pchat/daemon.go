package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/chat"
)

func (p *program) daemonCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "daemon [CONVERSATION...]",
		Short: "Run the node without a face",
		Long: `Run the node of the data folder without showing anything, in these conversations
and those of the settings, until it is told to end. Other commands use it: join,
dial, send, tail and status find it by themselves.

If a node of the folder runs already, this process waits, and becomes the node
when that ends. contrib/p2pchat.service is a unit for systemd.

` + placeHelp,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: p.completeConversations,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.daemon(cmd.Context(), args)
		},
	}
}

func (p *program) daemon(ctx context.Context, args []string) error {
	folder, err := p.folder()
	if err != nil {
		return err
	}
	places, err := placesOf(folder, append(p.openRooms(), args...))
	if err != nil {
		return err
	}
	err = p.withSession(ctx, func(s *session) error {
		events, err := s.Events(ctx)
		if err != nil {
			return err
		}
		defer events.Close()
		if err := s.openPlaces(ctx, places); err != nil {
			return err
		}
		if s.info.PID != 0 && !s.owns() {
			p.say("the node runs already, as process %d; this one goes on when that ends", s.info.PID)
		}
		fmt.Fprintln(p.err, "ready")
		return p.notices(ctx, events)
	})
	if ctx.Err() != nil {
		return nil // which is how it should end
	}
	return err
}

// owns reports whether this process runs the node.
func (s *session) owns() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.own != nil
}

// openRooms are those that the settings name.
func (p *program) openRooms() (all []string) {
	for _, r := range p.settings.Rooms {
		all = append(all, "#"+string(chat.RoomName(r)))
	}
	return all
}
