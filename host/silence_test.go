package host

import (
	"runtime"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

func TestDoubts(t *testing.T) {
	silent := false
	d := doubter{silent: func() bool { return silent }}
	now := time.Unix(1000, 0)
	if d.doubts(now) {
		t.Error("a doubt without reason")
	}
	silent = true
	if !d.doubts(now) {
		t.Error("no doubt")
	}
	if d.doubts(now.Add(doubtAgain - 1)) {
		t.Error("another doubt too soon")
	}
	if !d.doubts(now.Add(doubtAgain)) {
		t.Error("no other doubt")
	}
}

// TestSilenceIsSeenOnSockets connects two hosts by TCP: both know the sockets below
// their connections, and nobody is silent.
func TestSilenceIsSeenOnSockets(t *testing.T) {
	alice, bob := start(t, Config{}), start(t, Config{})
	if err := alice.Connect(t.Context(), peer.AddrInfo{ID: bob.ID(), Addrs: bob.Network().ListenAddresses()}); err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]*Host{"who dialled": alice, "who was dialled": bob} {
		h.traffic.mu.Lock()
		if len(h.traffic.conns) != 1 {
			t.Errorf("%s: %d connections", name, len(h.traffic.conns))
		}
		for _, c := range h.traffic.conns {
			if c.raw == nil {
				t.Errorf("%s does not know the socket", name)
			}
		}
		h.traffic.mu.Unlock()
		if h.traffic.anySilent() {
			t.Errorf("%s takes the other for dead, on %s", name, runtime.GOOS)
		}
	}
}
