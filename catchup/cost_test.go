package catchup

import (
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// What it costs to find k segments that are missing here among n: the whole talk
// but for beacons and for the segments themselves, both ways. Run it with
// -run Cost -v to see the table.
func TestCostOfKMissingAmongN(t *testing.T) {
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		if n > 10_000 && (testing.Short() || raceEnabled) {
			continue
		}
		all := upTo(n)
		theirs := viewOf(all, chat.OrderKey{})
		for _, k := range []int{0, 1, 10, 100, 1_000} {
			for _, where := range []string{"at the end", "scattered"} {
				if k == 0 && where == "scattered" {
					continue
				}
				lacking := make(map[chat.OrderKey]bool)
				for i, key := range all {
					if where == "at the end" && i >= n-k || where == "scattered" && i%(n/k) == n/k/2 {
						lacking[key] = true
					}
				}
				mine := theirs.without(lacking)
				for _, way := range []string{"here", "there"} {
					a, b := mine, theirs
					if way == "there" {
						a, b = b, a
					}
					if k == 0 && way == "there" {
						continue
					}
					begin := time.Now()
					r := reconcile(t, a, b)
					took := time.Since(begin)
					if !r.done || len(r.need)+len(r.have) != k {
						t.Fatalf("n=%d: done %v, %d and %d found of %d", n, r.done, len(r.need), len(r.have), k)
					}
					rounds, bytes := 3, 250+45*k
					switch {
					case where == "scattered":
						rounds, bytes = max(7, k/36), 3000+1240*k
					case way == "there":
						rounds, bytes = 2, 1000
					}
					if r.rounds > rounds || r.in+r.out > bytes {
						t.Errorf("n=%d, k=%d %s: %d rounds, %d bytes; want at most %d and %d", n, k, where, r.rounds, r.in+r.out, rounds, bytes)
					}
					if k == 0 && (r.out > 100 || r.in > 20) {
						t.Errorf("n=%d: equal logs cost %d bytes out, %d in", n, r.out, r.in)
					}
					t.Logf("n=%-9d %5d missing %s, %-11s rounds %2d, %8d bytes out, %8d in, work %d and %d, %v",
						n, k, way, where+":", r.rounds, r.out, r.in, r.work[0], r.work[1], took.Round(time.Millisecond))
				}
			}
		}
	}
}
