package host

import (
	"net/netip"
	"reflect"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	ma "github.com/multiformats/go-multiaddr"
)

// TestEveryLimitIsSet fails when libp2p adds a scope that we do not limit.
func TestEveryLimitIsSet(t *testing.T) {
	all := reflect.ValueOf(limits())
	for i := range all.NumField() {
		name := all.Type().Field(i).Name
		scope, ok := all.Field(i).Interface().(rcmgr.ResourceLimits)
		if !ok {
			continue // exceptions for single protocols: we make none
		}
		values := reflect.ValueOf(scope)
		for j := range values.NumField() {
			if v := values.Field(j).Int(); v <= 0 || v > memory {
				t.Errorf("%s.%s is %d", name, values.Type().Field(j).Name, v)
			}
		}
	}
}

func TestConnectionsOfOneAddressAreLimited(t *testing.T) {
	rm, err := newResourceManager(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer rm.Close()
	open := func(ip string) (network.ConnManagementScope, error) {
		return rm.OpenConnection(network.DirInbound, true, ma.StringCast("/ip4/"+ip+"/tcp/4001"))
	}
	var scopes []network.ConnManagementScope
	for i := range connsOfIPv4 {
		s, err := open("192.0.2.1")
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		scopes = append(scopes, s)
	}
	if _, err := open("192.0.2.1"); err == nil {
		t.Error("one more than allowed was let in")
	}
	if s, err := open("192.0.2.2"); err != nil {
		t.Errorf("the neighbour was refused: %v", err)
	} else {
		s.Done()
	}
	for _, s := range scopes {
		s.Done()
	}
}

func TestNewConnectionsAreRateLimited(t *testing.T) {
	l := newRateLimiter(netip.MustParsePrefix("127.0.0.0/8"))
	for from, burst := range map[string]int{"192.0.2.1": newConnsBurst, "127.0.0.1": newConnsBurstLoopback} {
		allowed := 0
		for range burst + 200 {
			if l.Allow(netip.MustParseAddr(from)) {
				allowed++
			}
		}
		if allowed < burst || allowed > burst+150 {
			t.Errorf("%s: %d of a burst were allowed, want about %d", from, allowed, burst)
		}
	}
}

func TestOnePeerCannotTakeAll(t *testing.T) {
	rm, err := newResourceManager(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer rm.Close()
	h := start(t, Config{})
	var streams []network.StreamManagementScope
	for {
		s, err := rm.OpenStream(h.ID(), network.DirInbound)
		if err != nil {
			break
		}
		if streams = append(streams, s); len(streams) > streamsOfPeer {
			break
		}
	}
	if len(streams) != streamsOfPeer {
		t.Errorf("one peer opened %d streams, want %d", len(streams), streamsOfPeer)
	}
	for _, s := range streams {
		s.Done()
	}
}
