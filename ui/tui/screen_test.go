package tui

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/p2pchat/p2pchat/chat"
)

//archtest:constant a flag of the tests
var update = flag.Bool("update", false, "write the golden screens")

// A screen is a model driven by hand: commands are run at once, time stands
// still, events come when they are given.
type screen struct {
	t *testing.T
	f *fake
	m *model
}

func newScreen(t *testing.T, f *fake, width, height int) *screen {
	t.Helper()
	s := startScreen(t, f, width, height)
	s.settle(s.m.Init())
	return s
}

func startScreen(t *testing.T, f *fake, width, height int) *screen {
	t.Helper()
	return startConfigured(t, f, Config{}, width, height)
}

// startConfigured is startScreen with what a test wants to be otherwise.
func startConfigured(t *testing.T, f *fake, cfg Config, width, height int) *screen {
	t.Helper()
	tasks := newTasks(t.Context())
	t.Cleanup(tasks.close)
	cfg.Zone, cfg.DefaultName, cfg.key = time.UTC, "alice", func() string { return "key" }
	if cfg.clock == nil {
		cfg.clock = func() time.Time { return day }
	}
	m := newModel(f, cfg, tasks)
	m.still = true
	s := &screen{t: t, f: f, m: m}
	s.resize(width, height)
	return s
}

// settle runs commands, and what they lead to, until nothing is left.
func (s *screen) settle(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	msg := cmd()
	v := reflect.ValueOf(msg)
	if msg != nil && v.Kind() == reflect.Slice && v.Type().Elem() == reflect.TypeFor[tea.Cmd]() { // a batch
		for i := range v.Len() {
			s.settle(v.Index(i).Interface().(tea.Cmd))
		}
		return
	}
	s.update(msg)
}

func (s *screen) update(msg tea.Msg) {
	if msg == nil {
		return
	}
	_, cmd := s.m.Update(msg)
	s.settle(cmd)
}

func (s *screen) resize(width, height int) {
	s.update(tea.WindowSizeMsg{Width: width, Height: height})
}

func (s *screen) events(ev ...chat.Event) { s.update(eventsMsg{events: ev}) }

// live adds messages to the history and to the event stream.
func (s *screen) live(all ...chat.Message) {
	for _, x := range all {
		s.f.said[x.Conversation] = append(s.f.said[x.Conversation], x)
		s.events(x)
	}
}

// keys presses keys: names in < >, the rest is typed.
func (s *screen) keys(keys string) {
	for keys != "" {
		if name, rest, ok := strings.Cut(strings.TrimPrefix(keys, "<"), ">"); ok && keys[0] == '<' {
			if name == "alt+" { // of the key > itself
				name, rest = "alt+>", strings.TrimPrefix(rest, ">")
			}
			s.press(name)
			keys = rest
			continue
		}
		r := []rune(keys)[0]
		s.update(tea.KeyPressMsg{Code: r, Text: string(r)})
		keys = keys[len(string(r)):]
	}
}

// press presses one key by its name.
func (s *screen) press(name string) {
	s.t.Helper()
	var k tea.Key
	for _, mod := range []struct {
		name string
		mod  tea.KeyMod
	}{{"ctrl+", tea.ModCtrl}, {"alt+", tea.ModAlt}, {"shift+", tea.ModShift}} {
		if rest, ok := strings.CutPrefix(name, mod.name); ok {
			name = rest
			k.Mod |= mod.mod
		}
	}
	special := map[string]rune{
		"enter": tea.KeyEnter, "tab": tea.KeyTab, "esc": tea.KeyEscape, "up": tea.KeyUp, "down": tea.KeyDown,
		"left": tea.KeyLeft, "right": tea.KeyRight, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "home": tea.KeyHome,
		"end": tea.KeyEnd, "backspace": tea.KeyBackspace, "delete": tea.KeyDelete,
		"f1": tea.KeyF1, "f2": tea.KeyF2, "f3": tea.KeyF3, "f4": tea.KeyF4,
	}
	if code, ok := special[name]; ok {
		k.Code = code
	} else {
		k.Code = []rune(name)[0]
	}
	s.update(tea.KeyPressMsg(k))
}

// shown is the frame as a person reads it.
func (s *screen) shown() string {
	var lines []string
	for line := range strings.SplitSeq(ansi.Strip(s.m.View().Content), "\n") {
		lines = append(lines, strings.ReplaceAll(strings.TrimRight(line, " "), "\u00a0", " "))
	}
	return strings.Join(lines, "\n") + "\n"
}

func (s *screen) want(parts ...string) {
	s.t.Helper()
	for _, p := range parts {
		if !strings.Contains(s.shown(), p) {
			s.t.Errorf("%q is not on the screen:\n%s", p, s.shown())
		}
	}
}

func (s *screen) wantNot(parts ...string) {
	s.t.Helper()
	for _, p := range parts {
		if strings.Contains(s.shown(), p) {
			s.t.Errorf("%q is on the screen:\n%s", p, s.shown())
		}
	}
}

func (s *screen) wantCall(call string) {
	s.t.Helper()
	if len(s.f.called(call)) == 0 {
		s.t.Errorf("no call %q in %q", call, s.f.calls)
	}
}

// wantSize checks that a frame fits its window exactly.
func (s *screen) wantSize() {
	s.t.Helper()
	lines := strings.Split(s.m.View().Content, "\n")
	if len(lines) != s.m.height {
		s.t.Errorf("the frame has %d rows of %d:\n%s", len(lines), s.m.height, s.shown())
	}
	for i, line := range lines {
		if w := s.m.meter.method.StringWidth(line); w > s.m.width {
			s.t.Errorf("row %d has %d cells of %d: %q", i, w, s.m.width, ansi.Strip(line))
		}
	}
}

// golden compares the frame with the file of that name.
func (s *screen) golden(name string) {
	s.t.Helper()
	s.wantSize()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(s.shown()), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), s.shown()); diff != "" {
		s.t.Errorf("%s (-want +got; go test ./ui/tui -update writes it anew):\n%s", file, diff)
	}
}
