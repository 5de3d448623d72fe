package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/chat"
)

func (p *program) joinCommand() *cobra.Command {
	var t talkFlags
	cmd := &cobra.Command{
		Use:   "join ROOM",
		Short: "Talk in a room",
		Long: `Talk in a room: each line of the input is a message, each message of others is
a line of the output. /help lists the commands, exit leaves. At the end of the
input p2pchat waits until somebody holds all that was written, and leaves:

  echo hello | p2pchat join lobby`,
		Args:              words("ROOM"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			room, err := chat.ParseRoomName(args[0])
			if err != nil {
				return err
			}
			return p.join(cmd.Context(), room, &t)
		},
	}
	t.add(cmd)
	return cmd
}

func (p *program) join(ctx context.Context, room chat.RoomName, t *talkFlags) error {
	return p.withNode(ctx, false, func(r *running) error {
		events := r.Subscribe()
		defer events.Close()
		past, err := p.past(ctx, r, chat.InRoom(room), t)
		if err != nil {
			return err
		}
		if err := r.Join(ctx, room); err != nil {
			return err
		}
		if !t.json {
			p.say("in %s as %s", room, whoAmI(r))
		}
		return p.talk(ctx, r, events, past, chat.InRoom(room), t, inviteTo(r, "join "+shellWord(string(room))))
	})
}
