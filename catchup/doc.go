// Package catchup makes the logs of two members equal, at a cost proportional
// to their difference (PROTOCOL.md, section 7).
//
// One run is a talk over one stream: the caller opens it and asks, the other
// side answers. Both find out in which ranges of a conversation's order their
// logs differ (range-based set reconciliation; Aljoscha Meyer, "Range-Based Set
// Reconciliation", 2023), then the caller fetches what it lacks and hands over
// what the other lacks. Every segment is verified as if it had come live.
// Whatever the other side does, a run costs bounded time, memory and traffic:
// see limits.
//
// Package catchup does not decide when to run and with whom, and stores
// nothing: it is given a Log and a function that accepts segments. Every run is
// one goroutine: the caller's own, or the stream handler's. Close ends them all
// and waits.
package catchup
