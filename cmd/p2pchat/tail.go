package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/ui/line"
)

func (p *program) tailCommand() *cobra.Command {
	var since string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "tail [CONVERSATION...]",
		Short: "Print what is said, as it is said",
		Long: `Print the messages of these conversations as they come, until interrupted; without
any, those of all conversations of the node. ` + placeHelp + `

With --json each is an object as join --json prints it, after a ready object: from
then on nothing is missed. So a bot is

  p2pchat tail --json lobby | my-bot | p2pchat send --json -`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: p.completeConversations,
		RunE: func(cmd *cobra.Command, args []string) error {
			var from time.Time
			if since != "" {
				var err error
				if from, err = parseWhen(since, time.Now()); err != nil {
					return usage("--since: "+err.Error(), whenHint)
				}
			}
			return p.tail(cmd.Context(), args, from, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	cmd.Flags().StringVar(&since, "since", "", "first print what was said since `TIME`: 2006-01-02, 15:04, 2h, RFC 3339")
	return cmd
}

func (p *program) tail(ctx context.Context, args []string, since time.Time, asJSON bool) error {
	folder, err := p.folder()
	if err != nil {
		return err
	}
	places, err := placesOf(folder, args)
	if err != nil {
		return err
	}
	known, err := people(folder)
	if err != nil {
		return err
	}
	err = p.withSession(ctx, func(s *session) error {
		events, err := s.Events(ctx)
		if err != nil {
			return err
		}
		defer events.Close()
		cfg := line.TailConfig{
			Events: events, Out: p.out, Err: p.err, JSON: asJSON, Self: s.Self(), Name: s.info.Name.Text, Known: known, Addrs: s.info.Addrs,
			Page: s.page, All: s.allConversations,
		}
		for _, at := range places {
			cfg.Conversations = append(cfg.Conversations, at.conv)
		}
		if len(places) == 0 { // all are shown, and there should be some
			if places, err = placesOf(folder, p.openRooms()); err != nil {
				return err
			}
		}
		if err := s.openPlaces(ctx, places); err != nil {
			return err
		}
		if !since.IsZero() {
			if cfg.Past, err = s.since(ctx, cfg.Conversations, since); err != nil {
				return err
			}
		}
		return line.Tail(ctx, cfg)
	})
	if ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

// page is what was said in a conversation after a message, as it came live.
func (s *session) page(ctx context.Context, conv chat.Conversation, after chat.MessageID) ([]chat.Message, error) {
	msgs, _, err := s.Messages(ctx, conv, api.PageQuery{After: after, Raw: true, Limit: api.MaxPage})
	return msgs, err
}

func (s *session) allConversations(ctx context.Context) (all []chat.Conversation, err error) {
	list, err := s.Conversations(ctx)
	for _, o := range list {
		all = append(all, o.Conversation.Conversation)
	}
	return all, err
}

// since is what was said in conversations, or in all, from a time on, in order.
func (s *session) since(ctx context.Context, convs []chat.Conversation, from time.Time) (out []chat.Message, err error) {
	if len(convs) == 0 {
		if convs, err = s.allConversations(ctx); err != nil {
			return nil, err
		}
	}
	for _, conv := range convs {
		for q := (api.PageQuery{Since: from, Raw: true, Limit: api.MaxPage}); ; {
			msgs, more, err := s.Messages(ctx, conv, q)
			if err != nil {
				return nil, err
			}
			out = append(out, msgs...)
			if !more || len(msgs) == 0 {
				break
			}
			q.Since, q.After = time.Time{}, msgs[len(msgs)-1].ID
		}
	}
	slices.SortStableFunc(out, func(a, b chat.Message) int { return a.Place().Compare(b.Place()) })
	return out, nil
}
