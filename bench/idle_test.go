package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	// storedRoom is the room of the history, and idleMessages what was said there.
	storedRoom   = chat.RoomName("stored")
	idleMessages = 100_000
	// idleChild tells a process of this test binary that it is the idle node:
	// the number of rooms, the seed's address, and the path of the history, or
	// nothing.
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
// nothing to do; then one that is in 20 rooms with another member each; then one
// in a single such room, and one with a history on disk in which that room has
// 100,000 messages, which the member has too.
func BenchmarkIdle(b *testing.B) {
	for b.Loop() {
		seed := infoOf(b, startNode(b, nil, node.Config{Seed: true}))
		member := startNode(b, nil, node.Config{Seeds: []peer.AddrInfo{seed}})
		for i := range idleRooms {
			if err := member.Join(b.Context(), roomNumber(i)); err != nil {
				b.Fatal(err)
			}
		}
		none, many := idleProcess(b, 0, "", seed), idleProcess(b, idleRooms, "", seed)
		one := idleProcess(b, 1, "", seed)
		stored := idleProcess(b, 1, remembered(b, seed), seed)
		b.ReportMetric(mib(none.RSS), "RSS-MiB")
		b.ReportMetric(mib(int64(none.Heap)), "heap-MiB")
		b.ReportMetric(float64(none.Goroutines), "goroutines")
		b.ReportMetric(ms(none.CPU), "CPU-ms/min")
		b.ReportMetric(mib(many.RSS-none.RSS), "20rooms-RSS-MiB")
		b.ReportMetric(float64(int64(many.Heap)-int64(none.Heap))/(1<<20), "20rooms-heap-MiB")
		b.ReportMetric(float64(many.Goroutines-none.Goroutines), "20rooms-goroutines")
		b.ReportMetric(ms(many.CPU-none.CPU), "20rooms-CPU-ms/min")
		b.ReportMetric(mib(stored.RSS-one.RSS), "history-RSS-MiB")
		b.ReportMetric(float64(int64(stored.Heap)-int64(one.Heap))/(1<<20), "history-heap-MiB")
		b.ReportMetric(float64(stored.Goroutines-one.Goroutines), "history-goroutines")
		b.ReportMetric(ms(stored.CPU-one.CPU), "history-CPU-ms/min")
	}
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

func roomNumber(i int) chat.RoomName { return chat.RoomName(fmt.Sprint("idle", i)) }

// remembered makes two equal histories: one for a member that runs here, the
// other for the idle node. It returns the path of the latter.
func remembered(b *testing.B, seed peer.AddrInfo) string {
	b.Helper()
	segs, key := talk(b, storedRoom, idleMessages), newKey(b)
	log := openLog(b, filepath.Join(b.TempDir(), "history.db"), key)
	store(b, log, segs)
	path := filepath.Join(b.TempDir(), "history.db")
	other := openLog(b, path, newKey(b))
	store(b, other, segs)
	if err := other.Close(); err != nil {
		b.Fatal(err)
	}
	member := startNode(b, nil, node.Config{Key: key, Seeds: []peer.AddrInfo{seed}, History: log})
	if err := member.Join(b.Context(), storedRoom); err != nil {
		b.Fatal(err)
	}
	return path
}

// idleProcess runs an idle node in a process of its own, with the history at a
// path, if there is one.
func idleProcess(b *testing.B, rooms int, history string, seed peer.AddrInfo) (out idle) {
	b.Helper()
	addr := seed.Addrs[0].String() + "/p2p/" + seed.ID.String()
	cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestIdleNode$", "-test.v")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s %s", idleChild, rooms, addr, history))
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
	job := strings.SplitN(os.Getenv(idleChild), " ", 3)
	if len(job) != 3 {
		return
	}
	n, err := strconv.Atoi(job[0])
	if err != nil {
		t.Fatal(err)
	}
	seed, err := peer.AddrInfoFromString(job[1])
	if err != nil {
		t.Fatal(err)
	}
	cfg := node.Config{Key: newKey(t), Seeds: []peer.AddrInfo{*seed}}
	var rooms []chat.RoomName
	for i := range n {
		rooms = append(rooms, roomNumber(i))
	}
	if path := job[2]; path != "" {
		db := openLog(t, path, cfg.Key)
		if db.Len(chat.InRoom(storedRoom).ID(chat.PeerID{})) != idleMessages {
			t.Fatal("the history is not there")
		}
		cfg.History, rooms = db, []chat.RoomName{storedRoom}
	}
	p := startNode(t, nil, cfg)
	for _, room := range rooms {
		if err := p.Join(t.Context(), room); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(idleSettle)
	for _, room := range rooms { // or the figures are of a node that is alone
		if m, err := p.Members(t.Context(), chat.InRoom(room)); err != nil || len(m) == 0 {
			t.Fatalf("room %s: %d members, %v", room, len(m), err)
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
