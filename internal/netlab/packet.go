package netlab

import (
	"encoding/binary"
	"net/netip"
)

const (
	ipv4Header = 20 // bytes, without options
	ipv6Header = 40
	tcpHeader  = 20
	protoTCP   = 6

	tcpFlagsAt = 13 // the byte with the flags in a TCP header
	flagSYN    = 0x02
	flagACK    = 0x10
)

// A header is what the internet looks at in a packet.
type header struct {
	src, dst netip.Addr
	// syn is set on the first packet of a TCP connection, which goes from one port to
	// another.
	syn        bool
	from, port uint16
}

// parse reads a packet's header. It reports false for what is no whole IPv4 or IPv6
// packet. Extension headers of IPv6 hide what follows.
func parse(b []byte) (h header, ok bool) {
	if len(b) == 0 {
		return h, false
	}
	var proto byte
	var rest []byte
	switch version := b[0] >> 4; {
	case version == 4 && len(b) >= ipv4Header:
		h.src, _ = netip.AddrFromSlice(b[12:16])
		h.dst, _ = netip.AddrFromSlice(b[16:20])
		proto = b[9]
		rest = b[min(len(b), int(b[0]&0x0f)*4):]
		if binary.BigEndian.Uint16(b[6:8])&0x1fff != 0 {
			return h, true // a later fragment has no TCP header
		}
	case version == 6 && len(b) >= ipv6Header:
		h.src, _ = netip.AddrFromSlice(b[8:24])
		h.dst, _ = netip.AddrFromSlice(b[24:40])
		proto = b[6]
		rest = b[ipv6Header:]
	default:
		return h, false
	}
	if proto == protoTCP && len(rest) >= tcpHeader {
		h.from = binary.BigEndian.Uint16(rest[:2])
		h.port = binary.BigEndian.Uint16(rest[2:4])
		h.syn = rest[tcpFlagsAt]&(flagSYN|flagACK) == flagSYN
	}
	return h, true
}

// local reports whether an address never leaves its link, whoever it belongs to.
func local(a netip.Addr) bool {
	return a.IsMulticast() || a.IsLinkLocalUnicast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}
