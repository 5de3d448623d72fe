package identity

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestSeedsAreKept(t *testing.T) {
	f := testFolder(t)
	if list, err := f.Seeds(); err != nil || len(list) != 0 {
		t.Fatal(list, err)
	}
	a, b := "/ip4/192.0.2.1/tcp/4747/p2p/a", "/dnsaddr/seed.example.org/p2p/b"
	for _, add := range [][]string{{a}, {b, "no address", "", "/\x1b[31m", "/" + strings.Repeat("x", maxKnownAddr)}, {a}} {
		if err := f.AddSeeds(add); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := f.Seeds(); err != nil || !slices.Equal(list, []string{a, b}) {
		t.Fatal(list, err)
	}
	wantMode(t, f.path(seedsFile), 0o600)
}

func TestSeedsHaveALimit(t *testing.T) {
	f := testFolder(t)
	long := func(i int) string { return fmt.Sprintf("/%0*d", maxKnownAddr-1, i) }
	for i := range 2 * maxSeeds {
		if err := f.AddSeeds([]string{long(i)}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := f.Seeds() // what is written is not too large to be read
	if err != nil || len(list) != maxSeeds || list[0] != long(2*maxSeeds-1) || list[maxSeeds-1] != long(maxSeeds) {
		t.Fatal(len(list), err)
	}
}

// A damaged file is left as it is: the seeds in it may be the only way back.
func TestDamagedSeeds(t *testing.T) {
	f := testFolder(t)
	for content, want := range map[string]error{
		"{": ErrDamaged, `{"version":1,"seed":[]}`: ErrDamaged, `{"version":9,"seeds":[]}`: ErrNewer,
		strings.Repeat(" ", maxSeedsFile+1): ErrDamaged,
	} {
		if err := os.WriteFile(f.path(seedsFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Seeds(); !errors.Is(err, want) {
			t.Errorf("%.20q: %v", content, err)
		}
		if err := f.AddSeeds([]string{"/ip4/192.0.2.1"}); !errors.Is(err, want) {
			t.Errorf("%.20q: added: %v", content, err)
		}
		if got, err := os.ReadFile(f.path(seedsFile)); err != nil || string(got) != content {
			t.Errorf("%.20q became %.20q: %v", content, got, err)
		}
	}
}

func FuzzDecodeSeeds(f *testing.F) {
	f.Add([]byte(`{"version":1,"seeds":["/ip4/192.0.2.1/tcp/1"]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := decodeSeeds(b)
		if err == nil && (len(list) > maxSeeds || slices.ContainsFunc(list, func(s string) bool { return !goodAddr(s) })) {
			t.Fatal(list)
		}
	})
}
