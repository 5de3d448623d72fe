// Package api lets any number of faces, in any number of processes, use the one
// node of a data folder: HTTP/1.1 with JSON over a unix socket in the folder
// (PROTOCOL.md, section 11).
//
// Serve is for the process that runs the node, and that therefore holds the
// folder's lock; Dial is for faces, also for those in that same process. A Client
// has the methods of a node, and a Stream its events, so that a face need not know
// whether the node is its own. When the node's process ends, a Client finds the
// next one by itself, opens what it had open, and says again what was not accepted
// yet; who becomes the next one is up to its Options.Lost.
//
// The socket belongs to one user: it is refused, at both ends, if another could
// write to it. Who can connect can do all that the user can. Still every request
// is bounded, and no slow reader holds up the node or another face.
//
// A Server owns one goroutine that gathers the node's events, one that measures
// traffic, one that accepts connections, one for each face that has just gone and
// those of net/http; Close stops them all and waits. A Stream owns two goroutines,
// one that reads and one that notices silence, and a request under way owns one. No
// process that is stopped holds up a face: see ErrSilent. Package api runs no node,
// finds no peers and shows nothing.
package api

import "github.com/p2pchat/p2pchat/chat"

// Version is the version of the interface. A client and a server of different
// versions refuse each other; within a version fields and requests may come, and
// none go.
const Version = 1

// Limits of the interface (PROTOCOL.md, section 10).
const (
	// MaxStreams is how many event streams and diagnoses run at once.
	MaxStreams = 64
	// MaxConns is how many connections are open at once; others wait.
	MaxConns = 256
	// MaxBody is the longest body of a request, in bytes: a text, with each
	// character written as an escape, and 64 KiB around it.
	MaxBody = 64<<10 + 6*chat.MaxText
	// MaxPage is how many messages a page has at most.
	MaxPage = 1000
	// MaxEvents is how many events can be resumed behind.
	MaxEvents = 10_000
	// MaxKeys is how many commands are remembered that were sent with a key.
	MaxKeys = 10_000
	// MaxKey is the longest such key, in bytes.
	MaxKey = 128
	// MaxDraftKey is the longest name a writer can give its message, in bytes.
	MaxDraftKey = 256
)
