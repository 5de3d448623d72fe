//go:build !race

package testnet

// oneProcessor is needed under the race detector only.
func oneProcessor() {}
