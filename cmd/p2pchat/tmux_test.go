package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/api"
)

// A tmux is a server of terminals of its own.
type tmux struct {
	t      *testing.T
	socket string
	env    []string
}

func newTmux(t *testing.T, env ...string) *tmux {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is not installed")
	}
	dir, err := os.MkdirTemp("", "tmux") // a socket's path may not be as long as t.TempDir's
	if err != nil {
		t.Fatal(err)
	}
	m := &tmux{t: t, socket: filepath.Join(dir, "s"), env: env}
	t.Cleanup(func() {
		_ = m.command("kill-server").Run() // the last test may have ended it
		_ = os.RemoveAll(dir)
	})
	return m
}

func (m *tmux) command(args ...string) *exec.Cmd {
	cmd := exec.Command("tmux", append([]string{"-S", m.socket, "-f", "/dev/null"}, args...)...)
	cmd.Env = append(os.Environ(), m.env...)
	return cmd
}

// do runs a command of tmux and returns what it prints.
func (m *tmux) do(args ...string) string {
	m.t.Helper()
	out, err := m.command(args...).CombinedOutput()
	if err != nil {
		m.t.Fatalf("tmux %q: %v: %s", args, err, out)
	}
	return string(out)
}

// open opens a terminal of 80 columns and 24 rows in which a shell runs.
func (m *tmux) open(name string) {
	m.t.Helper()
	m.do("new-session", "-d", "-s", name, "-x", "80", "-y", "24", "sh")
}

// write types a text and Enter.
func (m *tmux) write(name, text string) {
	m.t.Helper()
	m.do("send-keys", "-t", name, "-l", text)
	m.do("send-keys", "-t", name, "Enter")
}

func (m *tmux) screen(name string) string {
	m.t.Helper()
	return m.do("capture-pane", "-p", "-t", name)
}

// until waits until ok is true of a screen, and returns it.
func (m *tmux) until(name, what string, ok func(screen string) bool) string {
	m.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(poll) {
		s := m.screen(name)
		if ok(s) {
			return s
		}
		if time.Now().After(end) {
			m.t.Fatalf("%s: after %v no %s:\n%s", name, patience, what, s)
		}
	}
}

// shows waits until all these texts are on a screen.
func (m *tmux) shows(name string, texts ...string) {
	m.t.Helper()
	for _, text := range texts {
		m.until(name, fmt.Sprintf("%q", text), func(s string) bool { return strings.Contains(s, text) })
	}
}

// resize makes a terminal of another size, and waits until its screen fits in.
func (m *tmux) resize(name string, columns, rows int, bar string) {
	m.t.Helper()
	m.do("resize-window", "-t", name, "-x", fmt.Sprint(columns), "-y", fmt.Sprint(rows))
	m.until(name, fmt.Sprintf("screen of %dx%d", columns, rows), func(s string) bool {
		lines := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
		// The status line and the input are the last two, wherever the end is.
		return len(lines) == rows && strings.Contains(strings.Join(lines[rows-3:], "\n"), bar)
	})
}

// state is what a program can have changed in a terminal, besides its settings.
func (m *tmux) state(name string) string {
	return m.do("display-message", "-p", "-t", name,
		"alternate #{alternate_on} cursor #{cursor_flag} keypad #{keypad_flag} #{keypad_cursor_flag} mouse #{mouse_any_flag} wrap #{wrap_flag} insert #{insert_flag}")
}

// Two people talk on whole terminals, one gets other sizes, one is killed and comes
// back, and who leaves finds the terminal as it was.
func TestTwoTerminals(t *testing.T) {
	t.Parallel()
	bin, err := exec.LookPath("p2pchat")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	m := newTmux(t, "HOME="+dir, "ENV=", "PS1=$ ", "TERM=", "P2PCHAT_DATA=", "P2PCHAT_SEEDS="+startSeed(t, bin, dir), "P2PCHAT_MDNS=0",
		"P2PCHAT_PORT_MAPPING=0", "P2PCHAT_LISTEN=/ip4/127.0.0.1/tcp/0", "GORACE=exitcode=66")
	m.open("alice")
	m.open("bob")
	m.write("alice", "stty -a >"+dir+"/before; echo begun $((1 + 1))")
	m.shows("alice", "begun 2")
	before := m.state("alice")
	m.write("alice", bin+" join lobby --name alice --data "+dir+"/alice; stty -a >"+dir+"/after; echo over $((1 + 1))")
	m.shows("alice", "lobby", "Nobody else is here yet")
	invite, err := exec.Command(bin, "invite", "lobby", "--data", dir+"/alice").Output()
	if err != nil {
		t.Fatal(err)
	}
	m.write("bob", "clear; "+bin+" join --name bob --data "+dir+"/bob "+string(invite[:len(invite)-1]))
	m.shows("bob", "alice")
	m.shows("alice", "bob")
	m.write("alice", "hello bob")
	m.shows("bob", "alice ! hello bob")
	m.write("bob", "hello alice")
	m.shows("alice", "bob ! hello alice", "[held", "1/1]")

	for _, size := range [][2]int{{40, 20}, {160, 50}, {80, 24}} {
		m.resize("alice", size[0], size[1], "#lobby>")
		m.shows("alice", "hello bob", "hello alice")
	}

	pid := nodePID(t, dir+"/bob")
	if p, err := os.FindProcess(pid); err != nil || p.Kill() != nil {
		t.Fatalf("kill %d: %v", pid, err)
	}
	m.write("alice", "are you gone?")
	m.do("kill-session", "-t", "bob") // its terminal is as the dead left it
	m.open("bob")
	m.write("bob", "clear; "+bin+" --data "+dir+"/bob; echo over $((1 + 1))")
	m.shows("bob", "alice | are you gone?", "hello alice")
	m.write("bob", "here again")
	m.shows("alice", "bob | here again")

	for _, name := range []string{"bob", "alice"} {
		m.do("send-keys", "-t", name, "C-c")
		m.do("send-keys", "-t", name, "C-c")
		m.shows(name, "over 2")
	}
	left := m.screen("alice")
	if !strings.Contains(left, "begun 2") || strings.Contains(left, "here again") {
		t.Errorf("the screen is not as it was:\n%s", left)
	}
	if after := m.state("alice"); after != before {
		t.Errorf("the terminal was\n%s and is\n%s", before, after)
	}
	was, is := read(t, dir+"/before"), read(t, dir+"/after")
	if was != is || was == "" {
		t.Errorf("stty -a said\n%s and says\n%s", was, is)
	}
}

// nodePID is the process that runs a folder's node.
func nodePID(t *testing.T, dir string) int {
	t.Helper()
	c, err := api.Dial(t.Context(), dir, api.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	info, err := c.Node(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.PID
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
