// Package host builds the libp2p host of a node from a config: TCP, Noise,
// yamux, fixed limits, a gater and a connection manager, and all that makes a
// node reachable: a place at relays, a port at the router, hole punching, proof
// that a public address is one, and a watch over the machine's network. On a
// seed it serves relay places and that proof to others.
//
// It is assembled by hand instead of by the root package of go-libp2p, which
// links QUIC and WebRTC even for a host that never uses them (9 MB of binary,
// 7 MB of idle memory). Some parts that libp2p has are our own here, because
// its own poll where we are told, wait where nobody need, or believe strangers:
// keeping reservations (relay.go), what others see of us (observe.go), which
// addresses are proven (prove.go) and advertised (addrs.go).
//
// A Host owns every goroutine that libp2p starts for it; Close stops them all
// and waits. Package host does not find peers (see discovery), does not dial
// seeds (see bootstrap), does not keep keys (see identity) and does not decide
// who is blocked: it asks Config.Blocked.
package host
