package identity

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	knownHostsFile = "known_hosts.json"
	// maxKnownHosts is how many are remembered. At the limit none is dropped for
	// a new one: that would let somebody push out the peer that a host ought to be.
	maxKnownHosts = 10_000
	// maxHost is the longest host name, in bytes (RFC 1035, section 2.3.4).
	maxHost = 253
	// maxKnownHostsFile is the most bytes of known_hosts.json that are read: more
	// than maxKnownHosts of the longest need.
	maxKnownHostsFile = 8 << 20
)

// KnownHosts remember which peer answered at a host:port that was dialled without
// a peer ID: known_hosts.json. A later change of the peer shows a moved machine,
// or somebody in between. All methods may be called by several goroutines, and
// in several processes.
type KnownHosts struct{ folder *Folder }

// KnownHosts opens the folder's known hosts. The error wraps ErrDamaged or ErrNewer.
func (f *Folder) KnownHosts() (*KnownHosts, error) {
	if _, _, err := load(f, knownHostsFile, maxKnownHostsFile, decodeKnownHosts); err != nil {
		return nil, err
	}
	return &KnownHosts{f}, nil
}

// Learn remembers that p answered at hostport, unless another peer did before:
// then it changes nothing and returns that one and true. Otherwise previous is p
// if it was known already, else zero. The same host:port in other words (case,
// a dot at its end, forms of an IP address) is the same. Errors wrap
// ErrBadHostPort, ErrFull, ErrDamaged or ErrNewer.
func (k *KnownHosts) Learn(hostport string, p chat.PeerID) (previous chat.PeerID, changed bool, err error) {
	err = k.change(hostport, p, func(list []knownHost, host string, now time.Time) ([]knownHost, error) {
		if i, ok := findHost(list, host); ok {
			previous, changed = list[i].Peer, list[i].Peer != p
			return list, nil
		}
		return setHost(list, host, p, now)
	})
	if err != nil {
		return chat.PeerID{}, false, err
	}
	return previous, changed, nil
}

// Replace remembers that p answers at hostport from now on.
func (k *KnownHosts) Replace(hostport string, p chat.PeerID) error {
	return k.change(hostport, p, func(list []knownHost, host string, now time.Time) ([]knownHost, error) {
		return setHost(list, host, p, now)
	})
}

// Of returns the peer that answered at hostport, if one is known.
func (k *KnownHosts) Of(hostport string) (chat.PeerID, bool, error) {
	host, err := parseHostPort(hostport)
	if err != nil {
		return chat.PeerID{}, false, err
	}
	list, _, err := load(k.folder, knownHostsFile, maxKnownHostsFile, decodeKnownHosts)
	if err != nil {
		return chat.PeerID{}, false, err
	}
	i, ok := findHost(list, host)
	if !ok {
		return chat.PeerID{}, false, nil
	}
	return list[i].Peer, true, nil
}

// change lets decide change a copy of the known hosts in the file, and writes
// them; p is the peer at stake.
func (k *KnownHosts) change(hostport string, p chat.PeerID, decide func([]knownHost, string, time.Time) ([]knownHost, error)) error {
	host, err := parseHostPort(hostport)
	if err != nil {
		return err
	}
	if p.IsZero() {
		return fmt.Errorf("%w: it is empty", chat.ErrBadPeerID)
	}
	f := k.folder
	return f.edit(func() error {
		old, _, err := load(f, knownHostsFile, maxKnownHostsFile, decodeKnownHosts)
		if err != nil {
			return err
		}
		list, err := decide(slices.Clone(old), host, time.Now())
		if err != nil || slices.Equal(list, old) {
			return err
		}
		data, err := encodeJSON(knownHostsData{Version: fileVersion, Hosts: list})
		if err != nil {
			return err
		}
		return f.replace(knownHostsFile, data)
	})
}

// setHost sets the peer of a host, in a list that it may change.
func setHost(list []knownHost, host string, p chat.PeerID, now time.Time) ([]knownHost, error) {
	i, ok := findHost(list, host)
	switch {
	case ok && list[i].Peer == p:
		return list, nil
	case !ok && len(list) >= maxKnownHosts:
		return nil, fmt.Errorf("%w: %d known hosts", ErrFull, maxKnownHosts)
	case !ok:
		list = slices.Insert(list, i, knownHost{Host: host})
	}
	list[i].Peer, list[i].Since = p, now.UTC().Truncate(time.Second)
	return list, nil
}

// knownHostsData is what known_hosts.json holds, sorted by host.
type knownHostsData struct {
	Version int         `json:"version"`
	Hosts   []knownHost `json:"hosts"`
}

type knownHost struct {
	Host string      `json:"host"`
	Peer chat.PeerID `json:"peer"`
	// Since is when the peer was first met there.
	Since time.Time `json:"since"`
}

func findHost(list []knownHost, host string) (int, bool) {
	return slices.BinarySearchFunc(list, host, func(k knownHost, host string) int { return strings.Compare(k.Host, host) })
}

// decodeKnownHosts reads known_hosts.json.
func decodeKnownHosts(data []byte) ([]knownHost, error) {
	var file knownHostsData
	if err := decodeJSON(data, &file); err != nil {
		return nil, err
	}
	list := file.Hosts
	if len(list) > maxKnownHosts {
		return nil, fmt.Errorf("%d hosts, and at most %d are allowed", len(list), maxKnownHosts)
	}
	slices.SortStableFunc(list, func(a, b knownHost) int { return strings.Compare(a.Host, b.Host) })
	for i, k := range list {
		switch host, err := parseHostPort(k.Host); {
		case err != nil:
			return nil, err
		case host != k.Host:
			return nil, fmt.Errorf("%q should be written %q", k.Host, host)
		case k.Peer.IsZero():
			return nil, fmt.Errorf("%q has no peer ID", host)
		case i > 0 && list[i-1].Host == host:
			return nil, fmt.Errorf("%q is in it twice", host)
		}
	}
	return list, nil
}

// parseHostPort returns the one form of a host:port by which it is remembered.
func parseHostPort(s string) (string, error) {
	host, port, err := net.SplitHostPort(strings.TrimSpace(s))
	if err != nil {
		return "", fmt.Errorf("%w: %q", ErrBadHostPort, clip(s, maxHost))
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", fmt.Errorf("%w: %q has no TCP port", ErrBadHostPort, clip(s, maxHost))
	}
	var check string
	if ip, err := netip.ParseAddr(host); err == nil {
		host, check = ip.Unmap().String(), ip.Zone() // a zone may be any text
	} else {
		host = strings.TrimSuffix(strings.ToLower(host), ".")
		check = host
		if slices.Contains(strings.Split(host, "."), "") {
			return "", fmt.Errorf("%w: %q has no host, or an empty part in it", ErrBadHostPort, clip(s, maxHost))
		}
	}
	bad := func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune("/\\@#?:[]%\"'", r)
	}
	switch {
	case len(host) > maxHost:
		return "", fmt.Errorf("%w: a host of %d bytes", ErrBadHostPort, len(host))
	case strings.ContainsFunc(check, bad):
		return "", fmt.Errorf("%w: %q", ErrBadHostPort, clip(s, maxHost))
	}
	return net.JoinHostPort(host, strconv.FormatUint(n, 10)), nil
}

// clip shortens s for an error message without cutting a character in two.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "..."
}
