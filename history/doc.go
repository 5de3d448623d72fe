// Package history remembers what was said: the segments of every conversation,
// in the one order that all members share, how far our own ones got, and which
// ones wait for somebody.
//
// A log answers what the protocols ask: which heads a conversation has, which
// segments are missing, which come behind a point. DB keeps its log in a file
// and returns from storing when that is on the disk; Memory forgets it with the
// process. Both do the same. Package history neither checks signatures (see
// wire) nor speaks to anybody (see catchup).
//
// A DB owns one goroutine, which writes; Close stops it and waits. A Memory
// starts none.
package history
