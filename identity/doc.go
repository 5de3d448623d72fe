// Package identity keeps what makes a node the same node at every start: its
// Ed25519 key, the names the user gave to peers, whom the user blocked, verified,
// accepted or ignored, who unknown wrote first and waits for an answer to that,
// which peer answered at an address, the seeds that invites named, and a few small
// settings. All of it lives
// in one data folder that belongs to one user.
//
// What is lost with a file decides how the file is treated. A damaged key is
// never replaced: a new one would be another person. Damaged contacts, requests,
// known hosts, seeds and settings are reported and left alone, so that they can be mended by
// hand. The address book is only a cache: a damaged one is moved aside.
//
// Every file is replaced as a whole and durably (written beside, synced,
// renamed), so a crash or a full disk leaves the old file or the new one, never
// half of one. Several processes may use a folder at once: each change is made
// under a short lock on what is in the file at that time. Which one of them is
// the node decides Folder.Lock.
//
// The package starts no goroutine and has nothing to close but that lock. The
// files are private to this program and not part of PROTOCOL.md. Fingerprints
// are chat.PeerID.Fingerprint.
package identity
