package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/api"
)

// A crowd is many processes on one data folder. Where the tests run under the race
// detector, these processes do, too: they are this test's own binary.
type crowd struct {
	t    *testing.T
	bin  string
	dir  string // the folder of all
	outs string // the folder of what they say on stderr
	seed string // which they know; empty for none
}

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	bin, err := exec.LookPath("p2pchat")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := &crowd{t: t, bin: bin, dir: filepath.Join(dir, "data"), outs: filepath.Join(dir, "errors")}
	if err := os.Mkdir(c.outs, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // when no process is left
		files, err := filepath.Glob(c.outs + "/*")
		if err != nil {
			t.Error(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Error(err)
			}
			if crashed(string(b)) != "" {
				t.Errorf("%s crashed: %s", filepath.Base(f), b)
			}
		}
	})
	return c
}

// command is one of p2pchat on the folder.
func (c *crowd) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(c.t.Context(), c.bin, args...)
	cmd.Env = append(os.Environ(), "HOME="+c.dir, "P2PCHAT_DATA="+c.dir, "P2PCHAT_SEEDS="+c.seed, "P2PCHAT_MDNS=0",
		"P2PCHAT_PORT_MAPPING=0", "P2PCHAT_LISTEN=/ip4/127.0.0.1/tcp/0", "GORACE=exitcode=66")
	errs, err := os.OpenFile(filepath.Join(c.outs, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = errs.Close() })
	cmd.Stderr = errs
	return cmd
}

// owner is the process that runs the node, or 0.
func (c *crowd) owner() int {
	client, err := api.Dial(c.t.Context(), c.dir, api.Options{Patience: time.Millisecond})
	if err != nil {
		return 0
	}
	defer client.Close()
	info, err := client.Node(c.t.Context())
	if err != nil {
		return 0
	}
	return info.PID
}

// faces counts the processes that listen to the node, if there is one.
func (c *crowd) faces() int {
	client, err := api.Dial(c.t.Context(), c.dir, api.Options{Patience: time.Millisecond})
	if err != nil {
		return 0
	}
	defer client.Close()
	st, err := client.Status(c.t.Context())
	if err != nil {
		return 0
	}
	return st.Faces
}

// stored are the texts that are kept of a room, in order.
func (c *crowd) stored(room string) (texts []string) {
	c.t.Helper()
	out, err := c.command("export", "export", room, "--json").Output()
	if err != nil {
		c.t.Fatalf("export: %v", err)
	}
	for line := range strings.SplitSeq(string(out), "\n") {
		var m struct{ Type, Text string }
		if json.Unmarshal([]byte(line), &m) == nil && m.Type == "message" {
			texts = append(texts, m.Text)
		}
	}
	return texts
}

// countTexts counts how often each text is there.
func countTexts(texts []string) map[string]int {
	n := make(map[string]int)
	for _, text := range texts {
		n[text]++
	}
	return n
}

// A member is a process of a crowd that talks in JSON.
type member struct {
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser
	over chan struct{} // closed when it has ended
	code int           // then

	mu    sync.Mutex
	ready bool
	shown map[string]int // texts, and how often
}

// join has a line face of the crowd talk in the lobby.
func (c *crowd) join(name string) *member {
	c.t.Helper()
	return c.start(name, "join", "lobby", "--json", "--follow", "--wait", "100ms")
}

// start starts a member, and waits until it prints something.
func (c *crowd) start(name string, args ...string) *member {
	c.t.Helper()
	m := &member{name: name, cmd: c.command(name, args...), over: make(chan struct{}), shown: make(map[string]int)}
	var err error
	if m.in, err = m.cmd.StdinPipe(); err != nil {
		c.t.Fatal(err)
	}
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := m.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	go func() {
		defer close(m.over)
		m.read(out)
		_ = m.cmd.Wait() // the code says it
		m.code = m.cmd.ProcessState.ExitCode()
	}()
	c.t.Cleanup(m.kill)
	return m
}

func (m *member) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var o struct{ Type, Text string }
		if json.Unmarshal(lines.Bytes(), &o) != nil {
			continue // cut off by a kill
		}
		m.mu.Lock()
		m.ready = m.ready || o.Type == "ready"
		if o.Type == "message" {
			m.shown[o.Text]++
		}
		m.mu.Unlock()
	}
}

// say writes a line. A process that was killed meanwhile takes none.
func (m *member) say(format string, args ...any) { fmt.Fprintf(m.in, format+"\n", args...) }

// saw counts how often a text was shown.
func (m *member) saw(text string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.shown[text]
}

// sawAll reports whether all these texts were shown.
func (m *member) sawAll(texts []string) bool {
	return !slices.ContainsFunc(texts, func(s string) bool { return m.saw(s) == 0 })
}

// all are the texts that were shown, and how often.
func (m *member) all() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make(map[string]int)
	for text, n := range m.shown {
		all[text] = n
	}
	return all
}

func (m *member) isReady() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ready
}

// kill ends it at once.
func (m *member) kill() {
	_ = m.cmd.Process.Kill() // it may have ended
	<-m.over
	_ = m.in.Close()
}

// until waits for something.
func (c *crowd) until(what string, ok func() bool) {
	c.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(poll) {
		if time.Now().After(end) {
			c.t.Fatalf("after %v: not %s", patience, what)
		}
	}
}

// Two line faces and ten scripts on one node: all see the same, each message once.
func TestFacesAndScripts(t *testing.T) {
	t.Parallel()
	const rounds = 8
	c := newCrowd(t)
	faces := []*member{c.join("owner")}
	c.until("ready", faces[0].isReady)
	faces = append(faces, c.join("face"))
	c.until("ready", faces[1].isReady)
	var want []string
	var busy sync.WaitGroup
	for i, args := range [][]string{
		{"send", "lobby", "--until", "accepted"},
		{"send", "lobby", "--until", "accepted"},
		{"send", "lobby", "--json", "--until", "accepted"},
		{"send", "lobby", "-", "--until", "accepted"},
		{"rooms"},
		{"status", "--json"},
		{"invite", "lobby"},
		{"history", "lobby", "--json"},
		{"__complete", "join", ""},
		{"search", "script"},
	} {
		name := fmt.Sprintf("script %d", i)
		for n := range rounds {
			if args[0] == "send" {
				want = append(want, fmt.Sprintf("%s, %d", name, n))
			}
		}
		busy.Go(func() {
			for n := range rounds {
				cmd := c.command(name, args...)
				text := fmt.Sprintf("%s, %d", name, n)
				if slices.Contains(args, "--json") {
					text = fmt.Sprintf(`{"text":%q}`, text)
				}
				cmd.Stdin = strings.NewReader(text + "\n")
				// Those that look may come before there is anything.
				looks := args[0] == "search" || args[0] == "history"
				if err := cmd.Run(); err != nil && (!looks || cmd.ProcessState.ExitCode() != codeNotFound) {
					t.Errorf("%s %v: %v", name, args, err)
				}
			}
		})
	}
	for i, f := range faces {
		for n := range rounds {
			f.say("face %d, %d", i, n)
			want = append(want, fmt.Sprintf("face %d, %d", i, n))
		}
	}
	busy.Wait()
	for _, f := range faces {
		c.until(f.name+" shows all", func() bool { return len(f.all()) >= len(want) })
	}
	kept := countTexts(c.stored("lobby"))
	for _, text := range want {
		if faces[0].saw(text) != 1 || faces[1].saw(text) != 1 || kept[text] != 1 {
			t.Errorf("%q: shown %d and %d times, kept %d times", text, faces[0].saw(text), faces[1].saw(text), kept[text])
		}
	}
	// The one that was attached goes on as the node, and ends as politely.
	for _, f := range faces {
		c.until(f.name+" has the node", func() bool { return c.owner() == f.cmd.Process.Pid })
		f.say("%s goes", f.name)
		c.until("taken", func() bool { return f.saw(f.name+" goes") == 1 })
		f.say("exit")
		<-f.over
		if f.code != codeFailure { // nobody else was there to hold it
			t.Errorf("%s: exit code %d; stderr:\n%s", f.name, f.code, read(t, filepath.Join(c.outs, f.name)))
		}
	}
}
