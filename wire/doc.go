// Package wire turns the words of package chat into bounded, signed bytes and
// back. It is pure: it reads from an io.Reader and writes to an io.Writer, and
// knows no network, clock or disk.
//
// Signed things (segments, beacons) travel in libp2p envelopes (libp2p RFC
// 0002, "signed envelopes"). Their bytes are checked as received and never
// marshalled anew, and they have one encoding only: see Strict. Frames between
// two peers are protobuf messages after a length (PROTOCOL.md, section 3).
package wire

//go:generate protoc --go_out=.. --go_opt=module=github.com/p2pchat/p2pchat -I .. wire/pb/p2pchat.proto
