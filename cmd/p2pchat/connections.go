package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
)

// A safe string is written with everything escaped that could hurt a terminal.
type safe string

// MarshalJSON implements json.Marshaler.
func (s safe) MarshalJSON() ([]byte, error) { return chat.AppendJSON(nil, string(s)), nil }

// objectLine is the JSON form of an object, without the line's end. Unlike
// json.Marshal's it leaves < and > as they are: it is for no browser.
func objectLine(o any) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(o)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// writeConnections writes a table for a person, as netstat does.
func writeConnections(out io.Writer, list []api.Connection, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WHO\tPATH\tDIR\tLOCAL\tREMOTE\tOVER\tAGE\tIN\tOUT\tROUND TRIP\tPROTOCOLS")
	for _, c := range list {
		dir := "out"
		if c.Inbound {
			dir = "in"
		}
		fmt.Fprintln(w, strings.Join([]string{
			whoIs(c), pathOf(c), dir, hostPort(c.Local), hostPort(c.Remote), carriers(c),
			ageOf(now.Sub(c.Opened)), approxSize(c.In), approxSize(c.Out), roundTrip(c.RTT), protocols(c.Streams),
		}, "\t"))
	}
	return w.Flush()
}

// whoIs names the other end: nick, the end of the peer ID, and what it is to us.
func whoIs(c api.Connection) string {
	return strings.ReplaceAll(c.Nick.Line(), "\t", " ") + "~" + c.Peer.Short() + " (" + c.Role + ")"
}

func pathOf(c api.Connection) string {
	switch {
	case !c.Relayed:
		return "direct"
	case c.Via == nil:
		return "relayed"
	default:
		return "relayed by ~" + c.Via.Short()
	}
}

// hostPort is an address as other programs write it; what has none, as a
// connection through a relay at its near end, is written as it is.
func hostPort(s string) string {
	a, err := ma.NewMultiaddr(s)
	if err != nil {
		return orDash(chat.SafeString(s))
	}
	_, text, err := manet.DialArgs(a)
	if err != nil {
		return orDash(chat.SafeString(s))
	}
	return text
}

// carriers are what a connection is made of.
func carriers(c api.Connection) string {
	var all []string
	for _, s := range []string{c.Transport, c.Security, c.Muxer} {
		if s = chat.SafeString(strings.TrimPrefix(s, "/")); s != "" {
			name, _, _ := strings.Cut(s, "/") // without its version
			all = append(all, name)
		}
	}
	return orDash(strings.Join(all, " "))
}

func ageOf(d time.Duration) string {
	if d >= time.Hour {
		return strings.TrimSuffix(d.Truncate(time.Minute).String(), "0s")
	}
	return max(d, 0).Truncate(time.Second).String()
}

// approxSize is a number of bytes for a person; none means not known.
func approxSize(n uint64) string {
	if n == 0 {
		return "-"
	}
	size, unit := float64(n), 0
	for ; size >= 1024 && unit < 4; unit++ {
		size /= 1024
	}
	name := []string{"B", "KiB", "MiB", "GiB", "TiB"}[unit]
	if unit == 0 || size >= 100 {
		return fmt.Sprintf("%.0f%s", size, name)
	}
	return fmt.Sprintf("%.1f%s", size, name)
}

// roundTrip writes milliseconds.
func roundTrip(ms float64) string {
	if ms <= 0 {
		return "-"
	}
	return time.Duration(ms * float64(time.Millisecond)).Round(100 * time.Microsecond).String()
}

// protocols writes streams, each once with its number.
func protocols(streams []string) string {
	count := make(map[string]int)
	for _, s := range streams {
		count[chat.SafeString(s)]++
	}
	var all []string
	for s, n := range count {
		if n > 1 {
			s = fmt.Sprintf("%s x%d", s, n)
		}
		all = append(all, s)
	}
	slices.Sort(all)
	return orDash(strings.Join(all, ", "))
}

// orDash is s, or what stands for nothing.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
