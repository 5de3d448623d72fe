package gui

import (
	"net"
	"testing"
	"time"
)

func TestCrowdDropsWhoWaitsLongest(t *testing.T) {
	c := newCrowd(3)
	at := time.Unix(0, 0)
	conns := make([]net.Conn, 5)
	for i := range conns {
		conns[i], _ = net.Pipe()
		defer conns[i].Close()
	}
	for i, want := range []net.Conn{nil, nil, nil, conns[1], conns[2]} {
		if got := c.come(conns[i], at.Add(time.Duration(i)*time.Second)); got != want {
			t.Fatalf("when connection %d comes, another has to go than the one expected", i)
		}
		if i == 0 {
			c.set(conns[0], true)
		}
	}
	c.set(conns[1], true) // it is closed, and not known any more
	if len(c.conns) != 3 {
		t.Errorf("%d are known", len(c.conns))
	}
}
