package netlab

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// maxStderr is how many of the last lines of a node's standard error are shown.
	maxStderr = 40
	// maxEvents is how many of its last events are.
	maxEvents = 15
	// maxShown is how much of each is, in bytes.
	maxShown = 250
	// maxLine is how long a line of a node's output may be, in bytes.
	maxLine = 1 << 20
	// startWithin is when a node must be ready.
	startWithin = 20 * time.Second
	// stopWithin is when a node must have ended after it was asked to.
	stopWithin = 20 * time.Second
	// toolWithin is how long a command may take that is run to its end.
	toolWithin = time.Minute
)

// A Node is one person, or a seed: a data folder on a host, and one command of the
// real program at a time. Its methods may be called by any goroutine; those that wait
// end the test when their time is over and so belong to the test's own.
type Node struct {
	host *Host
	name string
	dir  string
	id   string
	port int
	via  []*Node
	mdns bool
	more []string

	binary string   // p2pchat, or the test itself
	env    []string // what it gets besides

	args []string // of the last start

	mu      sync.Mutex
	proc    *process // nil while none runs
	runs    int
	ready   bool // a seed in its last run: it told so on standard error
	started time.Time
	events  []Event
	changed chan struct{} // closed at each event, and replaced
	said    []string      // plain output, line by line, which is no JSON
	stderr  []string
}

// A process is one run of a node.
type process struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	over chan struct{} // closed when it has ended and all output was read
}

// An Option says how a node is started.
type Option func(*Node)

// Via names the seeds that the node begins at.
func Via(seeds ...*Node) Option { return func(n *Node) { n.via = append(n.via, seeds...) } }

// Named gives the node another name than its host has.
func Named(name string) Option { return func(n *Node) { n.name = name } }

// MDNS lets the node look for people on the local network.
func MDNS() Option { return func(n *Node) { n.mdns = true } }

// Port makes the node listen on another port than Host.Port; 0 lets it choose.
func Port(port int) Option { return func(n *Node) { n.port = port } }

// Flags are given to the command as they are.
func Flags(flags ...string) Option { return func(n *Node) { n.more = append(n.more, flags...) } }

// Person makes a data folder with a new identity on the host. Nothing runs yet.
func (h *Host) Person(opts ...Option) *Node {
	h.lab.t.Helper()
	if h.lab.binary == "" {
		h.lab.t.Fatalf("%s names no binary: TestMain builds it", binaryEnv)
	}
	n := h.newNode(h.lab.binary, opts...)
	out, errs, code := n.Run("id", "--json")
	var id struct{ Peer string }
	if err := json.Unmarshal([]byte(out), &id); err != nil || code != 0 || id.Peer == "" {
		h.lab.t.Fatalf("%s has no identity: %s%s", n.name, out, errs)
	}
	n.id = id.Peer
	return n
}

func (h *Host) newNode(binary string, opts ...Option) *Node {
	h.lab.t.Helper()
	n := &Node{host: h, name: h.name, port: h.port, binary: binary, changed: make(chan struct{})}
	for _, o := range opts {
		o(n)
	}
	n.dir = filepath.Join(h.lab.dir, fmt.Sprintf("%s-%d", n.name, len(h.nodes)))
	h.lab.must(os.MkdirAll(n.dir, 0o700))
	h.nodes = append(h.nodes, n)
	return n
}

// Helper starts a program of the test itself on the host: an attacker, say, that
// speaks what p2pchat does not. It runs as a Node and writes Events; what it does
// TestMain decides by helperEnv.
func (h *Host) Helper(program string, args ...string) *Node {
	h.lab.t.Helper()
	binary, err := os.Executable()
	h.lab.must(err)
	n := h.newNode(binary, Named(program))
	n.env = []string{helperEnv + "=" + program}
	n.args = args
	n.Restart()
	return n
}

// Seed starts a seed and waits until it listens.
func (h *Host) Seed(opts ...Option) *Node {
	h.lab.t.Helper()
	n := h.Person(opts...)
	n.port = 0 // a seed's own default
	n.Start("--bootstrap")
	n.WaitReady()
	return n
}

// Join makes a person who joins a room. It does not wait until they have.
func (h *Host) Join(room string, opts ...Option) *Node {
	h.lab.t.Helper()
	n := h.Person(opts...)
	n.Join(room)
	return n
}

// Join starts the person's node in a room.
func (n *Node) Join(room string) {
	n.host.lab.t.Helper()
	n.Start("join", room, "--json", "--follow")
}

// Dial starts the person's node in private with another.
func (n *Node) Dial(to *Node) {
	n.host.lab.t.Helper()
	n.Start("dial", to.id, "--json", "--follow", "--wait", "1m")
}

// PeerID is the node's identity.
func (n *Node) PeerID() string { return n.id }

// Name is how the story calls the node.
func (n *Node) Name() string { return n.name }

// Host is where the node is.
func (n *Node) Host() *Host { return n.host }

// Addr is the full address at which others reach a node on a public host.
func (n *Node) Addr() string {
	a, family, port := n.host.Address(), "ip4", n.port
	if a.Is6() {
		family = "ip6"
	}
	if port == 0 {
		port = SeedPort
	}
	return fmt.Sprintf("/%s/%s/tcp/%d/p2p/%s", family, a, port, n.id)
}

// flags are those of every command that starts a node.
func (n *Node) flags() []string {
	flags := []string{"--name", n.name}
	for _, s := range n.via {
		flags = append(flags, "--seed", s.Addr())
	}
	if !n.mdns {
		flags = append(flags, "--no-mdns")
	}
	if n.port != 0 {
		for _, a := range n.host.addrs {
			listen := fmt.Sprintf("/ip4/0.0.0.0/tcp/%d", n.port)
			if a.Is6() {
				listen = fmt.Sprintf("/ip6/::/tcp/%d", n.port)
			}
			if !slices.Contains(flags, listen) {
				flags = append(flags, "--listen", listen)
			}
		}
	}
	return append(flags, n.more...)
}

// environ is what the processes of a node get: nothing of the test's own folders.
func (n *Node) environ() []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + n.dir, "P2PCHAT_DATA=" + n.dir, "TZ=UTC"}, n.env...)
}

// Start runs a command that starts a node: join, dial, --bootstrap, with the flags
// that follow from the node's options.
func (n *Node) Start(args ...string) {
	n.host.lab.t.Helper()
	n.args = slices.Concat(args, n.flags())
	n.Restart()
}

// Restart runs the last command again, in the same folder.
func (n *Node) Restart() {
	n.host.lab.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc != nil {
		n.host.lab.t.Fatalf("%s runs already", n.name)
	}
	cmd := exec.Command(n.binary, n.args...)
	cmd.Env = n.environ()
	cmd.Dir = n.dir
	// The node may not outlive a test that is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	n.host.lab.must(err)
	out, err := cmd.StdoutPipe()
	n.host.lab.must(err)
	errs, err := cmd.StderrPipe()
	n.host.lab.must(err)
	n.runs++
	n.ready = false
	p := &process{cmd: cmd, in: in, over: make(chan struct{})}
	begun := make(chan error)
	n.started = time.Now()
	onOwnThread(func() { n.run(p, n.runs, out, errs, begun) })
	n.host.lab.must(<-begun)
	n.proc = p
}

// run runs a process to its end, on a thread that does not end before: else the
// kernel would send Pdeathsig.
func (n *Node) run(p *process, run int, out, errs io.Reader, begun chan<- error) {
	err := n.host.space.enter()
	if err == nil {
		err = p.cmd.Start()
	}
	begun <- err
	if err != nil {
		return
	}
	var readers sync.WaitGroup
	readers.Go(func() { n.readOut(run, out) })
	readers.Go(func() { n.readErr(errs) })
	readers.Wait()
	_ = p.cmd.Wait() // how it ended shows in its standard error
	close(p.over)
}

// readOut notes what the node tells.
func (n *Node) readOut(run int, r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		at := time.Now()
		e, ok := readEvent(lines.Bytes())
		e.At, e.Run = at, run
		n.mu.Lock()
		if ok {
			n.events = append(n.events, e)
		} else {
			n.said = append(n.said, lines.Text())
		}
		n.tell()
		n.mu.Unlock()
	}
}

// readErr keeps the last lines of standard error.
func (n *Node) readErr(r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		n.mu.Lock()
		n.stderr = append(n.stderr, lines.Text())
		n.ready = n.ready || lines.Text() == "ready"
		if extra := len(n.stderr) - maxStderr; extra > 0 {
			n.stderr = slices.Delete(n.stderr, 0, extra)
		}
		n.tell()
		n.mu.Unlock()
	}
}

// tell wakes all who wait. The node is locked.
func (n *Node) tell() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// Say gives the node a message to send.
func (n *Node) Say(text string) {
	b, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		panic("netlab: " + err.Error()) // a string can always be marshalled
	}
	n.Line(string(b))
}

// Line gives the node a line of input. If it does not run, the line is lost.
func (n *Node) Line(s string) {
	n.mu.Lock()
	p := n.proc
	n.mu.Unlock()
	if p != nil {
		_, _ = io.WriteString(p.in, s+"\n") // it may end at any time
	}
}

// Events are all that the node told so far, in all its runs.
func (n *Node) Events() []Event {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.events)
}

// Started is when the node was started the last time.
func (n *Node) Started() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.started
}

// Find returns the first event that matches, if there was one.
func (n *Node) Find(match func(Event) bool) (Event, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	i := slices.IndexFunc(n.events, match)
	if i < 0 {
		return Event{}, false
	}
	return n.events[i], true
}

// WaitEvent returns the first event that matches, from the node's beginning on. It
// ends the test if there is none within the given time.
func (n *Node) WaitEvent(what string, within time.Duration, match func(Event) bool) Event {
	n.host.lab.t.Helper()
	var found Event
	seen := 0
	n.wait(what, within, func() bool {
		for ; seen < len(n.events); seen++ {
			if match(n.events[seen]) {
				found = n.events[seen]
				return true
			}
		}
		return false
	})
	return found
}

// WaitMessage waits until the node shows the message with that text, and returns how
// long it took from now on.
func (n *Node) WaitMessage(text string, within time.Duration) time.Duration {
	n.host.lab.t.Helper()
	start := time.Now()
	return max(0, n.WaitEvent(fmt.Sprintf("message %q", text), within, IsMessage(text)).At.Sub(start))
}

// WaitMember waits until the node has told that another is there.
func (n *Node) WaitMember(other *Node, within time.Duration) time.Duration {
	n.host.lab.t.Helper()
	start := time.Now()
	return max(0, n.WaitEvent(other.name+" being there", within, IsMember(other.id)).At.Sub(start))
}

// WaitReady waits until the node's last run has begun to work, and returns how long
// after its start that was.
func (n *Node) WaitReady() time.Duration {
	n.host.lab.t.Helper()
	var took time.Duration
	n.wait("ready", startWithin, func() bool {
		took = time.Since(n.started)
		return n.ready || slices.ContainsFunc(n.events, func(e Event) bool { return e.Run == n.runs && e.Type == "ready" })
	})
	return took
}

// wait waits until ok reports true, which is called with the node locked.
func (n *Node) wait(what string, within time.Duration, ok func() bool) {
	n.host.lab.t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for {
		n.mu.Lock()
		done, changed := ok(), n.changed
		n.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			n.host.lab.t.Fatalf("%s: not within %s: %s", n.name, within, what)
		}
	}
}

// Kill9 ends the node's process at once, if it runs.
func (n *Node) Kill9() { n.end(syscall.SIGKILL) }

// Stop asks the node to leave and waits until it has. It may not take long.
func (n *Node) Stop() {
	n.host.lab.t.Helper()
	if !n.end(os.Interrupt) {
		n.host.lab.t.Fatalf("%s did not leave within %s", n.name, stopWithin)
	}
}

// end sends a signal and waits; it reports false if it had to kill.
func (n *Node) end(sig os.Signal) bool {
	n.mu.Lock()
	p := n.proc
	n.proc = nil
	n.mu.Unlock()
	if p == nil {
		return true
	}
	defer p.in.Close()
	_ = p.cmd.Process.Signal(sig) // it may have ended by itself
	select {
	case <-p.over:
		return true
	case <-time.After(stopWithin):
		_ = p.cmd.Process.Kill()
		<-p.over
		return false
	}
}

// Suspend stops the node's process as a computer that falls asleep does: its kernel
// still answers. Resume wakes it up.
func (n *Node) Suspend() { n.signal(syscall.SIGSTOP) }

// Resume wakes a suspended node up.
func (n *Node) Resume() { n.signal(syscall.SIGCONT) }

func (n *Node) signal(sig os.Signal) {
	n.host.lab.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc == nil {
		n.host.lab.t.Fatalf("%s does not run", n.name)
	}
	n.host.lab.must(n.proc.cmd.Process.Signal(sig))
}

// Run runs a command of the program in the node's folder and on its host to its
// end: doctor, peers, export. The exit code is -1 if it did not come to one.
func (n *Node) Run(args ...string) (stdout, stderr string, code int) {
	n.host.lab.t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(n.binary, args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = n.environ(), n.dir, &out, &errs
	n.host.lab.must(n.host.Do(cmd.Start))
	over := time.AfterFunc(toolWithin, func() { _ = cmd.Process.Kill() })
	defer over.Stop()
	err := cmd.Wait()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		n.host.lab.t.Fatalf("run %s: %v", strings.Join(args, " "), err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// Memory is the most physical memory that the running process has had, in bytes.
func (n *Node) Memory() int64 {
	n.host.lab.t.Helper()
	return n.status("VmHWM:") << 10
}

// Threads is how many threads the running process has.
func (n *Node) Threads() int {
	n.host.lab.t.Helper()
	return int(n.status("Threads:"))
}

// status reads a number that the kernel tells of the running process.
func (n *Node) status(field string) (value int64) {
	n.host.lab.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc == nil {
		n.host.lab.t.Fatalf("%s does not run", n.name)
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.proc.cmd.Process.Pid))
	n.host.lab.must(err)
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			_, err = fmt.Sscan(rest, &value)
			n.host.lab.must(err)
		}
	}
	return value
}

// account tells, after a failure, what the node said last.
func (n *Node) account() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "%s:\n", n.name)
	for _, s := range n.stderr {
		fmt.Fprintf(&b, "  stderr %s\n", n.host.lab.withNames(s))
	}
	last := n.events[max(0, len(n.events)-maxEvents):]
	for _, e := range last {
		raw := n.host.lab.withNames(e.Raw)
		fmt.Fprintf(&b, "  %s %s\n", e.At.Format("15:04:05.000"), raw[:min(len(raw), maxShown)])
	}
	return b.String()
}
