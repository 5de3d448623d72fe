//go:build race

package rooms

// crowd is smaller under the race detector, which makes handshakes ten times as
// slow.
const crowd = 12
