package main

import (
	"bufio"
	"context"
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
	"github.com/p2pchat/p2pchat/ui/line"
)

const (
	// exportPage is how many messages or segments export reads at a time.
	exportPage = 256
	// exportBuffer is how many bytes it writes at a time.
	exportBuffer = 64 << 10
)

func (p *program) exportCommand() *cobra.Command {
	var asJSON, asText bool
	cmd := &cobra.Command{
		Use:   "export CONVERSATION",
		Short: "Write a whole conversation to the output",
		Long: `Write all that this computer holds of a conversation to the output: as lines of
text or, with --json, as signed segments with their messages, which p2pchat
import reads on another computer:

  p2pchat export lobby --json >lobby.json`,
		Args: words("CONVERSATION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if asJSON && asText {
				return usage("--json and --text exclude each other", "give one of them")
			}
			return p.withArchive(cmd.Context(), func(a *archive) error {
				conv, err := a.find(args[0])
				if err != nil {
					return err
				}
				if asJSON {
					return p.exportJSON(cmd.Context(), a, conv)
				}
				return p.exportText(cmd.Context(), a, conv)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write segments and messages, one JSON object a line")
	cmd.Flags().BoolVar(&asText, "text", false, "write lines of text, which is also the default")
	return cmd
}

// exportText writes a conversation as people read it, page by page.
func (p *program) exportText(ctx context.Context, a *archive, conv chat.Conversation) error {
	pages := p.pages(a, false)
	q := history.Query{Conversation: conv.ID(a.self), After: history.Beginning(), Limit: exportPage}
	for {
		entries, err := a.Messages(ctx, q)
		if err != nil || len(entries) == 0 {
			return err
		}
		if err := p.printEntries(pages, a, conv, entries, false); err != nil {
			return err
		}
		q.After = entries[len(entries)-1].Place
	}
}

// A segmentObject is one segment in an export. Whoever imports it checks the
// envelope, which proves all else.
type segmentObject struct {
	Type         string `json:"type"`
	Conversation string `json:"conversation"`
	// Self is who exported a private conversation: its ID is made of both.
	Self     *chat.PeerID `json:"self,omitempty"`
	Envelope []byte       `json:"envelope"`
}

// exportJSON writes a conversation's segments, each with its messages.
func (p *program) exportJSON(ctx context.Context, a *archive, conv chat.Conversation) error {
	out := bufio.NewWriterSize(p.out, exportBuffer)
	pages := line.NewPages(out, line.PagesConfig{JSON: true})
	o := segmentObject{Type: "segment", Conversation: conv.String()}
	if conv.IsDirect() {
		o.Self = &a.self
	}
	encode := json.NewEncoder(out)
	encode.SetEscapeHTML(false) // a room may be called a&b
	var after chat.OrderKey
	for {
		segs, err := a.After(ctx, conv.ID(a.self), after, exportPage)
		if err != nil {
			return err
		}
		if len(segs) == 0 {
			return out.Flush()
		}
		for _, s := range segs {
			o.Envelope = s.Envelope
			if err := encode.Encode(o); err != nil {
				return err
			}
			if err := pages.Write(a.messages(conv, history.EntriesOf(s))...); err != nil {
				return err
			}
			after = s.Key()
		}
	}
}
