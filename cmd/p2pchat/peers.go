package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/node"
	"github.com/p2pchat/p2pchat/ui/line"
)

// listQuiet is how long the list must not change before it is shown.
const listQuiet = 500 * time.Millisecond

func (p *program) peersCommand() *cobra.Command {
	var f peersFlags
	wait := waitFlag(5 * time.Second)
	cmd := &cobra.Command{
		Use:   "peers",
		Short: "Show who is online",
		Long: `Show who is online: everybody the node of the data folder knows of or, if none
runs, everybody that can be learnt of through seeds, the local network and people
met before; nobody sees the one who looks.

With -v it shows the connections instead, as netstat does, with who it is: direct
or relayed, addresses, age, bytes, round trip, protocols.`,
		Args: words(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.wait = time.Duration(wait)
			return p.peers(cmd.Context(), f)
		},
	}
	// It takes the place of the flag of all commands: here a person wants to see
	// more of the network, not the program's own records.
	cmd.Flags().BoolVarP(&f.connections, "verbose", "v", false, "show the connections, with all that is known of them")
	cmd.Flags().BoolVar(&f.drawn, "map", false, "draw a map: who is connected how, how far away, and through whom")
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object a line")
	cmd.Flags().BoolVar(&f.watch, "watch", false, "go on and print the list anew whenever it changes")
	cmd.Flags().Var(&wait, "wait", "look for others for at most `DURATION`")
	return cmd
}

// peersFlags are those of peers.
type peersFlags struct {
	json, watch, connections, drawn bool
	wait                            time.Duration
}

// A lookout is what shows who is online: the folder's node, or one for this look.
type lookout interface {
	Peers(ctx context.Context) ([]api.Peer, error)
	Connections(ctx context.Context) ([]api.Connection, error)
}

// peers asks the folder's node if one runs, and else a node that nobody sees.
func (p *program) peers(ctx context.Context, f peersFlags) error {
	folder, err := p.folder()
	if err != nil {
		return err
	}
	if !p.flags.set.Changed("seed") {
		running, err := p.withRunning(ctx, folder, func(s *session) error {
			events, err := s.Events(ctx)
			if err != nil {
				return err
			}
			defer events.Close()
			if found, err := p.show(ctx, s, f, true); err != nil || found && !f.watch {
				return err
			}
			return p.watch(ctx, s, events, f)
		})
		if running || err != nil {
			return err
		}
	}
	return p.peersAlone(ctx, folder, f)
}

// peersAlone runs a node that nobody sees, under a key made for this one run:
// under the folder's own, friends would hand it private messages.
func (p *program) peersAlone(ctx context.Context, folder *identity.Folder, f peersFlags) (err error) {
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
	cfg.Invisible = true
	n, err := node.Start(ctx, cfg) // it dials only, unless --listen says otherwise
	if err != nil {
		return err
	}
	defer n.Close(context.WithoutCancel(ctx))
	events := n.Subscribe()
	defer events.Close()
	return p.watch(ctx, hidden{n}, events, f)
}

// hidden is a node for one look.
type hidden struct{ n *node.Node }

func (h hidden) Peers(ctx context.Context) (out []api.Peer, err error) {
	list, err := h.n.Peers(ctx)
	for _, x := range list {
		out = append(out, api.NewPeer(x))
	}
	return out, err
}

func (h hidden) Connections(ctx context.Context) (out []api.Connection, err error) {
	list, err := h.n.Connections(ctx)
	for _, c := range list {
		out = append(out, api.NewConnection(c))
	}
	return out, err
}

// watch prints who is online, once or whenever it changes.
func (p *program) watch(ctx context.Context, n lookout, events line.Events, f peersFlags) error {
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
func (p *program) show(ctx context.Context, n lookout, f peersFlags, orNothing bool) (found bool, err error) {
	if f.drawn {
		return p.showMap(ctx, n, f.json, orNothing)
	}
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
func (p *program) quiet(ctx context.Context, events line.Events, end time.Time, again bool) error {
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

func (p *program) printPeers(list []api.Peer, asJSON bool) error {
	if asJSON {
		for _, x := range list {
			if err := p.printObject(x); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NICK\tPEER\tCONNECTED\tROUND TRIP\tSEEN SINCE")
	for _, x := range list {
		nick, how, rtt := x.Nick.Line(), x.How, roundTrip(x.RTT)
		if nick == "" {
			nick = "-"
		}
		if x.Seed {
			nick += " (seed)"
		}
		if how == "" {
			how = "through others"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", nick, x.Peer, how, rtt, x.Since.Local().Format("15:04:05"))
	}
	return w.Flush()
}

func (p *program) printConnections(list []api.Connection, asJSON bool) error {
	if !asJSON {
		return writeConnections(p.out, list, time.Now())
	}
	for _, c := range list {
		if err := p.printObject(c); err != nil {
			return err
		}
	}
	return nil
}
