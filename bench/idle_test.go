package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/node"
)

const (
	// idleRooms is how many rooms an idle node is in, in one of the two runs.
	idleRooms = 20
	// idleSettle is how long a node is left alone before it is looked at, and
	// idleFor how long it is looked at.
	idleSettle, idleFor = 30 * time.Second, time.Minute
	// idleChild tells a process of this test binary that it is the idle node:
	// the number of rooms and the seed's address.
	idleChild = "P2PCHAT_BENCH_IDLE"
)

// idle is what an idle node costs.
type idle struct {
	RSS        int64 // bytes
	Heap       uint64
	Goroutines int
	CPU        time.Duration // in idleFor
}

// BenchmarkIdle measures a node that has a process of its own, a seed, and
// nothing to do; then one that is in 20 rooms with another member each.
func BenchmarkIdle(b *testing.B) {
	for b.Loop() {
		seed := infoOf(b, startNode(b, nil, node.Config{Seed: true}))
		member := startNode(b, nil, node.Config{Seeds: []peer.AddrInfo{seed}})
		for i := range idleRooms {
			if err := member.Join(b.Context(), roomNumber(i)); err != nil {
				b.Fatal(err)
			}
		}
		none, many := idleProcess(b, 0, seed), idleProcess(b, idleRooms, seed)
		b.ReportMetric(mib(none.RSS), "RSS-MiB")
		b.ReportMetric(mib(int64(none.Heap)), "heap-MiB")
		b.ReportMetric(float64(none.Goroutines), "goroutines")
		b.ReportMetric(ms(none.CPU), "CPU-ms/min")
		b.ReportMetric(mib(many.RSS-none.RSS), "20rooms-RSS-MiB")
		b.ReportMetric(float64(int64(many.Heap)-int64(none.Heap))/(1<<20), "20rooms-heap-MiB")
		b.ReportMetric(float64(many.Goroutines-none.Goroutines), "20rooms-goroutines")
		b.ReportMetric(ms(many.CPU-none.CPU), "20rooms-CPU-ms/min")
	}
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

func roomNumber(i int) chat.RoomName { return chat.RoomName(fmt.Sprint("idle", i)) }

// idleProcess runs an idle node in a process of its own.
func idleProcess(b *testing.B, rooms int, seed peer.AddrInfo) (out idle) {
	b.Helper()
	addr := seed.Addrs[0].String() + "/p2p/" + seed.ID.String()
	cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestIdleNode$", "-test.v")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s", idleChild, rooms, addr))
	raw, err := cmd.Output()
	if err != nil {
		b.Fatalf("idle node: %v\n%s", err, raw)
	}
	for line := range strings.Lines(string(raw)) {
		if json.Unmarshal([]byte(line), &out) == nil {
			return out
		}
	}
	b.Fatalf("idle node said %q", raw)
	return out
}

// TestIdleNode is the process that idleProcess starts; otherwise there is
// nothing to test.
func TestIdleNode(t *testing.T) {
	rooms, addr, ok := strings.Cut(os.Getenv(idleChild), " ")
	if !ok {
		return
	}
	n, err := strconv.Atoi(rooms)
	if err != nil {
		t.Fatal(err)
	}
	seed, err := peer.AddrInfoFromString(addr)
	if err != nil {
		t.Fatal(err)
	}
	p := startNode(t, nil, node.Config{Seeds: []peer.AddrInfo{*seed}})
	for i := range n {
		if err := p.Join(t.Context(), roomNumber(i)); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(idleSettle)
	for i := range n { // or the figures are of a node that is alone
		if m, err := p.Members(t.Context(), chat.InRoom(roomNumber(i))); err != nil || len(m) == 0 {
			t.Fatalf("room %d: %d members, %v", i, len(m), err)
		}
	}
	used := cpu()
	time.Sleep(idleFor)
	out := idle{CPU: cpu() - used, RSS: resident(t), Goroutines: runtime.NumGoroutine()}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	out.Heap = m.HeapAlloc
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		t.Fatal(err)
	}
	_ = p.Close(context.Background())
}

// resident is this process's resident memory.
func resident(t *testing.T) int64 {
	t.Helper()
	f, err := os.Open("/proc/self/status")
	if err != nil {
		t.Skip("no /proc here")
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var kib int64
		if _, err := fmt.Sscanf(s.Text(), "VmRSS: %d kB", &kib); err == nil {
			return kib << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}
