package api

import (
	"errors"
	"net"
	"testing"
)

func TestPeerCredentials(t *testing.T) {
	if err := judgePeer(1000, 1001); !errors.Is(err, ErrExposed) {
		t.Fatal(err)
	}
	if err := judgePeer(1000, 1000); err != nil {
		t.Fatal(err)
	}
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if _, err := checkPeer(a); !errors.Is(err, ErrExposed) { // whose end that is cannot be told
		t.Fatal(err)
	}
}
