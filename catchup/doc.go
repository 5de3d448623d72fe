// Package catchup makes the logs of two members equal, at a cost proportional
// to their difference (PROTOCOL.md, section 7).
//
// One run is a talk over one stream: the caller opens it and asks, the other
// side answers. Both find out in which ranges of a conversation's order their
// logs differ (range-based set reconciliation; Aljoscha Meyer, "Range-Based Set
// Reconciliation", 2023), from sums that the logs keep; neither ever has all IDs
// in memory. The caller fetches what it lacks, the newest first and while older
// ranges are still compared, then hands over what the other lacks. Every segment
// is verified as if it had come live. A run that breaks off leaves what it
// brought, and the next one, with whomever, goes on from there. Whatever the
// other side does, a run costs bounded time, memory, work and traffic: see
// limits.
//
// Package catchup does not decide when to run and with whom, and stores
// nothing: it is given a Log and a function that accepts segments. Every run is
// one goroutine, the caller's own or the stream handler's; a caller has two more
// that verify and store what it reads. Close ends them all and waits.
//
// The decisions are pure: reconcile and builder turn frames into frames,
// difference keeps what a caller found out; reader is their only way to the log.
package catchup
