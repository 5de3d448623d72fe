package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/node"
)

// listQuiet is how long the list must not change before it is shown.
const listQuiet = 500 * time.Millisecond

func (p *program) peersCommand() *cobra.Command {
	var asJSON, watch bool
	wait := waitFlag(5 * time.Second)
	cmd := &cobra.Command{
		Use:   "peers",
		Short: "Show who is online",
		Long: `Show who is online: everybody this node can learn of through its seeds, the
local network and people met before. Nobody sees the one who looks.`,
		Args: words(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.peers(cmd.Context(), asJSON, watch, time.Duration(wait))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	cmd.Flags().BoolVar(&watch, "watch", false, "go on and print the list anew whenever it changes")
	cmd.Flags().Var(&wait, "wait", "look for others for at most `DURATION`")
	return cmd
}

// peers runs a node that nobody sees, under a key made for this one run: under
// the folder's own, friends would hand it private messages.
func (p *program) peers(ctx context.Context, asJSON, watch bool, wait time.Duration) (err error) {
	folder, err := p.folder()
	if err != nil {
		return err
	}
	cfg, err := p.config(folder, false)
	if err != nil {
		return err
	}
	if cfg.Key, _, err = identity.Ephemeral(); err != nil {
		return err
	}
	unlock, err := folder.Lock()
	switch {
	case errors.Is(err, identity.ErrInUse):
		cfg.Book = readOnly{cfg.Book}
	case err != nil:
		return err
	default:
		defer func() { err = errors.Join(err, unlock()) }()
	}
	return p.look(ctx, cfg, asJSON, watch, wait)
}

// look starts the node and prints who is online.
func (p *program) look(ctx context.Context, cfg node.Config, asJSON, watch bool, wait time.Duration) error {
	cfg.Invisible = true
	n, err := node.Start(ctx, cfg) // it dials only, unless --listen says otherwise
	if err != nil {
		return err
	}
	defer n.Close(context.WithoutCancel(ctx))
	events := n.Subscribe()
	defer events.Close()

	end := time.Now().Add(wait)
	for first := true; ; first = false {
		if err := p.quiet(ctx, events, end, !first); err != nil {
			return err
		}
		list, err := n.Peers(ctx)
		if err != nil {
			return err
		}
		if len(list) == 0 && first && !watch {
			return &fault{text: "nobody was found", hint: "give a seed with --seed, or look longer with --wait 30s", code: codeNotFound}
		}
		if err := p.printPeers(list, asJSON); err != nil || !watch {
			return err
		}
		end = time.Time{}
	}
}

// quiet waits until members came and nothing changed for listQuiet, or until
// end, if there is one. With again it first waits for a change.
func (p *program) quiet(ctx context.Context, events *node.Subscription, end time.Time, again bool) error {
	some := false
	for {
		limit := listQuiet
		if !some {
			limit = time.Hour
			if !end.IsZero() {
				limit = time.Until(end)
			}
		}
		next, cancel := context.WithTimeout(ctx, limit)
		evs, err := events.Next(next)
		cancel()
		if ctx.Err() != nil {
			return errInterrupted
		}
		if err != nil {
			if some || !again {
				return nil
			}
			continue
		}
		for _, ev := range evs {
			p.notice(ev)
			if m, ok := ev.(chat.Member); ok && m.Conversation.IsPresence() {
				some = true
			}
		}
	}
}

func (p *program) printPeers(list []node.Peer, asJSON bool) error {
	if asJSON {
		for _, x := range list {
			b, err := json.Marshal(struct {
				Type   string      `json:"type"`
				Nick   chat.Text   `json:"nick"`
				Peer   chat.PeerID `json:"peer"`
				Online bool        `json:"online"`
				Seed   bool        `json:"seed"`
				How    string      `json:"how"`
				Addr   string      `json:"addr"`
				RTT    float64     `json:"rtt_ms"`
				Since  time.Time   `json:"since"`
			}{"peer", x.Nick, x.Peer, x.Online, x.Seed, x.How, x.Addr, float64(x.RTT.Microseconds()) / 1000, x.Since.UTC().Truncate(time.Millisecond)})
			if err != nil {
				return err
			}
			if err := p.print(string(b)); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NICK\tPEER\tCONNECTED\tROUND TRIP\tSEEN SINCE")
	for _, x := range list {
		nick, how, rtt := x.Nick.Line(), x.How, "-"
		if nick == "" {
			nick = "-"
		}
		if x.Seed {
			nick += " (seed)"
		}
		if how == "" {
			how = "through others"
		}
		if x.RTT > 0 {
			rtt = x.RTT.Round(100 * time.Microsecond).String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", nick, x.Peer, how, rtt, x.Since.Local().Format("15:04:05"))
	}
	return w.Flush()
}
