package netlab

import (
	"strings"
	"testing"
	"time"
)

// TestDoctor: what p2pchat doctor says behind each kind of router is true, and so
// is its exit code.
func TestDoctor(t *testing.T) {
	t.Parallel()
	lab := New(t)
	lab.Path(Link{Delay: 25 * time.Millisecond})
	seed := lab.Public("seed").Seed()
	second := lab.Public("second").Seed(Via(seed))

	forwarded := lab.Home("forwarded", Friendly)
	open := forwarded.Host("open").Person()
	forwarded.Forward(open.Host(), 4001)
	friendly := lab.Home("friendly", Friendly).Host("alice").Join("lobby", Via(seed, second))
	symmetric := lab.Home("symmetric", Symmetric).Host("bob").Join("lobby", Via(seed, second))

	for _, c := range []struct {
		name string
		home NAT
		at   *Node // whose host it runs on; if nil, one of a home of this kind
		peer string
		code int
		says []string
	}{
		{"friendly", Friendly, nil, "", 0, []string{"ok    reachability    behind a router that can be passed", "\nAll is well: others reach you through the seed, and directly a moment later."}},
		{"symmetric", Symmetric, nil, "", 1, []string{"warn  reachability    behind a router that uses another port for everybody", "would make it faster."}},
		{"forwarded", Friendly, open, "", 0, []string{"ok    reachability    others can reach this node directly at ", "\nAll is well: others can reach you directly."}},
		{"friendly to friendly", Friendly, nil, friendly.PeerID(), 0, []string{"ok    peer-punch      the connection became direct after ", "\nAll is well: you are connected directly to "}},
		{"symmetric to symmetric", Symmetric, nil, symmetric.PeerID(), 1, []string{"warn  peer-punch      the connection still goes through the seed", "\nYou can talk to "}},
	} {
		from := c.at
		if from == nil {
			name := "from-" + strings.ReplaceAll(c.name, " ", "-")
			from = lab.Home(name+"-home", c.home).Host(name).Person()
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			args := []string{"doctor", "-v", "--no-mdns", "--listen", "/ip4/0.0.0.0/tcp/4001", "--seed", seed.Addr(), "--seed", second.Addr()}
			if c.peer != "" {
				args = append(args, c.peer)
			}
			began := time.Now()
			out, errs, code := from.Run(args...)
			t.Logf("after %v:\n%s", time.Since(began).Round(10*time.Millisecond), out)
			if code != c.code {
				t.Errorf("exit code %d, want %d\n%s", code, c.code, errs)
			}
			for _, want := range c.says {
				if !strings.Contains(out, want) {
					t.Errorf("it does not say %q", want)
				}
			}
		})
	}
}
