//go:build race

package testnet

import "runtime"

// oneProcessor avoids a fault of Go (seen in 1.26.8): inside a bubble, a timer
// that is already due when its channel is read reports to the race detector
// through a record of which there is one for each bubble, without a lock. Two
// processors at once corrupt it, and the process dies (SIGSEGV in
// runtime.(*timer).maybeRunChan, or "ThreadSanitizer: CHECK failed"). libp2p
// reads such a timer at every dial. With one processor it cannot happen, and
// races are found all the same: the detector looks at order, not at time.
//
// It is not undone, since other tests of the process may run bubbles too. Tests
// that use bubbles without testnet want go test -race -cpu 1.
func oneProcessor() { runtime.GOMAXPROCS(1) }
