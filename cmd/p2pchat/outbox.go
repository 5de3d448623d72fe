package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
	"github.com/p2pchat/p2pchat/identity"
)

const (
	// shortID is how many digits of an ID the list shows.
	shortID = 12
	// minID is how many a person must write.
	minID = 4
)

func (p *program) outboxCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "outbox",
		Short: "What waits for people who are not there",
		Long: `List the private messages that their readers do not have yet, for whom and since
when. They go out by themselves when a node runs and the other side is there.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return p.outbox(cmd.Context(), asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	cmd.AddCommand(&cobra.Command{
		Use:   "drop ID",
		Short: "Take an entry out; it is not sent any more",
		Long: `Take an entry out of the outbox: it is not sent any more, and stays in the
history as failed. ID is that of the list, or the beginning of it. Whoever was
sent it already may have it all the same.`,
		Args: words("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.drop(cmd.Context(), args[0])
		},
	})
	cmd.SuggestionsMinimumDistance = 2 // as in root
	return cmd
}

// An outboxObject is one line of outbox --json.
type outboxObject struct {
	Type     string             `json:"type"`
	ID       string             `json:"id"`
	Peer     chat.PeerID        `json:"peer"`
	Since    string             `json:"since"`
	Messages int                `json:"messages"`
	State    chat.DeliveryState `json:"state"`
	Reason   string             `json:"reason"`
}

func (p *program) outbox(ctx context.Context, asJSON bool) error {
	return p.withArchive(ctx, func(a *archive) error {
		list, err := a.Outbox(ctx)
		if err != nil {
			return err
		}
		if len(list) == 0 && !asJSON {
			p.say("nothing waits")
			return nil
		}
		w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
		if !asJSON {
			fmt.Fprintln(w, "ID\tFOR\tSINCE\tMESSAGES\tSTATE")
		}
		for _, e := range list {
			if asJSON {
				b, err := json.Marshal(outboxObject{
					"waiting", e.Segment.String(), e.Peer, e.Since.UTC().Format(jsonTime), e.Messages, e.State, chat.SafeString(e.Reason),
				})
				if err != nil {
					return err
				}
				if err := p.print(string(b)); err != nil {
					return err
				}
				continue
			}
			state := string(e.State)
			if e.Reason != "" {
				state += ": " + chat.SafeString(e.Reason)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", e.Segment.String()[:shortID], nameOf(a.contacts, e.Peer),
				e.Since.Local().Format("2006-01-02 15:04"), e.Messages, state)
		}
		return w.Flush()
	})
}

// drop takes the one entry out whose ID begins so.
func (p *program) drop(ctx context.Context, id string) error {
	id = strings.ToLower(strings.TrimSpace(id))
	if len(id) < minID || strings.Trim(id, "0123456789abcdef") != "" {
		return usage(fmt.Sprintf("%q is no ID", id), fmt.Sprintf("an ID is at least %d of the digits that p2pchat outbox shows", minID))
	}
	return p.changeHistory(ctx, func(db *history.DB, f *identity.Folder) error {
		list, err := db.Outbox(ctx)
		if err != nil {
			return err
		}
		var found []history.Waiting
		for _, e := range list {
			if strings.HasPrefix(e.Segment.String(), id) {
				found = append(found, e)
			}
		}
		switch len(found) {
		case 0:
			return &fault{text: fmt.Sprintf("nothing with ID %s waits", id), hint: "p2pchat outbox lists what waits", code: codeNotFound}
		case 1:
		default:
			return usage(fmt.Sprintf("%d entries begin with %s", len(found), id), "write more of the ID")
		}
		contacts, err := f.Contacts()
		if err != nil {
			return err
		}
		if err := db.Drop(ctx, found[0].Conversation, found[0].Segment); err != nil {
			return err
		}
		p.say("dropped %s for %s", found[0].Segment.String()[:shortID], nameOf(contacts, found[0].Peer))
		return nil
	})
}

// changeHistory runs f on the folder's history, opened for writing. Without a
// history there is nothing to change.
func (p *program) changeHistory(ctx context.Context, f func(*history.DB, *identity.Folder) error) (err error) {
	folder, err := p.folder()
	if err != nil {
		return err
	}
	if _, err := os.Stat(historyPath(folder)); errors.Is(err, fs.ErrNotExist) {
		return errNoHistory()
	}
	return p.useHistory(ctx, folder, func(db *history.DB) error { return f(db, folder) })
}
