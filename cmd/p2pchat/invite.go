package main

import (
	"fmt"
	"strings"

	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// whoAmI names this node's person: nick and peer ID.
func whoAmI(r *running) string {
	if r.cfg.Name.Empty() {
		return r.Self().String()
	}
	return r.cfg.Name.Line() + " (" + r.Self().String() + ")"
}

// inviteTo is the command line with which somebody else comes here: through
// our seeds or, without any, through this node itself.
func inviteTo(r *running, what string) string {
	words := []string{"p2pchat", what}
	for _, s := range r.cfg.Seeds {
		if len(s.Addrs) > 0 {
			words = append(words, "--seed", fmt.Sprintf("%s/p2p/%s", s.Addrs[0], s.ID))
		}
	}
	if a := bestAddr(r.Addrs()); a != "" && len(r.cfg.Seeds) == 0 {
		words = append(words, "--seed", a)
	}
	return strings.Join(words, " ")
}

// bestAddr prefers an address that other machines can reach.
func bestAddr(addrs []string) string {
	best, rank := "", -1
	for _, s := range addrs {
		a, err := multiaddr.NewMultiaddr(s)
		if err != nil {
			continue
		}
		r := 1
		switch {
		case manet.IsPublicAddr(a):
			r = 2
		case manet.IsIPLoopback(a):
			r = 0
		}
		if r > rank {
			best, rank = s, r
		}
	}
	return best
}

// shellWord quotes s if a shell would not take it as one word.
func shellWord(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
