//go:build race

package node

// slow is whether the race detector runs, under which handshakes take ten times
// as long: crowds are smaller then.
const slow = true
