package main

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/invite"
)

func (p *program) inviteCommand() *cobra.Command {
	var asJSON, qr bool
	cmd := &cobra.Command{
		Use:   "invite [ROOM]",
		Short: "Print one word with which somebody else comes here",
		Long: `Print an invite: one word with what somebody else needs to come to ROOM or, without
one, to talk to you in private: your peer ID and addresses, the seeds, the room.
Others give it to p2pchat join or p2pchat dial. It is no secret, and no key to
anything; the addresses in it are those of now.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return words("[ROOM]")(cmd, args)
		},
		ValidArgsFunction: p.completeRooms,
		RunE: func(cmd *cobra.Command, args []string) error {
			var conv chat.Conversation
			if len(args) > 0 {
				room, err := chat.ParseRoomName(strings.TrimPrefix(args[0], "#"))
				if err != nil {
					return err
				}
				conv = chat.InRoom(room)
			}
			return p.invite(cmd.Context(), conv, asJSON, qr)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	cmd.Flags().BoolVar(&qr, "qr", false, "print it as a QR code, too")
	return cmd
}

// An inviteObject is what invite --json prints.
type inviteObject struct {
	Type    string        `json:"type"`
	Invite  string        `json:"invite"`
	Command string        `json:"command"`
	Peer    chat.PeerID   `json:"peer"`
	Room    chat.RoomName `json:"room"`
	Addrs   []string      `json:"addrs"`
	Seeds   []string      `json:"seeds"`
}

func (p *program) invite(ctx context.Context, conv chat.Conversation, asJSON, qr bool) error {
	return p.withSession(ctx, func(s *session) error {
		text, err := s.Invite(ctx, conv)
		if err != nil {
			return err
		}
		i, err := invite.Parse(text)
		if err != nil {
			return err
		}
		if len(i.Addrs) == 0 && len(i.Seeds) == 0 {
			p.say("nobody can come with this from elsewhere: no seed is set, and this computer has no address (hint: --seed)")
		}
		if asJSON {
			b, err := json.Marshal(newInviteObject(text, i))
			if err != nil {
				return err
			}
			return p.print(string(b))
		}
		if err := p.print(text); err != nil || !qr {
			return err
		}
		lines, err := invite.QR(text)
		if err != nil {
			return err
		}
		if terminal(p.out) {
			lines = invite.Paint(lines)
		}
		return p.print(strings.Join(lines, "\n"))
	})
}

func newInviteObject(text string, i invite.Invite) inviteObject {
	o := inviteObject{
		Type: "invite", Invite: text, Command: inviteCommand(text, i.Room), Peer: i.Peer, Room: i.Room,
		Addrs: []string{}, Seeds: []string{},
	}
	for _, a := range i.Addrs {
		o.Addrs = append(o.Addrs, a.String())
	}
	for _, s := range i.Seeds {
		for _, a := range s.Addrs {
			o.Seeds = append(o.Seeds, a.String()+"/p2p/"+s.ID.String())
		}
	}
	return o
}

// inviteCommand is the command line with which somebody else comes here.
func inviteCommand(text string, room chat.RoomName) string {
	if room != "" {
		return "p2pchat join " + text
	}
	return "p2pchat dial " + text
}

// inviteTo is that command line, or empty if it cannot be known.
func (s *session) inviteTo(ctx context.Context, conv chat.Conversation) string {
	text, err := s.Invite(ctx, conv)
	if err != nil {
		return ""
	}
	return inviteCommand(text, conv.Room)
}

// shellWord quotes s if a shell would not take it as one word.
func shellWord(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
