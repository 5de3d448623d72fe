package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/identity"
)

func (p *program) idCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "id",
		Short: "Show your own peer ID and addresses",
		Args:  words(),
		RunE: func(*cobra.Command, []string) error {
			f, err := p.folderToRead()
			if err != nil {
				return err
			}
			return p.id(f, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}

func (p *program) id(f *identity.Folder, asJSON bool) error {
	_, self, err := f.Key()
	if err != nil {
		return err
	}
	addrs, err := p.ownAddrs(f, self)
	if err != nil {
		return err
	}
	if asJSON {
		b, err := json.Marshal(struct {
			Peer        chat.PeerID `json:"peer"`
			Fingerprint string      `json:"fingerprint"`
			Addrs       []string    `json:"addrs"`
		}{self, self.Fingerprint(), addrs})
		if err != nil {
			return err
		}
		return p.print(string(b))
	}
	return p.print(strings.Join(append([]string{self.String(), "fingerprint " + self.Fingerprint()}, addrs...), "\n"))
}

// ownAddrs lists where this identity listens when it runs: --listen, or every
// interface at the port kept from the first start, which is chosen now if
// there was none. If none was and none can be kept, it has no address yet.
func (p *program) ownAddrs(f *identity.Folder, self chat.PeerID) ([]string, error) {
	listen := p.settings.Listen
	if len(listen) == 0 {
		port, err := f.Port()
		if err == nil && port == 0 {
			if port, err = freePort(); err == nil {
				err = f.SetPort(port)
			}
		}
		if errors.Is(err, identity.ErrFolderNotWritable) {
			return []string{}, nil
		}
		if err != nil {
			return nil, err
		}
		v4, v6 := everywhere(port)
		listen = append(v4, v6...)
	}
	ifaces, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list network interfaces: %w", err)
	}
	var all []ma.Multiaddr
	for _, a := range ifaces {
		if m, err := manet.FromNetAddr(a); err == nil && !manet.IsIP6LinkLocal(m) {
			all = append(all, m)
		}
	}
	resolved, err := manet.ResolveUnspecifiedAddresses(listen, all)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	out := make([]string, 0, len(resolved))
	for _, a := range resolved {
		out = append(out, a.String()+"/p2p/"+self.String())
	}
	return out, nil
}
