//go:build race

package testnet

// crowd is smaller under the race detector, which makes handshakes ten times as
// slow.
const crowd = 15
