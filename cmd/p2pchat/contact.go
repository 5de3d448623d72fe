package main

import (
	"encoding/json"
	"errors"

	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/identity"
)

func (p *program) contactCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "contact",
		Short: "What you say about peers: names, blocks, verification",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	cmd.SuggestionsMinimumDistance = 2 // as in root
	cmd.AddCommand(p.contactAdd(), p.contactList(), p.contactRemove(), p.contactVerify(),
		p.contactBlock("block", "Hear nothing from a peer any more", "blocked", block),
		p.contactBlock("unblock", "Lift the block of a peer", "no longer blocked:", unblock))
	return cmd
}

func (p *program) contactBlock(use, short, done string, set func(*identity.Contacts, chat.PeerID) error) *cobra.Command {
	return &cobra.Command{
		Use:   use + " PEER",
		Short: short,
		Long:  short + ". PEER is a peer ID, the name of a contact, or the end of\na peer ID that p2pchat contact list or p2pchat requests shows.",
		Args:  words("PEER"),
		RunE: func(_ *cobra.Command, args []string) error {
			return p.standing(args[0], done, set)
		},
	}
}

func (p *program) contactAdd() *cobra.Command {
	return &cobra.Command{
		Use:   "add NAME PEER",
		Short: "Give a peer a name; p2pchat dial NAME then finds it",
		Args:  words("NAME", "PEER"),
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := p.folder()
			if err != nil {
				return err
			}
			id, err := chat.ParsePeerID(args[1])
			if err != nil {
				return err
			}
			contacts, err := f.Contacts()
			if err != nil {
				return err
			}
			return contacts.Add(args[0], id)
		},
	}
}

func (p *program) contactList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List your contacts",
		Args:  words(),
		RunE: func(*cobra.Command, []string) error {
			f, err := p.folderToRead()
			if err != nil {
				return err
			}
			contacts, err := f.Contacts()
			if err != nil {
				return err
			}
			for _, c := range contacts.List() {
				l := contactLine(c)
				if asJSON {
					b, err := json.Marshal(api.Contact{
						Name: c.Name, Peer: c.Peer, Fingerprint: c.Peer.Fingerprint(), Verified: c.Verified, Blocked: c.Blocked,
						Accepted: c.Accepted, Ignored: c.Ignored,
					})
					if err != nil {
						return err
					}
					l = string(b)
				}
				if err := p.print(l); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	return cmd
}

// contactLine is one line of contact list.
func contactLine(c identity.Contact) string {
	name := c.Name
	if name == "" {
		name = "-" // which no name begins with
	}
	l := name + "\t" + c.Peer.String()
	for _, s := range []struct {
		word string
		said bool
	}{{"verified", c.Verified}, {"blocked", c.Blocked}, {"accepted", c.Accepted}, {"ignored", c.Ignored}} {
		if s.said {
			l += "\t" + s.word
		}
	}
	return l
}

func (p *program) contactRemove() *cobra.Command {
	return &cobra.Command{
		Use:   "rm NAME",
		Short: "Forget a contact; a block stays",
		Long: `Forget a contact: the name, and whether you verified or accepted it. A peer
without a name is forgotten by its peer ID. A block stays.`,
		Args: words("NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := p.folder()
			if err != nil {
				return err
			}
			contacts, err := f.Contacts()
			if err != nil {
				return err
			}
			err = contacts.Remove(args[0])
			if id, bad := chat.ParsePeerID(args[0]); bad == nil && errors.Is(err, chat.ErrNotFound) {
				err = contacts.Forget(id)
			}
			return err
		},
	}
}
