package tui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/p2pchat/p2pchat/chat"
)

// patience bounds each wait of these tests.
const patience = 20 * time.Second

// A pty is a terminal whose screen a test reads and whose keys it presses.
type pty struct {
	t      *testing.T
	screen *os.File
	tty    *os.File

	mu   sync.Mutex
	out  bytes.Buffer
	more chan struct{}
}

func newPty(t *testing.T, width, height int) *pty {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	p := &pty{t: t, screen: os.NewFile(uintptr(fd), "screen"), more: make(chan struct{}, 1)}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		p.tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.resize(width, height)
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.read()
	}()
	t.Cleanup(func() {
		p.tty.Close()
		p.screen.Close()
		<-done
	})
	return p
}

func (p *pty) read() {
	buf := make([]byte, 64<<10)
	for {
		n, err := p.screen.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.out.Write(buf[:n])
		p.mu.Unlock()
		select {
		case p.more <- struct{}{}:
		default:
		}
	}
}

func (p *pty) resize(width, height int) {
	p.t.Helper()
	err := unix.IoctlSetWinsize(int(p.tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(width), Row: uint16(height)})
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *pty) press(keys string) {
	p.t.Helper()
	if _, err := p.screen.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

// paste writes a text at once, so that one frame has it whole.
func (p *pty) paste(text string) {
	p.t.Helper()
	p.press("\x1b[200~" + text + "\x1b[201~")
}

func (p *pty) written() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// await waits until what was written after a place holds a part, and returns the
// place after it.
func (p *pty) await(from int, part string) int {
	p.t.Helper()
	late := time.After(patience)
	for {
		if i := strings.Index(p.written()[from:], part); i >= 0 {
			return from + i + len(part)
		}
		select {
		case <-p.more:
		case <-late:
			p.t.Fatalf("%q was not written:\n%q", part, p.written()[from:])
		}
	}
}

func (p *pty) modes() unix.Termios {
	p.t.Helper()
	m, err := unix.IoctlGetTermios(int(p.tty.Fd()), unix.TCGETS)
	if err != nil {
		p.t.Fatal(err)
	}
	return *m
}

// What a terminal must be told at the end: each of these undoes what was set.
//
//archtest:constant a table
var undone = []string{"\x1b[?1049l", "\x1b[?25h", "\x1b[?2004l", "\x1b[?1004l"}

// wantRestored checks that a terminal is as it was.
func (p *pty) wantRestored(before unix.Termios) {
	p.t.Helper()
	if after := p.modes(); after != before {
		p.t.Errorf("the terminal's modes are %+v and were %+v", after, before)
	}
	for _, seq := range undone {
		p.await(0, seq)
	}
	all := p.written()
	if strings.LastIndex(all, "\x1b[?1049h") > strings.LastIndex(all, "\x1b[?1049l") {
		p.t.Error("the screen is still the other one")
	}
	if strings.LastIndex(all, "\x1b[?25l") > strings.LastIndex(all, "\x1b[?25h") {
		p.t.Error("the cursor is still hidden")
	}
}

// face runs the screens on a terminal. The channel has what Run returned.
func (p *pty) face(ctx context.Context, cfg Config) <-chan error {
	cfg.In, cfg.Out = p.tty, p.tty
	if cfg.Env == nil {
		cfg.Env = []string{"TERM=xterm-256color"}
	}
	done := make(chan error, 1)
	go func() { done <- Run(ctx, cfg) }()
	return done
}

func (p *pty) result(done <-chan error) error {
	p.t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		p.t.Fatalf("it goes on:\n%q", p.written())
		return nil
	}
}

func TestRunQuits(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	f, id := long(30)
	p := newPty(t, 80, 24)
	before := p.modes()
	done := p.face(t.Context(), Config{Node: f})
	p.await(0, "message 29.")
	f.events <- []chat.Event{f.message(id, 3, "it comes live")}
	p.await(0, "it comes live")
	p.paste("typed")
	p.await(0, "typed")
	p.press("\r\x03\x03")
	if err := p.result(done); err != nil {
		t.Error(err)
	}
	p.wantRestored(before)
	if len(f.called("say lobby 1 typed")) != 1 {
		t.Errorf("%q", f.called("say"))
	}
	p.screen.Close()
}

func TestRunEndsWithItsContext(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	f, _ := long(3)
	f.slow = make(chan struct{}) // a call that never comes back by itself
	p := newPty(t, 80, 24)
	before := p.modes()
	ctx, cancel := context.WithCancel(t.Context())
	done := p.face(ctx, Config{Node: f})
	p.await(0, "reading the history")
	cancel()
	if err := p.result(done); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	p.wantRestored(before)
	p.screen.Close()
}

// panics is a node that fails in one of its methods.
type panics struct{ *fake }

func (panics) Net(context.Context) ([]Connection, error) { panic("a mistake in a call") }

func TestRunPanics(t *testing.T) {
	for where, keys := range map[string]string{"call": "/net\r", "update": "/nope\r"} {
		t.Run(where, func(t *testing.T) {
			f, _ := long(3)
			p := newPty(t, 80, 24)
			before := p.modes()
			cfg := Config{Node: panics{f}}
			if where == "update" {
				cfg.Node = f
				cfg.clock = func() time.Time { panic("a mistake in Update") }
			}
			done := p.face(t.Context(), cfg)
			p.await(0, "message 2.")
			p.press(keys)
			if err := p.result(done); !errors.Is(err, ErrPanic) || !strings.Contains(err.Error(), "a mistake in") {
				t.Error(err)
			} else if strings.Contains(err.Error(), "nil pointer") {
				t.Error(err)
			}
			p.wantRestored(before)
		})
	}
}

// broken is a model that cannot be drawn.
type broken struct{ tea.Model }

func (broken) View() tea.View { panic("a mistake in View") }

func TestGuardView(t *testing.T) {
	t.Parallel()
	asked := false
	g := &guard{Model: broken{}, quit: func() { asked = true }}
	if v := g.View(); !v.AltScreen || !asked || !errors.Is(g.err, ErrPanic) {
		t.Errorf("%+v, %t, %v", v, asked, g.err)
	}
	if _, cmd := g.Update(nil); cmd == nil {
		t.Error("it goes on")
	}
}

func TestRunResizes(t *testing.T) {
	f, _ := long(3)
	p := newPty(t, 60, 20)
	done := p.face(t.Context(), Config{Node: f})
	at := p.await(0, "message 2.")
	p.resize(120, 30)
	if err := unix.Kill(os.Getpid(), unix.SIGWINCH); err != nil {
		t.Fatal(err)
	}
	p.await(at, "+carol") // the list of members is there now
	p.press("\x03\x03")
	if err := p.result(done); err != nil {
		t.Error(err)
	}
}

func TestRunWithoutColours(t *testing.T) {
	coloured := regexp.MustCompile(`\x1b\[[0-9;]*(3[0-9]|4[0-9]|9[0-7]|10[0-7])[0-9;]*m`)
	for _, c := range []struct {
		env  []string
		want bool
	}{
		{[]string{"TERM=xterm-256color"}, true},
		{[]string{"TERM=xterm-256color", "NO_COLOR=yes"}, false},
	} {
		f, _ := long(3)
		p := newPty(t, 80, 24)
		done := p.face(t.Context(), Config{Node: f, Env: c.env})
		p.await(0, "message 2.")
		p.press("\x03\x03")
		if err := p.result(done); err != nil {
			t.Error(err)
		}
		if got := coloured.MatchString(p.written()); got != c.want {
			t.Errorf("%q: coloured is %t\n%q", c.env, got, p.written())
		}
	}
}

func TestSupports(t *testing.T) {
	t.Parallel()
	for env, want := range map[string]error{
		"": ErrDumb, "TERM=dumb": ErrDumb, "TERM=": ErrDumb, "TERM=xterm": nil, "TERM=dumb,TERM=vt100": nil,
	} {
		if err := Supports(strings.Split(env, ",")); !errors.Is(err, want) {
			t.Errorf("%q: %v", env, err)
		}
	}
	if err := Run(t.Context(), Config{Env: []string{"TERM=dumb"}}); !errors.Is(err, ErrDumb) {
		t.Error(err)
	}
}

// faceProcess is set in a process that is a face and nothing else.
const faceProcess = "P2PCHAT_TEST_FACE"

func TestFaceProcess(t *testing.T) {
	if os.Getenv(faceProcess) == "" {
		t.Skip("part of TestSuspend")
	}
	f, _ := long(3)
	if err := Run(t.Context(), Config{Node: f, In: os.Stdin, Out: os.Stdout, Env: os.Environ()}); err != nil {
		t.Fatal(err)
	}
}

// Ctrl+Z gives the terminal back to the shell, fg takes it again.
func TestSuspend(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := newPty(t, 80, 24)
	before := p.modes()
	cmd := exec.CommandContext(t.Context(), shell, "-c", `set -m; "$0" -test.run='^TestFaceProcess$'; echo IN""SHELL; fg; echo BA""CK`, self)
	cmd.Env = append(os.Environ(), faceProcess+"=1", "TERM=xterm-256color")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.tty, p.tty, p.tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	p.await(0, "message 2.")
	p.press("\x1a")
	at := p.await(0, "INSHELL")
	if head := p.written()[:at]; strings.LastIndex(head, "\x1b[?1049l") < strings.LastIndex(head, "\x1b[?1049h") {
		t.Error("the shell was given the other screen")
	}
	at = p.await(at, "message 2.") // drawn again
	p.press("\x03\x03")
	p.await(at, "BACK")
	if err := p.result(ended); err != nil {
		t.Errorf("%v\n%q", err, p.written())
	}
	p.wantRestored(before)
}
