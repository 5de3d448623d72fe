package discovery

import ma "github.com/multiformats/go-multiaddr"

// waysIn says by which kinds of addresses others could reach this node.
type waysIn struct{ internet, relay bool }

func waysTo(addrs []ma.Multiaddr) (w waysIn) {
	for _, a := range addrs {
		switch {
		case isCircuit(a):
			w.relay = true
		case scopeOf(a) == publicScope:
			w.internet = true
		}
	}
	return w
}

// more reports whether there is a way that there was not before.
func (w waysIn) more(before waysIn) bool {
	return w.internet && !before.internet || w.relay && !before.relay
}
