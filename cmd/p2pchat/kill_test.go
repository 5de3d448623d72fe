package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
)

var (
	killCycles = flag.Int("kill.cycles", 0, "how often TestKill kills; 0 means what time allows")
	killSeed   = flag.Uint64("kill.seed", 0, "the random start of TestKill")
)

// A victim is one person whose process is killed and started again.
type victim struct {
	t    *testing.T
	bin  string
	name string
	dir  string
	args []string
	conv func(self chat.PeerID) chat.ConversationID

	self chat.PeerID
	cmd  *exec.Cmd
	over chan struct{}

	mu       sync.Mutex
	in       io.WriteCloser // nil while it does not run
	accepted map[string]string
	runs     int
}

// start runs the process and reads what it prints.
func (v *victim) start() {
	v.t.Helper()
	v.runs++
	v.cmd = exec.Command(v.bin, v.args...)
	v.cmd.Env = append(os.Environ(), "P2PCHAT_DATA="+v.dir, "HOME="+v.dir, "GORACE=exitcode=66")
	in, err := v.cmd.StdinPipe()
	if err != nil {
		v.t.Fatal(err)
	}
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		v.t.Fatal(err)
	}
	errs, err := os.OpenFile(v.dir+".err", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		v.t.Fatal(err)
	}
	defer errs.Close()
	v.cmd.Stderr = errs
	if err := v.cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	v.over = make(chan struct{})
	go func(run int) {
		defer close(v.over)
		v.read(run, out)
		_ = v.cmd.Wait()
	}(v.runs)
	v.mu.Lock()
	v.in = in
	v.mu.Unlock()
}

// read checks one run's output: nothing is shown twice. It notes what is
// accepted.
func (v *victim) read(run int, out io.Reader) {
	shown := make(map[string]bool)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var m struct {
			Type, ID, Text, Conversation string
			Mine                         bool
			State                        string
		}
		if json.Unmarshal(lines.Bytes(), &m) != nil {
			continue // cut off by the kill
		}
		switch {
		case m.Type == "message" && shown[m.ID]:
			v.t.Errorf("%s, run %d: %q was shown twice", v.name, run, m.Text)
		case m.Type == "message" && m.Mine:
			v.mu.Lock()
			v.accepted[m.ID] = m.Text
			v.mu.Unlock()
		case m.Type == "delivery":
			v.mu.Lock()
			if _, ok := v.accepted[m.ID]; !ok && run == 1 {
				v.t.Errorf("%s: a delivery of what was not accepted: %s", v.name, lines.Text())
			}
			v.mu.Unlock()
		}
		if m.Type == "message" {
			shown[m.ID] = true
		}
	}
}

// say writes a line, if the process runs.
func (v *victim) say(text string) {
	v.mu.Lock()
	in := v.in
	v.mu.Unlock()
	if in != nil {
		_, _ = fmt.Fprintln(in, text) // it may be gone by now
	}
}

// kill ends the process at once.
func (v *victim) kill() {
	v.mu.Lock()
	in := v.in
	v.in = nil
	v.mu.Unlock()
	_ = v.cmd.Process.Kill()
	<-v.over
	_ = in.Close()
}

// log reads the segments in the victim's history.
func (v *victim) log(ctx context.Context, check bool) (ids map[string]string, missing int, err error) {
	db, err := history.OpenReadOnly(ctx, filepath.Join(v.dir, historyName))
	if err != nil {
		return nil, 0, err
	}
	defer db.Close()
	if check {
		if err := db.Check(ctx); err != nil {
			return nil, 0, err
		}
	}
	id := v.conv(v.self)
	ids = make(map[string]string)
	for from := (chat.OrderKey{}); ; {
		segs, err := db.After(ctx, id, from, 500)
		if err != nil {
			return nil, 0, err
		}
		for _, s := range segs {
			for i, b := range s.Bodies {
				ids[s.MessageID(i).String()] = b.Text.Raw()
			}
			from = s.Key()
		}
		if len(segs) < 500 {
			_, missing := db.Missing(id)
			return ids, missing, nil
		}
	}
}

// TestKill kills one process after the other with SIGKILL, at random moments,
// while they write in a room and in private. Nothing that was accepted is lost,
// nothing is shown twice, and the histories are sound and equal in the end.
func TestKill(t *testing.T) {
	t.Parallel()
	bin, err := exec.LookPath("p2pchat")
	if err != nil {
		t.Fatal(err)
	}
	cycles := *killCycles
	if cycles == 0 {
		cycles = 12
		if testing.Short() {
			cycles = 4
		}
	}
	start := *killSeed
	if start == 0 {
		start = rand.Uint64()
	}
	t.Logf("to repeat: -run TestKill -kill.seed %d -kill.cycles %d", start, cycles)
	random := rand.New(rand.NewPCG(start, 0))

	dir := t.TempDir()
	seed := startSeed(t, bin, dir)
	all := victims(t, bin, dir, seed)
	room, pair := all[:3], all[3:]
	for _, v := range all {
		v.start()
	}
	stop := make(chan struct{})
	var writing sync.WaitGroup
	for _, v := range all {
		writing.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(100 * time.Millisecond):
					v.say(fmt.Sprintf("%s %d", v.name, i))
				}
			}
		})
	}
	for range cycles {
		time.Sleep(time.Duration(100+random.IntN(900)) * time.Millisecond) // the moment of the kill
		v := all[random.IntN(len(all))]
		v.kill()
		time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
		v.start()
	}
	close(stop)
	writing.Wait()

	for _, group := range [][]*victim{room, pair} {
		accepted := waitEqual(t, group)
		t.Logf("%s and others: %d messages accepted", group[0].name, accepted)
	}
	for _, v := range all {
		v.kill()
		if _, missing, err := v.log(t.Context(), true); err != nil || missing > 0 {
			t.Errorf("%s: %d missing, %v", v.name, missing, err)
		}
		if b, _ := os.ReadFile(v.dir + ".err"); crashed(string(b)) != "" {
			t.Errorf("%s crashed: %s", v.name, b)
		}
	}
}

// startSeed runs a seed until the test ends, and returns its address.
func startSeed(t *testing.T, bin, dir string) string {
	t.Helper()
	cmd := exec.Command(bin, "--bootstrap", "--web", "off", "--no-mdns", "--listen", "/ip4/127.0.0.1/tcp/0", "--data", dir+"/seed")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(addr)
}

// victims makes three people for a room, and two who talk in private.
func victims(t *testing.T, bin, dir, seed string) (all []*victim) {
	t.Helper()
	for _, name := range []string{"alice", "bob", "carol", "dave", "erin"} {
		v := &victim{t: t, bin: bin, name: name, dir: filepath.Join(dir, name), accepted: make(map[string]string)}
		cmd := exec.Command(bin, "id", "--json", "--data", v.dir)
		b, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		var id struct{ Peer chat.PeerID }
		if err := json.Unmarshal(b, &id); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		v.self = id.Peer
		all = append(all, v)
		t.Cleanup(func() {
			if v.cmd != nil {
				_ = v.cmd.Process.Kill()
				<-v.over
			}
		})
	}
	common := []string{"--json", "--follow", "--no-mdns", "--listen", "/ip4/127.0.0.1/tcp/0", "--seed", seed}
	for _, v := range all[:3] {
		v.args = append([]string{"join", "lobby", "--name", v.name}, common...)
		v.conv = func(self chat.PeerID) chat.ConversationID { return chat.InRoom("lobby").ID(self) }
	}
	for i, v := range all[3:] {
		other := all[3+1-i].self
		v.args = append([]string{"dial", other.String(), "--name", v.name}, common...)
		v.conv = chat.With(other).ID
	}
	return all
}

// waitEqual waits until the logs of a group are equal and hold all that any of
// them accepted, and returns how many messages that is.
func waitEqual(t *testing.T, group []*victim) int {
	t.Helper()
	accepted := make(map[string]string)
	for _, v := range group {
		v.mu.Lock()
		for id, text := range v.accepted {
			accepted[id] = text
		}
		v.mu.Unlock()
	}
	var trouble []string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		trouble = nil
		var first map[string]string
		for _, v := range group {
			ids, missing, err := v.log(t.Context(), false)
			if err != nil {
				t.Fatalf("%s: %v", v.name, err)
			}
			if missing > 0 {
				trouble = append(trouble, fmt.Sprintf("%s misses %d parents", v.name, missing))
			}
			for id, text := range accepted {
				if _, ok := ids[id]; !ok {
					trouble = append(trouble, fmt.Sprintf("%s lacks %q", v.name, text))
				}
			}
			if first == nil {
				first = ids
			} else if len(ids) != len(first) {
				trouble = append(trouble, fmt.Sprintf("%s has %d messages, %s %d", v.name, len(ids), group[0].name, len(first)))
			}
		}
		if len(trouble) == 0 {
			return len(accepted)
		}
	}
	t.Errorf("after %v: %s", patience, strings.Join(trouble[:min(len(trouble), 20)], "; "))
	return len(accepted)
}
