package tui

import (
	"errors"
	"fmt"
	"runtime/debug"

	tea "charm.land/bubbletea/v2"
)

// ErrPanic says that this face came to an end by a mistake of its own. The
// terminal is as it was before.
var ErrPanic = errors.New("the terminal face failed")

// A guard ends the program politely when its model panics. bubbletea's own way
// out closes the terminal while it is being read, and writes on the process's
// standard error.
type guard struct {
	tea.Model
	err error
	// quit asks the program to end; it may be called within it.
	quit func()
}

// Update implements tea.Model.
func (g *guard) Update(msg tea.Msg) (next tea.Model, cmd tea.Cmd) {
	if g.err != nil {
		return g, tea.Quit
	}
	defer func() {
		if g.note(recover()) {
			next, cmd = g, tea.Quit
		}
	}()
	_, cmd = g.Model.Update(msg)
	return g, cmd
}

// View implements tea.Model.
func (g *guard) View() (v tea.View) {
	if g.err != nil {
		return tea.View{AltScreen: true}
	}
	defer func() {
		if g.note(recover()) {
			v = tea.View{AltScreen: true}
			g.quit()
		}
	}()
	return g.Model.View()
}

// note remembers what was recovered, and reports whether it was a panic.
func (g *guard) note(r any) bool {
	if r != nil {
		g.err = fmt.Errorf("%w: %v\n%s", ErrPanic, r, debug.Stack())
	}
	return r != nil
}
