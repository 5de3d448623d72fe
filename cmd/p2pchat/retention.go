package main

import (
	"context"
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
	"github.com/p2pchat/p2pchat/identity"
)

// unlimited is --age or --size of a conversation that keeps everything.
const unlimited = "all"

func (p *program) retentionCommand() *cobra.Command {
	var age, size string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "retention CONVERSATION",
		Short: "Show or set how much of a conversation is kept",
		Long: `Show how much of a conversation this computer keeps, or set it with --age and
--size. What is older or more is deleted here, by the node that runs or the next
that does; others keep what they keep. By default everything is kept.`,
		Args: words("CONVERSATION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.retention(cmd.Context(), args[0], age, size, asJSON)
		},
	}
	cmd.Flags().StringVar(&age, "age", "", "delete what is older than `SPAN`, such as 30d; all keeps every age")
	cmd.Flags().StringVar(&size, "size", "", "keep at most `SIZE` of signed messages, such as 100MB; all keeps every size")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}

func (p *program) retention(ctx context.Context, whom, age, size string, asJSON bool) error {
	change, err := parseRetention(age, size)
	if err != nil {
		return err
	}
	var conv chat.Conversation
	var id chat.ConversationID
	var now history.Retention
	err = p.withArchive(ctx, func(a *archive) error {
		if conv, err = a.find(whom); err != nil {
			return err
		}
		id = conv.ID(a.self)
		now, err = a.Retention(ctx, id)
		return err
	})
	if err != nil {
		return err
	}
	if age != "" || size != "" {
		now = change(now)
		err := p.changeHistory(ctx, func(db *history.DB, _ *identity.Folder) error { return db.SetRetention(ctx, id, now) })
		if err != nil {
			return err
		}
	}
	if asJSON {
		b, err := json.Marshal(struct {
			Type         string `json:"type"`
			Conversation string `json:"conversation"`
			Age          int64  `json:"age_seconds"`
			Size         int64  `json:"size_bytes"`
		}{"retention", conv.String(), int64(now.MaxAge.Seconds()), now.MaxBytes})
		if err != nil {
			return err
		}
		return p.print(string(b))
	}
	return p.print(conv.String() + " keeps " + retentionWords(now))
}

// parseRetention reads --age and --size; one that is empty changes nothing.
func parseRetention(age, size string) (func(history.Retention) history.Retention, error) {
	var want history.Retention
	var err error
	if age != "" && age != unlimited {
		if want.MaxAge, err = parseAge(age); err != nil {
			return nil, usage("--age: "+err.Error(), "a time span is written as 30d, 2w or 12h; all keeps every age")
		}
	}
	if size != "" && size != unlimited {
		if want.MaxBytes, err = parseSize(size); err != nil {
			return nil, usage("--size: "+err.Error(), "a size is written as 100MB or 1GiB; all keeps every size")
		}
	}
	return func(r history.Retention) history.Retention {
		if age != "" {
			r.MaxAge = want.MaxAge
		}
		if size != "" {
			r.MaxBytes = want.MaxBytes
		}
		return r
	}, nil
}

func retentionWords(r history.Retention) string {
	switch {
	case r.MaxAge > 0 && r.MaxBytes > 0:
		return writeAge(r.MaxAge) + ", at most " + writeSize(r.MaxBytes)
	case r.MaxAge > 0:
		return writeAge(r.MaxAge)
	case r.MaxBytes > 0:
		return "at most " + writeSize(r.MaxBytes)
	default:
		return "everything"
	}
}
