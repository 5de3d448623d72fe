package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// completePatience bounds how long a person who pressed Tab waits.
	completePatience = time.Second
	// maxOffered is how many words are offered at most.
	maxOffered = 200
)

// An offer is a word for a shell, and what it stands for.
type offer struct{ word, about string }

// completeRooms offers rooms for the first word.
func (p *program) completeRooms(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	return p.complete(cmd, args, begun, p.knownRooms)
}

// completePeers offers contacts, and who is online, for the first word.
func (p *program) completePeers(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	return p.complete(cmd, args, begun, p.knownPeers)
}

// completeConversations offers both.
func (p *program) completeConversations(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	return p.complete(cmd, args, begun, func(ctx context.Context) []offer { return append(p.knownRooms(ctx), p.knownPeers(ctx)...) })
}

func (p *program) complete(cmd *cobra.Command, args []string, begun string, known func(context.Context) []offer) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 && cmd.Name() != "tail" {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, completePatience)
	defer cancel()
	var words []string
	seen := make(map[string]bool)
	for _, o := range known(ctx) {
		if seen[o.word] || !strings.HasPrefix(o.word, begun) || len(words) >= maxOffered {
			continue
		}
		seen[o.word] = true
		words = append(words, o.word+"\t"+o.about)
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// knownRooms are the rooms of the node that runs, or else of the history.
func (p *program) knownRooms(ctx context.Context) (out []offer) {
	rooms, _ := p.listRooms(ctx) // nothing to offer is no error to a shell
	for _, r := range rooms {
		about := "room"
		if r.Open {
			about = "room, open"
		}
		out = append(out, offer{r.Conversation.String(), about})
	}
	return out
}

// knownPeers are the contacts, and whoever is online if a node runs.
func (p *program) knownPeers(ctx context.Context) (out []offer) {
	folder, err := p.folderToRead()
	if err != nil {
		return nil
	}
	contacts, err := folder.Contacts()
	if err != nil {
		return nil
	}
	for _, c := range contacts.List() {
		if c.Name != "" && !c.Blocked {
			out = append(out, offer{c.Name, "contact"})
		}
	}
	_, _ = p.withRunning(ctx, folder, func(s *session) error {
		list, err := s.Peers(ctx)
		for _, x := range list {
			if !x.Seed && x.Peer != s.Self() {
				out = append(out, offer{x.Peer.String(), chat.SafeString(x.Nick.Line()) + ", online"})
			}
		}
		return err
	})
	return out
}
