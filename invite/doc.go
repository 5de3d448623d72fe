// Package invite puts what somebody needs to come to us into one word: who we
// are, where, at which seeds, and the room.
//
// The word is safe in a shell, a URL and a mail that wraps its lines, is marked
// whole by a double click, and may change case on the way, which is how a QR code
// holds it best. It is versioned and checksummed (PROTOCOL.md, section 12). It is
// no secret and proves nothing: the peer ID in it is checked by the connection,
// and the nick is decoration.
//
// Package invite opens nothing and dials nobody. Whoever opens an invite lets its
// author choose which addresses are dialled; their number and kind are bounded
// here.
package invite
