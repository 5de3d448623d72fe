package settings

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// maxSeed is the longest written address of a seed, in bytes.
	maxSeed = 512
	// off is the value of web for no page, and none that of a list of notices
	// without any, which the environment has no other way to say.
	off, none = "off", "none"
)

var (
	errListen = errors.New("no address to listen on")
	errSeed   = errors.New("no address of a seed")
	errWeb    = errors.New("no address for a page")
	errNotice = errors.New("no kind of message")
	errBool   = errors.New("neither true nor false")
)

// wrong is an error about a value that was written.
func wrong(value string, err error, hint string) error {
	return hinted{fmt.Errorf("%q: %w", clip(value), err), hint}
}

func setName(s *Settings, value string) (err error) {
	if value == "" {
		s.Name = chat.Text{}
		return nil
	}
	if s.Name, err = chat.NewNick(value); err != nil {
		return wrong(value, err, "")
	}
	return nil
}

// setSeeds checks what can be checked without the network: bootstrap, which reads
// them, is the judge.
func setSeeds(s *Settings, values []string) error {
	for _, v := range values {
		if err := checkSeed(v); err != nil {
			return err
		}
	}
	s.Seeds = values
	return nil
}

func checkSeed(s string) error {
	const hint = "for example /dns4/seed.example.org/tcp/4747/p2p/12D3KooW..."
	if len(s) > maxSeed {
		return wrong(s, fmt.Errorf("%w: %d bytes, and at most %d are allowed", chat.ErrTooLong, len(s), maxSeed), "")
	}
	a, err := ma.NewMultiaddr(s)
	if err != nil || len(a) < 2 || a[len(a)-1].Code() != ma.P_P2P {
		return wrong(s, errSeed, hint)
	}
	if _, err := chat.ParsePeerID(a[len(a)-1].Value()); err != nil {
		return wrong(s, fmt.Errorf("%w: %w", errSeed, err), "")
	}
	return nil
}

// parseListen reads /ip4 or /ip6, an address, /tcp and a port.
func parseListen(s string) (ma.Multiaddr, error) {
	a, err := ma.NewMultiaddr(s)
	if err != nil || len(a) != 2 || a[0].Code() != ma.P_IP4 && a[0].Code() != ma.P_IP6 || a[1].Code() != ma.P_TCP {
		return nil, wrong(s, errListen, "for example /ip4/0.0.0.0/tcp/4001")
	}
	return a, nil
}

// setWeb wants an address in so many words: an empty one would be all interfaces.
func setWeb(s *Settings, value string) error {
	if value == off {
		s.Web = ""
		return nil
	}
	const hint = `for example ` + DefaultWeb + `, or "off"`
	host, port, err := net.SplitHostPort(value)
	if err != nil {
		return wrong(value, errWeb, hint)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return wrong(value, fmt.Errorf("%w: %q is no port", errWeb, clip(port)), hint)
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "localhost" {
		return wrong(value, fmt.Errorf("%w: before the port stands an IP address or localhost", errWeb), hint)
	}
	s.Web = value
	return nil
}

func getWeb(s *Settings) string {
	if s.Web == "" {
		return off
	}
	return s.Web
}

func parseNotice(s string) (Notice, error) {
	all := []string{string(Mention), string(Private), string(Request), string(Message)}
	if slices.Contains(all, s) {
		return Notice(s), nil
	}
	return "", wrong(s, errNotice, "there are "+strings.Join(all, ", "))
}

// parseBool takes what people write into variables.
func parseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "1", "true", "yes", "on":
		return true, nil
	case "0", "false", "no", "off":
		return false, nil
	}
	return false, wrong(s, errBool, "write 1 or 0")
}

func written(b bool) string { return strconv.FormatBool(b) }

// parseEach reads the values of a list; what stands there twice counts once.
func parseEach[T any](values []string, parse func(string) (T, error)) (out []T, err error) {
	var seen []string
	for _, v := range values {
		t, err := parse(v)
		if err != nil {
			if _, ok := errors.AsType[hinted](err); !ok {
				err = wrong(v, err, "")
			}
			return nil, err
		}
		if w := fmt.Sprint(t); !slices.Contains(seen, w) {
			seen, out = append(seen, w), append(out, t)
		}
	}
	return out, nil
}

func writeEach[T any](all []T) (out []string) {
	for _, t := range all {
		out = append(out, fmt.Sprint(t))
	}
	return out
}

// environment is the source between the file and the flags. A variable without
// value is as none. Lists are parted by commas.
func environment(all []key, getenv func(string) string) (out []given) {
	for _, k := range all {
		v := strings.TrimSpace(getenv(k.env()))
		if v == "" {
			continue
		}
		g := given{key: k, values: []string{v}, origin: Origin{From: FromEnvironment, Name: k.env()}}
		if k.form == list {
			g.values = splitList(k, v)
		}
		out = append(out, g)
	}
	return out
}

func splitList(k key, v string) (values []string) {
	if v == none && strings.HasPrefix(k.name, "notify.") {
		return nil
	}
	for part := range strings.SplitSeq(v, ",") {
		if part = strings.TrimSpace(part); part != "" {
			values = append(values, part)
		}
	}
	return values
}
