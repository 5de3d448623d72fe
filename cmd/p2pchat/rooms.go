package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
)

func (p *program) roomsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "rooms",
		Short: "List your rooms",
		Long: `List the rooms that are open or of which there is a history, the last used first.
What is unread is known while a node runs.`,
		Args: words(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.rooms(cmd.Context(), asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	return cmd
}

func (p *program) rooms(ctx context.Context, asJSON bool) error {
	list, err := p.listRooms(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		for _, o := range list {
			if err := p.printObject(o); err != nil {
				return err
			}
		}
		return nil
	}
	if len(list) == 0 {
		p.say("no rooms yet (hint: p2pchat join ROOM opens one)")
		return nil
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ROOM\tOPEN\tUNREAD\tMESSAGES\tLAST\tTOPIC")
	for _, o := range list {
		open, last := "-", "-"
		if o.Open {
			open = "open"
		}
		if !o.Last.IsZero() {
			last = o.Last.Local().Format("2006-01-02 15:04")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", o.Conversation, open, unreadWords(o), o.Messages, last, orDash(o.Topic.Line()))
	}
	return w.Flush()
}

// unreadWords tells how much is unread.
func unreadWords(o api.Conversation) string {
	switch {
	case o.Unread == 0:
		return "-"
	case o.Mentions > 0:
		return fmt.Sprintf("%d (%d to you)", o.Unread, o.Mentions)
	default:
		return fmt.Sprint(o.Unread)
	}
}

// listRooms asks the node that runs, or else reads the history.
func (p *program) listRooms(ctx context.Context) (list []api.Conversation, err error) {
	folder, err := p.folderToRead()
	if err != nil {
		return nil, err
	}
	running, err := p.withRunning(ctx, folder, func(s *session) error {
		list, err = s.Conversations(ctx)
		return err
	})
	if !running {
		list, err = p.pastRooms(ctx)
	}
	return slices.DeleteFunc(list, func(o api.Conversation) bool { return !o.Room }), err
}

// pastRooms are those of which there is a history.
func (p *program) pastRooms(ctx context.Context) (list []api.Conversation, err error) {
	err = p.withArchive(ctx, func(a *archive) error {
		all, err := a.Conversations(ctx)
		for _, s := range all {
			if s.Messages == 0 || s.Conversation.IsPresence() || s.Conversation.IsDirect() {
				continue
			}
			list = append(list, api.Conversation{
				Type: "conversation", Conversation: api.Ref{Conversation: s.Conversation}, Room: true,
				Messages: s.Messages, Bytes: s.Bytes, Last: s.Latest.Wall().UTC(),
			})
		}
		return err
	})
	slices.SortFunc(list, func(x, y api.Conversation) int { return y.Last.Compare(x.Last) })
	f := new(fault)
	if errors.As(err, &f) && f.code == codeNotFound || errors.Is(err, chat.ErrNotFound) {
		return nil, nil // none yet
	}
	return list, err
}
