package host

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

func TestTrafficIsCounted(t *testing.T) {
	a, b, other := start(t, Config{}), start(t, Config{}), start(t, Config{})
	if err := connect(t, a, b); err != nil {
		t.Fatal(err)
	}
	if err := connect(t, other, b); err != nil {
		t.Fatal(err)
	}
	const size = 100_000
	b.SetStreamHandler("/sink", func(s network.Stream) {
		defer s.Close()
		_, _ = io.Copy(io.Discard, s)
	})
	s, err := a.NewStream(t.Context(), b.ID(), "/sink")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	_ = s.CloseWrite()
	_, _ = io.ReadAll(s) // until b has read all
	ca, cb := a.Network().ConnsToPeer(b.ID())[0], b.Network().ConnsToPeer(a.ID())[0]
	inA, outA := a.Traffic(ca)
	inB, outB := b.Traffic(cb)
	if outA < size || outA > size+20_000 || inB < size || inA > 20_000 || outB > 20_000 {
		t.Errorf("a: %d in, %d out; b: %d in, %d out", inA, outA, inB, outB)
	}
	if _, out := a.TotalTraffic(); out < outA {
		t.Errorf("%d out over one connection, %d in all", outA, out)
	}
	if in, _ := b.TotalTraffic(); in <= inB {
		t.Errorf("%d in over one connection, %d over two", inB, in)
	}
	_ = ca.Close()
	waitFor(t, "the table to forget", func() bool {
		in, out := a.Traffic(ca)
		return in == 0 && out == 0
	})
	if _, out := a.TotalTraffic(); out < size {
		t.Error("the sum forgot a closed connection")
	}
}

// waitFor polls for what happens soon.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		case <-time.After(time.Millisecond):
		}
	}
}

func TestRefusedConnectionsAreForgotten(t *testing.T) {
	a := start(t, Config{DialTimeout: time.Second})
	gone := start(t, Config{})
	remember(a, gone.ID(), gone.Network().ListenAddresses()...)
	_ = gone.Close()
	wrong := start(t, Config{})
	remember(a, gone.ID(), wrong.Network().ListenAddresses()...) // another identity answers
	if _, err := a.Network().DialPeer(t.Context(), gone.ID()); err == nil {
		t.Fatal("connected with somebody else")
	}
	for _, h := range []*Host{a, wrong} {
		waitFor(t, "the table to forget", func() bool {
			h.traffic.mu.Lock()
			defer h.traffic.mu.Unlock()
			return len(h.traffic.conns) == 0
		})
	}
}
