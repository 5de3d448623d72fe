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
	var f peersFlags
	wait := waitFlag(5 * time.Second)
	cmd := &cobra.Command{
		Use:   "peers",
		Short: "Show who is online",
		Long: `Show who is online: everybody this node can learn of through its seeds, the
local network and people met before. Nobody sees the one who looks.

With -v it shows the connections it has made for this instead, as netstat does,
with who it is: direct or relayed, addresses, age, bytes, round trip, protocols.
In a talk, /net shows those of the talk's node.`,
		Args: words(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.wait = time.Duration(wait)
			return p.peers(cmd.Context(), f)
		},
	}
	// It takes the place of the flag of all commands: here a person wants to see
	// more of the network, not the program's own records.
	cmd.Flags().BoolVarP(&f.connections, "verbose", "v", false, "show the connections, with all that is known of them")
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object a line")
	cmd.Flags().BoolVar(&f.watch, "watch", false, "go on and print the list anew whenever it changes")
	cmd.Flags().Var(&wait, "wait", "look for others for at most `DURATION`")
	return cmd
}

// peersFlags are those of peers.
type peersFlags struct {
	json, watch, connections bool
	wait                     time.Duration
}

// peers runs a node that nobody sees, under a key made for this one run: under
// the folder's own, friends would hand it private messages.
func (p *program) peers(ctx context.Context, f peersFlags) (err error) {
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
	return p.look(ctx, cfg, f)
}

// look starts the node and prints who is online.
func (p *program) look(ctx context.Context, cfg node.Config, f peersFlags) error {
	cfg.Invisible = true
	n, err := node.Start(ctx, cfg) // it dials only, unless --listen says otherwise
	if err != nil {
		return err
	}
	defer n.Close(context.WithoutCancel(ctx))
	events := n.Subscribe()
	defer events.Close()

	end := time.Now().Add(f.wait)
	for first := true; ; first = false {
		if err := p.quiet(ctx, events, end, !first); err != nil {
			return err
		}
		found, err := p.show(ctx, n, f, first && !f.watch)
		switch {
		case err != nil:
			return err
		case !found && !f.watch:
			return &fault{text: "nobody was found", hint: "give a seed with --seed, or look longer with --wait 30s", code: codeNotFound}
		case !f.watch:
			return nil
		}
		end = time.Time{}
	}
}

// show prints what there is now, and tells whether it is anything; with orNothing
// no empty list is printed.
func (p *program) show(ctx context.Context, n *node.Node, f peersFlags, orNothing bool) (found bool, err error) {
	if f.connections {
		list, err := n.Connections(ctx)
		if err != nil || len(list) == 0 && orNothing {
			return false, err
		}
		return len(list) > 0, p.printConnections(list, f.json)
	}
	list, err := n.Peers(ctx)
	if err != nil || len(list) == 0 && orNothing {
		return false, err
	}
	return len(list) > 0, p.printPeers(list, f.json)
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
			}{"peer", x.Nick, x.Peer, x.Online, x.Seed, x.How, x.Addr, milliseconds(x.RTT), x.Since.UTC().Truncate(time.Millisecond)})
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

func (p *program) printConnections(list []node.Connection, asJSON bool) error {
	if !asJSON {
		return writeConnections(p.out, list, time.Now())
	}
	for _, c := range list {
		b, err := connectionJSON(c)
		if err != nil {
			return err
		}
		if err := p.print(b); err != nil {
			return err
		}
	}
	return nil
}
