package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/bootstrap"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/node"
)

// parseListen reads --listen: /ip4 or /ip6, an address, /tcp and a port.
func parseListen(all []string) ([]ma.Multiaddr, error) {
	out := make([]ma.Multiaddr, 0, len(all))
	for _, s := range all {
		a, err := ma.NewMultiaddr(s)
		if err != nil || len(a) != 2 || a[0].Code() != ma.P_IP4 && a[0].Code() != ma.P_IP6 || a[1].Code() != ma.P_TCP {
			return nil, &fault{
				text: fmt.Sprintf("--listen %q is no address to listen on", s), code: codeUsage, cause: err,
				hint: "for example /ip4/0.0.0.0/tcp/4001",
			}
		}
		out = append(out, a)
	}
	return out, nil
}

// start starts a node on its addresses. Without --listen these are all
// interfaces, at the seed's port or at one that is chosen at the first start
// and kept.
func (p *program) start(ctx context.Context, f *identity.Folder, cfg node.Config) (*node.Node, error) {
	switch {
	case len(cfg.Listen) > 0:
		return node.Start(ctx, cfg)
	case cfg.Seed:
		cfg.Listen, cfg.ListenOptional = bootstrap.Listen()
		return node.Start(ctx, cfg)
	}
	port, err := f.Port()
	if err != nil {
		return nil, err
	}
	if port != 0 {
		cfg.Listen, cfg.ListenOptional = everywhere(port)
		n, err := node.Start(ctx, cfg)
		if !errors.Is(err, syscall.EADDRINUSE) {
			return n, err
		}
		p.say("port %d, used last time, is taken; using another one this time", port)
	}
	// Somebody may take the port between our look and our listening.
	const tries = 5
	for i := 1; ; i++ {
		free, err := freePort()
		if err != nil {
			return nil, fmt.Errorf("choose a port: %w", err)
		}
		cfg.Listen, cfg.ListenOptional = everywhere(free)
		n, err := node.Start(ctx, cfg)
		if errors.Is(err, syscall.EADDRINUSE) && i < tries {
			continue
		}
		if err == nil && port == 0 {
			if err := f.SetPort(free); err != nil {
				return nil, errors.Join(err, n.Close(ctx))
			}
		}
		return n, err
	}
}

// everywhere is all interfaces, IPv4 and, where there is such, IPv6.
func everywhere(port int) (required, optional []ma.Multiaddr) {
	v4 := ma.StringCast(fmt.Sprintf("/ip4/0.0.0.0/tcp/%d", port))
	v6 := ma.StringCast(fmt.Sprintf("/ip6/::/tcp/%d", port))
	return []ma.Multiaddr{v4}, []ma.Multiaddr{v6}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
