// Package node composes host, discovery, rooms, direct chat, catch-up and the
// message log into one running peer: commands go in, ordered events come out.
//
// A Node owns one goroutine per conversation (see conversation), which alone
// changes what is known about it, and those of the packages it starts. Close
// ends them all and waits. Package node shows nothing and reads no settings:
// see ui and cmd/p2pchat.
package node
