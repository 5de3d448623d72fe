package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
)

// rateAfter is how long a node must have run before what it moves in an hour can be
// told: at its start it moves much.
const rateAfter = 5 * time.Minute

func (p *program) statusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the node that runs: who has it, what it costs, how it is connected",
		Long: `Show the node of the data folder: which process runs it and since when, its
memory, connections and traffic, and how well it is connected. The exit code is 3
if none runs.`,
		Args: words(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.status(cmd.Context(), asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}

func (p *program) status(ctx context.Context, asJSON bool) error {
	folder, err := p.folderToRead()
	if err != nil {
		return err
	}
	running, err := p.withRunning(ctx, folder, func(s *session) error {
		st, err := s.Status(ctx)
		if err != nil {
			return err
		}
		if asJSON {
			return p.printObject(st)
		}
		return p.printStatus(st, time.Now())
	})
	if !running && err == nil {
		return &fault{
			text: "no node runs on " + folder.Dir(), code: codeNotFound,
			hint: "p2pchat, p2pchat join and p2pchat daemon run one",
		}
	}
	return err
}

// printStatus prints a status for a person.
func (p *program) printStatus(st api.Status, now time.Time) error {
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	row := func(what, format string, args ...any) {
		fmt.Fprintf(w, "%s\t"+format+"\n", append([]any{what}, args...)...)
	}
	who := st.Peer.String()
	if !st.Name.Empty() {
		who = st.Name.Line() + " (" + who + ")"
	}
	row("node", "%s", who)
	row("process", "%d, p2pchat %s", st.PID, chat.SafeString(st.Version))
	row("runs", "%s, since %s", ageOf(now.Sub(st.Since)), st.Since.Local().Format("2006-01-02 15:04"))
	row("memory", "%s", approxSize(st.Memory))
	row("connections", "%d, %d of them relayed", st.Connections, st.Relayed)
	row("online", "%s", counted(st.Peers, "other"))
	row("faces", "%d, with %s open", st.Faces, counted(st.Open, "conversation"))
	switch t := st.Traffic; {
	case t == nil:
	case now.Sub(st.Since) < rateAfter:
		row("traffic", "%s in and %s out", approxSize(t.In), approxSize(t.Out))
	default:
		row("traffic", "%s in and %s out; in an hour %s in and %s out",
			approxSize(t.In), approxSize(t.Out), approxSize(t.InHour), approxSize(t.OutHour))
	}
	if st.Network != nil {
		networkRows(row, *st.Network)
	}
	for _, a := range st.Addrs {
		row("address", "%s", chat.SafeString(a))
	}
	return w.Flush()
}

// counted counts things.
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// networkRows tell how a node is connected.
func networkRows(row func(what, format string, args ...any), n api.Network) {
	row("reached", "%s", reachWords(n))
	if len(n.Seeds) == 0 {
		row("seeds", "none are set")
	}
	for _, s := range n.Seeds {
		state := "connected"
		switch {
		case !s.Connected && s.LastError != "":
			state = chat.SafeString(s.LastError)
		case !s.Connected:
			state = "no answer"
		case s.Reserved:
			state += ", relays for us"
		}
		row("seed", "~%s %s: %s", s.Peer.Short(), strings.Join(s.Addrs, " "), state)
	}
	row("hash table", "%s, %d known%s", n.DHT.Mode, n.DHT.Size, because(n.DHT.LastError))
	for _, s := range n.Searches {
		where := s.Conversation.String()
		if where == "" {
			where = "who is online"
		}
		row("search", "%s: %d lookups found %d%s", where, s.Lookups, s.Found, because(s.LastError))
	}
	for _, l := range n.LAN {
		state := "off"
		if l.On {
			state = "on"
		}
		row("local network", "%s: %s%s", l.Interface, state, because(l.LastError))
	}
}

// because adds a last error.
func because(err string) string {
	if err == "" {
		return ""
	}
	return "; last error: " + chat.SafeString(err)
}

// reachWords say in plain words how others reach the node.
func reachWords(n api.Network) string {
	relays := 0
	for _, s := range n.Seeds {
		if s.Reserved {
			relays++
		}
	}
	switch {
	case n.Reachability == "public":
		return "directly, from everywhere"
	case relays > 0 && n.NAT == "symmetric":
		return "through a seed; this router makes direct connections hard"
	case relays > 0:
		return "through a seed first, then directly where routers allow it"
	case n.Reachability == "private":
		return "only from the local network"
	default:
		return "not known yet"
	}
}
