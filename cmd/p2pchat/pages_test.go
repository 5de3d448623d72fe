package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/ui/web/browsertest"
)

// A household is real processes on loopback that talk to each other, for tests in a
// browser.
type household struct {
	t    *testing.T
	bin  string
	dir  string
	seed string // its address
}

func newHousehold(t *testing.T) *household {
	t.Helper()
	bin, err := exec.LookPath("p2pchat")
	if err != nil {
		t.Fatal(err)
	}
	return &household{t: t, bin: bin, dir: t.TempDir()}
}

// A resident is one process, and what it said.
type resident struct {
	t    *testing.T
	cmd  *exec.Cmd
	over chan struct{}

	mu   sync.Mutex
	said strings.Builder
}

// start starts a process of a person, with a folder of that name.
func (h *household) start(name string, args ...string) *resident {
	h.t.Helper()
	dir := filepath.Join(h.dir, name)
	r := &resident{t: h.t, cmd: exec.Command(h.bin, args...), over: make(chan struct{})}
	r.cmd.Env = append(os.Environ(), "HOME="+dir, "P2PCHAT_DATA="+dir, "P2PCHAT_SEEDS="+h.seed, "P2PCHAT_MDNS=0",
		"P2PCHAT_PORT_MAPPING=0", "P2PCHAT_LISTEN=/ip4/127.0.0.1/tcp/0", "P2PCHAT_NAME="+name, "P2PCHAT_WEB=127.0.0.1:0", "GORACE=exitcode=66")
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	r.cmd.Stderr = r.cmd.Stdout // both into one pipe
	if err := r.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	go func() {
		defer close(r.over)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			r.mu.Lock()
			r.said.WriteString(lines.Text() + "\n")
			r.mu.Unlock()
		}
		_ = r.cmd.Wait() // most are killed
	}()
	h.t.Cleanup(func() {
		_ = r.cmd.Process.Kill()
		<-r.over
		if crashed(r.said.String()) != "" {
			h.t.Errorf("%s crashed:\n%s", name, r.said.String())
		}
	})
	return r
}

// kill ends it as a power cut does.
func (r *resident) kill() {
	r.t.Helper()
	if err := r.cmd.Process.Kill(); err != nil {
		r.t.Fatal(err)
	}
	<-r.over
}

// found waits until it said something, and returns the first group of the pattern.
func (r *resident) found(pattern string) string {
	r.t.Helper()
	re := regexp.MustCompile(`(?m)` + pattern)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(poll) {
		r.mu.Lock()
		m := re.FindStringSubmatch(r.said.String())
		r.mu.Unlock()
		if m != nil {
			return m[1]
		}
	}
	r.t.Fatalf("%s did not say %s:\n%s", r.cmd, pattern, r.said.String())
	return ""
}

// visibly is a condition on a page: somebody's words are in it.
func visibly(words string) string {
	return fmt.Sprintf(`[...document.querySelectorAll('.message .text')].some(e => e.textContent.includes(%q))`, words)
}

// dueTime is longer than who vanishes without goodbye is taken to be there: one and a
// half beacons.
const dueTime = 3 * time.Minute

// Two people talk in two browsers, each on a node of its own; one node is killed and
// comes back. The seed's page shows who comes, and who is gone.
func TestPagesOfRealNodes(t *testing.T) {
	t.Parallel()
	b := browsertest.Start(t)
	h := newHousehold(t)
	seed := h.start("seed", "--bootstrap")
	h.seed = seed.found(`^(/ip4/127\.0\.0\.1/tcp/\d+/p2p/12D3KooW\w+)$`)
	board := b.Open(seed.found(`^p2pchat: who is online: (http://\S+)$`))
	board.Wait(`document.querySelector('.people tbody')`)
	shows := func(name string) string {
		return fmt.Sprintf(`document.querySelector('.people tbody').innerText.includes(%q)`, name)
	}

	address := `^(http://127\.0\.0\.1:\d+/#token=\S+)$`
	ann := h.start("ann", "gui", "--no-open")
	annPage := b.Open(ann.found(address))
	annPage.Wait(`document.querySelector('.welcome form button:enabled')`)
	t.Logf("ann is on the seed's page after %v", board.WaitFor(browsertest.MaxWait, shows("ann")))
	joined(annPage)

	bob := h.start("bob", "gui", "--no-open")
	bobPage := b.Open(bob.found(address))
	bobPage.Wait(`document.querySelector('.welcome form button:enabled')`)
	t.Logf("bob is on the seed's page after %v", board.WaitFor(browsertest.MaxWait, shows("bob")))
	joined(bobPage)

	annPage.Wait(`document.querySelector('.members').textContent.includes('bob')`)
	annPage.Type("#input", "hello bob\r")
	bobPage.Wait(visibly("hello bob"))
	bobPage.Type("#input", "hello ann\r")
	annPage.Wait(visibly("hello ann"))
	annPage.Wait(`document.querySelector('.message.mine').textContent.includes('held')`)

	// Another face of the same node says something: the page has it, too.
	if out, err := exec.Command(h.bin, "send", "lobby", "from a script", "--data", filepath.Join(h.dir, "ann")).CombinedOutput(); err != nil {
		t.Fatalf("send: %v: %s", err, out)
	}
	annPage.Wait(visibly("from a script"))
	bobPage.Wait(visibly("from a script"))

	// Bob's power goes. His page says so, and the seed's forgets him in due time.
	bobPage.Allow("") // requests fail while nobody answers
	bob.kill()
	t.Logf("bob is off the seed's page after %v", board.WaitFor(dueTime, "!"+shows("bob")))
	annPage.Type("#input", "are you there?\r")
	annPage.Wait(visibly("are you there?"))
	bob = h.start("bob", "gui", "--no-open")
	again := b.Open(bob.found(address))
	rejoined(again)
	again.Wait(visibly("hello bob") + " && " + visibly("hello ann"))
	again.Wait(visibly("are you there?"))
	board.Wait(shows("bob"))
	again.Axe()
	again.NoSidewaysScroll()
}

// inLobby is a condition on a page: the lobby is shown, and something can be said.
const inLobby = `document.querySelector('.where h1')?.textContent === '#lobby' && document.querySelector('#input')`

// joined opens the lobby on the page of somebody who was nowhere yet.
func joined(p *browsertest.Page) {
	p.Wait(`document.querySelector('.welcome form button:enabled')`)
	p.Type(".welcome form input", "lobby\r")
	p.Wait(inLobby)
}

// rejoined opens it on the page of somebody who was there before.
func rejoined(p *browsertest.Page) {
	p.Wait(inLobby + ` || (document.querySelector('.convs a')?.click(), false)`) // the room is open again by itself
}
