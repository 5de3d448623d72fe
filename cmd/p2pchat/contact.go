package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/chat"
)

func (p *program) contactCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "contact",
		Short: "Names you give to peers",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(p.contactAdd(), p.contactList(), p.contactRemove())
	return cmd
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
			f, err := p.folder()
			if err != nil {
				return err
			}
			contacts, err := f.Contacts()
			if err != nil {
				return err
			}
			for _, c := range contacts.List() {
				l := fmt.Sprintf("%s\t%s", c.Name, c.Peer)
				if c.Verified {
					l += "\tverified"
				}
				if c.Blocked {
					l += "\tblocked"
				}
				if asJSON {
					b, err := json.Marshal(struct {
						Name     string      `json:"name"`
						Peer     chat.PeerID `json:"peer"`
						Verified bool        `json:"verified"`
						Blocked  bool        `json:"blocked"`
					}{c.Name, c.Peer, c.Verified, c.Blocked})
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

func (p *program) contactRemove() *cobra.Command {
	return &cobra.Command{
		Use:   "rm NAME",
		Short: "Forget a contact",
		Args:  words("NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := p.folder()
			if err != nil {
				return err
			}
			contacts, err := f.Contacts()
			if err != nil {
				return err
			}
			return contacts.Remove(args[0])
		},
	}
}
