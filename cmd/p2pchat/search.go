package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
	"github.com/p2pchat/p2pchat/ui/line"
)

// searchFlags are those of search.
type searchFlags struct {
	in, from, since string
	limit           int
	json            bool
}

func (p *program) searchCommand() *cobra.Command {
	var s searchFlags
	cmd := &cobra.Command{
		Use:   "search WORDS...",
		Short: "Find messages by their words",
		Long: `Find the messages in which all the words occur, in all conversations, and show
the newest of them. The last word may end in * and then is the beginning of one.
Upper and lower case and accents do not count.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("WORDS are missing", "p2pchat search WORDS...")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if s.limit < 1 || s.limit > maxEntries {
				return usage(fmt.Sprintf("--limit %d is not 1 to %d", s.limit, maxEntries), "--since and --in narrow a search")
			}
			return p.withArchive(cmd.Context(), func(a *archive) error {
				return p.search(cmd.Context(), a, strings.Join(args, " "), s)
			})
		},
	}
	cmd.Flags().StringVar(&s.in, "in", "", "look into `CONVERSATION` only: a room, a peer ID or a contact")
	cmd.Flags().StringVar(&s.from, "from", "", "look at messages of `PEER` only: a peer ID or a contact, or me")
	cmd.Flags().StringVar(&s.since, "since", "", "look at messages since `TIME`: 2006-01-02, 15:04, 2h, RFC 3339")
	cmd.Flags().IntVar(&s.limit, "limit", 50, "show at most `N` messages")
	cmd.Flags().BoolVar(&s.json, "json", false, "print one JSON object a line, as join --json does")
	return cmd
}

func (p *program) search(ctx context.Context, a *archive, words string, f searchFlags) error {
	s := history.Search{Words: words, Limit: f.limit}
	if f.in != "" {
		conv, err := a.find(f.in)
		if err != nil {
			return err
		}
		s.In = []chat.ConversationID{conv.ID(a.self)}
	}
	if f.from != "" {
		var err error
		if s.From, err = a.author(f.from); err != nil {
			return err
		}
	}
	if f.since != "" {
		var err error
		if s.Since, err = parseWhen(f.since, time.Now()); err != nil {
			return usage("--since: "+err.Error(), whenHint)
		}
	}
	found, err := a.Search(ctx, s)
	if errors.Is(err, history.ErrNoWords) || errors.Is(err, chat.ErrTooLong) {
		return usage(err.Error(), "a word has letters or digits; p2pchat search --help tells more")
	}
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return &fault{text: "nothing was found", code: codeNotFound}
	}
	slices.Reverse(found) // the newest where one looks first, above the prompt
	return p.printFound(ctx, a, found, f.json)
}

// author is whom --from means.
func (a *archive) author(s string) (chat.PeerID, error) {
	if c, ok := a.contacts.Find(s); ok {
		return c.Peer, nil
	}
	if s == "me" {
		return a.self, nil
	}
	id, err := chat.ParsePeerID(s)
	if err != nil {
		return id, errUnknownPeer(s)
	}
	return id, nil
}

// printFound prints messages of several conversations. For people each
// conversation's name stands above its messages.
func (p *program) printFound(ctx context.Context, a *archive, found []history.Entry, asJSON bool) error {
	all, err := a.Conversations(ctx)
	if err != nil {
		return err
	}
	names := make(map[chat.ConversationID]chat.Conversation, len(all))
	for _, s := range all {
		names[s.ID] = s.Conversation
	}
	pages := make(map[chat.ConversationID]*line.Pages)
	var last chat.ConversationID
	for _, e := range found {
		conv := names[e.Conversation]
		if e.Conversation != last && !asJSON {
			name := conv.String()
			if nick := a.nick(conv.Peer); conv.IsDirect() && !nick.Empty() {
				name = nick.Line() + " (" + name + ")"
			}
			if err := p.print("-- in " + name); err != nil {
				return err
			}
		}
		last = e.Conversation
		if pages[last] == nil {
			pages[last] = p.pages(a, asJSON)
		}
		if err := pages[last].Write(a.messages(conv, []history.Entry{e})...); err != nil {
			return err
		}
	}
	return nil
}
