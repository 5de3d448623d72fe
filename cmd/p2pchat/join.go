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
			what, err := parseRoom(args[0])
			if err != nil {
				return err
			}
			return p.join(cmd.Context(), what, &t)
		},
	}
	t.add(cmd)
	return cmd
}

// minCut is how many characters of an invite make a room's name suspicious.
const minCut = 16

// A joinable is what a person may join.
type joinable struct {
	room   chat.RoomName
	invite string // with which it is found, if it is not empty
}

func parseRoom(s string) (joinable, error) {
	if !invite.Is(s) {
		if err := cutInvite(s); err != nil {
			return joinable{}, err
		}
		room, err := chat.ParseRoomName(s)
		return joinable{room: room}, err
	}
	i, err := invite.Parse(s)
	switch {
	case err != nil:
		return joinable{}, err
	case i.Room == "":
		return joinable{}, usage("this is an invite to a private talk, not to a room", "p2pchat dial takes it")
	}
	return joinable{room: i.Room, invite: s}, nil
}

// cutInvite refuses what could be a room's name, and is more likely a part of an
// invite.
func cutInvite(s string) error {
	if strings.HasPrefix(strings.ToLower(s), invite.Prefix) && len(s) > len(invite.Prefix)+minCut {
		return usage(fmt.Sprintf("%q seems to be the beginning of an invite", s), "copy all of it")
	}
	return nil
}

func (p *program) join(ctx context.Context, what joinable, t *talkFlags) error {
	if what.invite != "" {
		folder, err := p.folder()
		if err == nil {
			err = learn(folder, what.invite)
		}
		if err != nil {
			return err
		}
	}
	return p.withSession(ctx, func(s *session) error {
		conv := chat.InRoom(what.room)
		open := func() (api.Opened, error) {
			if what.invite != "" {
				return s.OpenInvite(ctx, what.invite)
			}
			return s.Join(ctx, what.room)
		}
		if p.screens(t) {
			return p.tui(ctx, s, conv, open)
		}
		at, done, err := p.enter(ctx, s, t, conv, open)
		if err != nil {
			return err
		}
		defer done()
		if !t.json {
			p.say("in %s as %s", what.room, s.whoAmI())
		}
		return p.talk(ctx, s, at, t)
	})
}
