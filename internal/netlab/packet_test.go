package netlab

import (
	"encoding/hex"
	"net/netip"
	"testing"
)

func TestParse(t *testing.T) {
	const (
		v4  = "4500003c1c4640004006b1e6c0000041c0000042"                                                   // 192.0.0.65 to .66, TCP
		syn = "0fab12830000000000000000a002faf000000000"                                                   // port 4011 to 4739
		ack = "0fab12830000000000000001b012faf000000000"                                                   // SYN and ACK
		v6  = "6000000000140640" + "3fff0000000100000000000000000001" + "3fff0000000200000000000000000001" // TCP
	)
	a4, b4 := netip.MustParseAddr("192.0.0.65"), netip.MustParseAddr("192.0.0.66")
	a6, b6 := netip.MustParseAddr("3fff:0:1::1"), netip.MustParseAddr("3fff:0:2::1")
	for _, c := range []struct {
		name   string
		packet string
		want   header
		ok     bool
	}{
		{"IPv4 SYN", v4 + syn, header{a4, b4, true, 4011, 4739}, true},
		{"IPv4 SYN-ACK", v4 + ack, header{a4, b4, false, 4011, 4739}, true},
		{"IPv6 SYN", v6 + syn, header{a6, b6, true, 4011, 4739}, true},
		{"fragment", "450000281c4600014006b1e6c0000041c0000042" + syn, header{a4, b4, false, 0, 0}, true},
		{"options", "4600003c1c4640004006b1e6c0000041c000004201010101" + syn, header{a4, b4, true, 4011, 4739}, true},
		{"UDP", "4500003c1c4640004011b1e6c0000041c0000042" + syn, header{a4, b4, false, 0, 0}, true},
		{"no more than a header", v4, header{a4, b4, false, 0, 0}, true},
		{"options that are cut off", "4f00003c1c4640004006b1e6c0000041c0000042", header{a4, b4, false, 0, 0}, true},
		{"short", v4[:30], header{}, false},
		{"empty", "", header{}, false},
		{"no IP", "ff" + v4, header{}, false},
	} {
		b, err := hex.DecodeString(c.packet)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := parse(b); got != c.want || ok != c.ok {
			t.Errorf("%s: %+v, %v; want %+v, %v", c.name, got, ok, c.want, c.ok)
		}
	}
}
