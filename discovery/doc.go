// Package discovery turns a name, of a room or a peer, into live connections.
//
// It tries everything at once and the first answer wins: addresses remembered
// from last time, the Kademlia DHT, and mDNS on the local network
// (PROTOCOL.md, section 8). The DHT is a hint, never the truth: people who have
// met find each other again without it.
//
// A connection through a relay counts: one can talk over it. While it is the only
// one with somebody, a direct connection is looked for, ever less often.
//
// Whoever answers a question is a stranger. What is dialled on a stranger's word
// is bounded and filtered (scope.go): never a name, and never an address of the
// local network or of this machine, unless our seeds are there as well.
//
// A Service owns one goroutine that hears the host's events, one that saves what
// is remembered, and some for the local network; each Search and each name announced owns one more. Close
// stops them all and waits. Package discovery does not keep seeds connected
// (see bootstrap), does not store the book of peers (it is given one), and does
// not know what is said in a room.
package discovery
