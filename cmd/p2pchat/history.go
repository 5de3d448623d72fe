package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/ui/line"
)

// jsonTime is how times stand in JSON: RFC 3339 with milliseconds, in UTC.
const jsonTime = "2006-01-02T15:04:05.000Z07:00"

// maxEntries is how many messages history and search print at most; export
// prints all.
const maxEntries = 1000

func (p *program) historyCommand() *cobra.Command {
	var before string
	var limit int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "history [CONVERSATION]",
		Short: "Show what was said in a conversation",
		Long: `Show the last messages of a conversation, or, without one, which conversations
there are. CONVERSATION is a room, a peer ID or the name of a contact; #name is
a room in any case. It reads what this computer holds, also while a node runs.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 || limit > maxEntries {
				return usage(fmt.Sprintf("--limit %d is not 1 to %d", limit, maxEntries), "p2pchat export prints everything")
			}
			return p.withArchive(cmd.Context(), func(a *archive) error {
				if len(args) == 0 {
					return p.conversations(cmd.Context(), a, asJSON)
				}
				return p.history(cmd.Context(), a, args[0], before, limit, asJSON)
			})
		},
	}
	cmd.Flags().StringVar(&before, "before", "", "show what was said before `TIME`: 2006-01-02, 15:04, 2h, RFC 3339")
	cmd.Flags().IntVar(&limit, "limit", 50, "show at most `N` messages")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line, as join --json does")
	cmd.AddCommand(p.retentionCommand())
	cmd.SuggestionsMinimumDistance = 2 // as in root
	return cmd
}

// An archive is the history of a folder, with the names to show it by.
type archive struct {
	*history.DB
	self     chat.PeerID
	name     chat.Text
	contacts *identity.Contacts
	nicks    *identity.Nicks
	people   []line.Person
}

// withArchive runs f on the folder's history, opened for reading.
func (p *program) withArchive(ctx context.Context, f func(*archive) error) (err error) {
	folder, err := p.folderToRead()
	if err != nil {
		return err
	}
	db, err := history.OpenReadOnly(ctx, historyPath(folder))
	if errors.Is(err, fs.ErrNotExist) {
		return errNoHistory()
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	a := &archive{DB: db}
	if _, a.self, err = folder.Key(); err != nil {
		return err
	}
	if a.name, err = folder.Name(); err != nil {
		return err
	}
	if a.contacts, err = folder.Contacts(); err != nil {
		return err
	}
	if a.nicks, err = folder.Nicks(); err != nil {
		return err
	}
	if a.people, err = people(folder); err != nil {
		return err
	}
	return f(a)
}

func errNoHistory() error {
	return &fault{text: "there is no history yet", hint: "it begins with p2pchat join or p2pchat dial", code: codeNotFound}
}

// find finds the conversation that a person means, which has messages. A
// contact's name wins over a room of that name, unless only the room has any.
func (a *archive) find(s string) (chat.Conversation, error) {
	var first error
	for _, try := range []func(string) (chat.Conversation, error){a.privately, inRoom} {
		conv, err := try(s)
		if errors.Is(err, errNobody) {
			continue
		}
		if err == nil && a.Len(conv.ID(a.self)) > 0 {
			return conv, nil
		}
		if err == nil {
			err = &fault{
				text: fmt.Sprintf("there is no history of %s here", conv), code: codeNotFound,
				hint: "p2pchat history lists the conversations",
			}
		}
		if first == nil {
			first = err
		}
	}
	return chat.Conversation{}, first
}

// errNobody means that a text names no peer.
var errNobody = errors.New("no peer is called so")

// privately is the conversation with a peer.
func (a *archive) privately(s string) (chat.Conversation, error) {
	if c, ok := a.contacts.Find(s); ok {
		return chat.With(c.Peer), nil
	}
	id, err := chat.ParsePeerID(s)
	switch {
	case err == nil && id == a.self:
		return chat.Conversation{}, usage("this is your own peer ID", "p2pchat history lists the conversations")
	case err == nil:
		return chat.With(id), nil
	}
	return chat.Conversation{}, errNobody
}

func inRoom(s string) (chat.Conversation, error) {
	name, err := chat.ParseRoomName(s)
	return chat.InRoom(name), err
}

// messages makes of entries what faces print.
func (a *archive) messages(conv chat.Conversation, entries []history.Entry) []chat.Message {
	msgs := make([]chat.Message, 0, len(entries))
	for _, e := range entries {
		msgs = append(msgs, e.Message(conv, a.self, a.nick(e.Author)))
	}
	return msgs
}

// nick is what is known of an author's name.
func (a *archive) nick(id chat.PeerID) chat.Text {
	if id == a.self {
		return a.name
	}
	if c, ok := a.contacts.Of(id); ok && c.Name != "" {
		if nick, err := chat.NewNick(c.Name); err == nil {
			return nick
		}
	}
	return a.nicks.Of(id)
}

// pages prints messages as the line face does.
func (p *program) pages(a *archive, asJSON bool) *line.Pages {
	return line.NewPages(p.out, line.PagesConfig{JSON: asJSON, Dates: true, Self: a.self, Name: a.name, Known: a.people})
}

func (p *program) history(ctx context.Context, a *archive, whom, before string, limit int, asJSON bool) error {
	conv, err := a.find(whom)
	if err != nil {
		return err
	}
	q := history.Query{Conversation: conv.ID(a.self), Limit: limit}
	if before != "" {
		at, err := parseWhen(before, time.Now())
		if err != nil {
			return usage("--before: "+err.Error(), whenHint)
		}
		q.Before = history.PlaceOf(at)
	}
	entries, err := a.Messages(ctx, q)
	if err != nil {
		return err
	}
	return p.printEntries(p.pages(a, asJSON), a, conv, entries, asJSON)
}

// gapLine stands where something is missing.
const gapLine = "      -- something that was said before is missing here"

// printEntries prints a page, and for people where something is missing.
func (p *program) printEntries(pages *line.Pages, a *archive, conv chat.Conversation, entries []history.Entry, asJSON bool) error {
	for len(entries) > 0 {
		n := 1 + slices.IndexFunc(entries[1:], func(e history.Entry) bool { return e.Gap })
		if n == 0 || asJSON {
			n = len(entries)
		}
		if entries[0].Gap && !asJSON {
			if err := p.print(gapLine); err != nil {
				return err
			}
		}
		if err := pages.Write(a.messages(conv, entries[:n])...); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

// A conversationObject is one line of history --json without a conversation.
type conversationObject struct {
	Type         string `json:"type"`
	Conversation string `json:"conversation"`
	Room         bool   `json:"room"`
	Messages     int    `json:"messages"`
	Bytes        int64  `json:"bytes"`
	Last         string `json:"last"`
}

// conversations lists what there is history of, the last used first.
func (p *program) conversations(ctx context.Context, a *archive, asJSON bool) error {
	list, err := a.Conversations(ctx)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(s history.Summary) bool { return s.Messages == 0 || s.Conversation.IsPresence() })
	slices.SortStableFunc(list, func(x, y history.Summary) int { return y.Latest.Wall().Compare(x.Latest.Wall()) })
	if len(list) == 0 {
		return errNoHistory()
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	if !asJSON {
		fmt.Fprintln(w, "CONVERSATION\tMESSAGES\tSIZE\tLAST")
	}
	for _, s := range list {
		if !asJSON {
			name := s.Conversation.String()
			if c, ok := a.contacts.Of(s.Conversation.Peer); ok && c.Name != "" {
				name = c.Name + " (" + name + ")"
			}
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", name, s.Messages, roughSize(s.Bytes), s.Latest.Wall().Local().Format("2006-01-02 15:04"))
			continue
		}
		b, err := json.Marshal(conversationObject{
			"conversation", s.Conversation.String(), !s.Conversation.IsDirect(), s.Messages, s.Bytes,
			s.Latest.Wall().UTC().Format(jsonTime),
		})
		if err != nil {
			return err
		}
		if err := p.print(string(b)); err != nil {
			return err
		}
	}
	return w.Flush()
}

// roughSize is a number of bytes for people.
func roughSize(n int64) string {
	units := [...]string{"B", "kB", "MB", "GB", "TB"}
	size, unit := float64(n), 0
	for size >= 1000 && unit < len(units)-1 {
		size, unit = size/1000, unit+1
	}
	if unit == 0 || size >= 100 {
		return fmt.Sprintf("%.0f %s", size, units[unit])
	}
	return fmt.Sprintf("%.1f %s", size, units[unit])
}
