package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/invite"
)

func (p *program) joinCommand() *cobra.Command {
	var t talkFlags
	cmd := &cobra.Command{
		Use:   "join ROOM|INVITE",
		Short: "Talk in a room",
		Long: `Talk in a room: on a terminal with all conversations around it, else, or with
--plain, line by line: each line of the input is a message, each message of
others is a line of the output. /help lists the commands, exit leaves. At the
end of the input p2pchat waits until somebody holds all that was written, and
leaves:

  echo hello | p2pchat join lobby

INVITE is what p2pchat invite ROOM printed for somebody.`,
		Args:              words("ROOM"),
		ValidArgsFunction: p.completeRooms,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.join(cmd.Context(), args[0], &t)
		},
	}
	t.add(cmd)
	return cmd
}

// minCut is how many characters of an invite make a room's name suspicious.
const minCut = 16

// roomOf finds out which room is meant: unlike in other places, no contact.
func roomOf(s string) (place, error) {
	if invite.Is(s) {
		at, err := invited(s)
		if err == nil && at.conv.IsDirect() {
			err = usage("this is an invite to a private talk, not to a room", "p2pchat dial takes it")
		}
		return at, err
	}
	if err := cutInvite(s); err != nil {
		return place{}, err
	}
	conv, err := inRoom(s)
	return place{conv: conv}, err
}

// cutInvite refuses what could be a room's name, and is more likely a part of an
// invite.
func cutInvite(s string) error {
	if strings.HasPrefix(strings.ToLower(s), invite.Prefix) && len(s) > len(invite.Prefix)+minCut {
		return usage(fmt.Sprintf("%q seems to be the beginning of an invite", s), "copy all of it")
	}
	return nil
}

func (p *program) join(ctx context.Context, room string, t *talkFlags) error {
	at, err := roomOf(room)
	if err != nil {
		return err
	}
	folder, err := p.folder()
	if err == nil {
		err = learn(folder, at.seeds)
	}
	if err != nil {
		return err
	}
	return p.withSession(ctx, func(s *session) error {
		open := func() (api.Opened, error) { return s.openPlace(ctx, at) }
		return p.converse(ctx, s, t, at.conv, open, func(conv chat.Conversation) {
			p.say("in %s as %s", conv.Room, s.whoAmI())
		})
	})
}
