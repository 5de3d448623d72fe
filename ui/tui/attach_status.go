package tui

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/p2pchat/p2pchat/api"
)

// Status implements Node.
func (a *attached) Status(ctx context.Context) (Status, error) {
	st, err := a.Client.Status(ctx)
	if err != nil {
		return Status{}, err
	}
	out := Status{Peers: st.Peers, Relayed: st.Relayed}
	if n := st.Network; n != nil {
		for _, s := range n.Seeds {
			out.Seeds = append(out.Seeds, Seed{Name: seedName(s), Connected: s.Connected, Trouble: s.LastError})
		}
		out.Reach, out.LAN = reachWords(n), lanWords(n.LAN)
	}
	return out, nil
}

// seedName is what a person calls a seed: the host it is at.
func seedName(s api.Seed) string {
	for _, addr := range s.Addrs {
		if h := hostOf(addr); h != "" {
			return h
		}
	}
	return "~" + s.Peer.Short()
}

// hostOf is the host of a multiaddr: of /dns4/seed.example/tcp/4748 the name.
func hostOf(addr string) string {
	parts := strings.Split(addr, "/")
	if len(parts) < 3 {
		return ""
	}
	return parts[2]
}

// reachWords say how others reach this node.
func reachWords(n *api.Network) string {
	reserved := false
	for _, s := range n.Seeds {
		reserved = reserved || s.Reserved
	}
	switch {
	case n.Reachability == "public":
		return "everybody can reach you directly"
	case reserved:
		return "others reach you through a seed, and then directly where that works"
	case n.Reachability == "private":
		return "behind a router that lets nobody in: you reach others, they do not reach you"
	default:
		return "not known yet whether others can reach you"
	}
}

// lanWords say what the look-out on the local network does.
func lanWords(all []api.LAN) string {
	var on, off []string
	for _, l := range all {
		if l.On {
			on = append(on, l.Interface)
		} else if l.LastError != "" {
			off = append(off, l.Interface+": "+l.LastError)
		}
	}
	switch {
	case len(on) > 0:
		return "looking for others (" + strings.Join(on, ", ") + ")"
	case len(off) > 0:
		return "not searched (" + strings.Join(off, "; ") + ")"
	default:
		return "not searched"
	}
}

// Net implements Node.
func (a *attached) Net(ctx context.Context) ([]Connection, error) {
	all, err := a.Connections(ctx)
	out := make([]Connection, 0, len(all))
	for _, x := range all {
		c := Connection{
			Peer: x.Peer, Nick: x.Nick.Text, Role: x.Role, Relayed: x.Relayed, Remote: x.Remote,
			RTT: time.Duration(x.RTT * float64(time.Millisecond)), Since: x.Opened, In: x.In, Out: x.Out,
		}
		if x.Via != nil {
			c.Via = *x.Via
		}
		out = append(out, c)
	}
	return out, err
}

// sizeWords is a number of bytes for people.
func sizeWords(n uint64) string {
	const k = 1000
	switch {
	case n < k:
		return fmt.Sprintf("%d B", n)
	case n < k*k:
		return fmt.Sprintf("%.1f kB", float64(n)/k)
	case n < k*k*k:
		return fmt.Sprintf("%.1f MB", float64(n)/(k*k))
	default:
		return fmt.Sprintf("%.1f GB", float64(n)/(k*k*k))
	}
}

// agoWords is how long something has lasted, for people.
func agoWords(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
}
