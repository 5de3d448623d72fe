package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/identity"
)

func (p *program) requestsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "requests",
		Short: "Who unknown to you wrote first, and your answer to that",
		Long: `List who unknown to you wrote in private. accept lets the peer write, ignore has
it not shown, block ends every connection to it. PEER is a peer ID, the name of
a contact, or the last characters of a peer ID in the list. What is said here
holds at once, also for a node that runs.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return p.requests(asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	answer := func(use, short, done string, set func(*identity.Contacts, chat.PeerID) error) *cobra.Command {
		return &cobra.Command{
			Use:   use + " PEER",
			Short: short,
			Args:  words("PEER"),
			RunE: func(_ *cobra.Command, args []string) error {
				return p.standing(args[0], done, set)
			},
		}
	}
	cmd.SuggestionsMinimumDistance = 2 // as in root
	cmd.AddCommand(
		answer("accept", "Let a peer write to you in private", "accepted", (*identity.Contacts).Accept),
		answer("ignore", "Do not show what a peer writes unasked", "ignored", (*identity.Contacts).Ignore),
		answer("block", "Hear nothing from a peer any more", "blocked", block),
	)
	return cmd
}

func block(c *identity.Contacts, id chat.PeerID) error { return c.Block(id, true) }

func unblock(c *identity.Contacts, id chat.PeerID) error { return c.Block(id, false) }

func (p *program) requests(asJSON bool) error {
	f, err := p.folderToRead()
	if err != nil {
		return err
	}
	requests, err := f.Requests()
	if err != nil {
		return err
	}
	list, err := requests.List()
	if err != nil {
		return err
	}
	if asJSON {
		for _, q := range list {
			b, err := json.Marshal(api.Request{
				Type: "request", Peer: q.Peer, Nick: api.Text{Text: q.Nick}, First: q.First, Last: q.Last, Count: q.Count, Text: api.Text{Text: q.Text},
			})
			if err != nil {
				return err
			}
			if err := p.print(string(b)); err != nil {
				return err
			}
		}
		return nil
	}
	if len(list) == 0 {
		p.say("no requests")
		return nil
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NICK\tPEER\tSINCE\tMESSAGES\tFIRST WORDS")
	for _, q := range list {
		nick := q.Nick.Line()
		if nick == "" {
			nick = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", nick, q.Peer, q.First.Local().Format("2006-01-02 15:04"), q.Count, q.Text.Line())
	}
	return w.Flush()
}

// standing changes how the peer that s names stands with the user, which
// answers its request.
func (p *program) standing(s, done string, set func(*identity.Contacts, chat.PeerID) error) error {
	f, err := p.folder()
	if err != nil {
		return err
	}
	id, err := namedPeer(f, s)
	if err != nil {
		return err
	}
	contacts, err := f.Contacts()
	if err != nil {
		return err
	}
	if err := set(contacts, id); err != nil {
		return err
	}
	return p.closeRequest(f, id, done+" "+nameOf(contacts, id))
}

// nameOf writes a peer with its contact's name, if it has one.
func nameOf(contacts *identity.Contacts, id chat.PeerID) string {
	if c, ok := contacts.Of(id); ok && c.Name != "" {
		return c.Name + " (" + id.String() + ")"
	}
	return id.String()
}

// minShort is how many of a peer ID's last characters a person must write.
const minShort = 4

// namedPeer finds the peer that a person means: a contact's name, a peer ID, or
// the end of the ID of a contact or of who wrote a request.
func namedPeer(f *identity.Folder, s string) (chat.PeerID, error) {
	contacts, err := f.Contacts()
	if err != nil {
		return chat.PeerID{}, err
	}
	requests, err := f.Requests()
	if err != nil {
		return chat.PeerID{}, err
	}
	open, err := requests.List()
	if err != nil {
		return chat.PeerID{}, err
	}
	id, err := pickPeer(s, contacts, open)
	if err != nil {
		return chat.PeerID{}, err
	}
	switch _, self, err := f.Key(); {
	case err != nil:
		return chat.PeerID{}, err
	case id == self:
		return chat.PeerID{}, usage("this is your own peer ID", "name somebody else; p2pchat requests and p2pchat contact list show whom")
	}
	return id, nil
}

// pickPeer implements namedPeer on what is known.
func pickPeer(s string, contacts *identity.Contacts, open []identity.Request) (chat.PeerID, error) {
	if c, ok := contacts.Find(s); ok {
		return c.Peer, nil
	}
	id, err := chat.ParsePeerID(s)
	if err == nil {
		return id, nil
	}
	if strings.HasPrefix(s, "12D3") || strings.HasPrefix(s, "Qm") || s == "" {
		return chat.PeerID{}, err
	}
	end := s[strings.LastIndex(s, "~")+1:] // as the screen writes who has the name of another
	var found []chat.PeerID
	note := func(id chat.PeerID) {
		if len(end) >= minShort && strings.HasSuffix(id.String(), end) {
			found = append(found, id)
		}
	}
	for _, c := range contacts.List() {
		note(c.Peer)
	}
	for _, q := range open {
		note(q.Peer) // who has a request is no contact
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return chat.PeerID{}, errUnknownPeer(s)
	default:
		return chat.PeerID{}, usage(fmt.Sprintf("%d peer IDs end in %q", len(found), end), "write more of it")
	}
}

func errUnknownPeer(s string) error {
	return &fault{
		text: fmt.Sprintf("nobody is known as %q", s), code: codeNotFound,
		hint: "PEER is a peer ID, the name of a contact, or the end of a peer ID that p2pchat requests or p2pchat contact list shows",
	}
}
