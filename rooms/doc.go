// Package rooms joins, publishes to and listens in gossip rooms, and knows who
// is in them (PROTOCOL.md, section 5).
//
// A Service is gossipsub on a host. A Room is one conversation in it: envelopes
// go out with Publish and come in, verified, through a Handler; beacons are sent
// and heard by the Room itself. Gossip loses messages without a word: the Room
// reports what it notices (Handler.Lost, Dropped), and leaves the repair to
// others. Package rooms does not find peers (see discovery) and does not
// remember messages (see history).
//
// Gossip does not use relayed connections. A seed that relays for others
// therefore forwards their rooms (Config.Forward), verified, without being in
// them: it keeps nothing, and is no member (Config.Forwarder).
//
// Gossipsub may forget a neighbour for ever. A Service notices, and begins anew
// with that neighbour: first the gossip streams, then the connection
// (Config.Forgotten).
//
// A Room owns one goroutine, which calls the Handler, and one that waits for
// gossipsub's news of topic peers; Close stops and waits for both. A Service
// owns gossipsub's goroutines, one that repairs, and two that forward; Close
// stops them.
package rooms
