package discovery

import (
	"fmt"
	"testing"

	ma "github.com/multiformats/go-multiaddr"
)

func TestBoundAddrs(t *testing.T) {
	in := []ma.Multiaddr{
		ma.StringCast("/ip4/127.0.0.1/tcp/1"),
		ma.StringCast("/ip4/0.0.0.0/tcp/1"),
		ma.StringCast("/ip4/10.0.0.1/tcp/1"),
		ma.StringCast("/ip4/1.2.3.4/tcp/1"),
		ma.StringCast("/ip4/10.0.0.1/tcp/1"),
		nil,
	}
	got := boundAddrs(in)
	want := []string{"/ip4/1.2.3.4/tcp/1", "/ip4/10.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/1"}
	if len(got) != len(want) {
		t.Fatalf("kept %v", got)
	}
	for i := range want {
		if got[i].String() != want[i] {
			t.Errorf("address %d is %s, want %s", i, got[i], want[i])
		}
	}
	if !in[0].Equal(ma.StringCast("/ip4/127.0.0.1/tcp/1")) {
		t.Error("the caller's list was changed")
	}
	var many []ma.Multiaddr
	for i := range 1000 {
		many = append(many, ma.StringCast(fmt.Sprintf("/ip4/10.0.0.1/tcp/%d", i+1)))
	}
	if got := boundAddrs(append(many, ma.StringCast("/ip4/1.2.3.4/tcp/1"))); len(got) != maxAddrs || got[0].String() != "/ip4/1.2.3.4/tcp/1" {
		t.Errorf("of 1001: %v", got)
	}
}
