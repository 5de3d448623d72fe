// Package history remembers what was said: the segments of every conversation,
// in the one order that all members share.
//
// A log answers what the protocols ask: which heads a conversation has, which
// segments are missing, which come behind a point. Memory keeps its log in
// memory and forgets it with the process. Package history neither checks
// signatures (see wire) nor speaks to anybody (see catchup).
//
// No goroutine is started here.
package history
