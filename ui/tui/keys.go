package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// key routes a key: to a question, to a dialog, to the pick, to what holds
// everywhere, to the input.
func (m *model) key(msg tea.KeyPressMsg) tea.Cmd {
	k := msg.Keystroke()
	if k != "ctrl+c" {
		m.quitting = false
	}
	switch {
	case k == "ctrl+z":
		return tea.Suspend
	case k == "ctrl+l":
		return tea.ClearScreen
	case m.ask != nil:
		return m.answerKey(msg.String())
	case m.dialog != nil && m.mode.kind != modeName:
		return m.dialogKey(msg, k)
	case m.mode.kind == modePick && m.cur != nil:
		return m.pickKey(plainKey(msg, k))
	}
	if k != "tab" && k != "shift+tab" {
		m.comp = completion{}
	}
	if cmd, ok := m.everywhere(k); ok {
		return cmd
	}
	return m.inputKey(msg, k)
}

// plainKey is the key by what it writes, if it writes anything: "+" is a key of
// its own on one keyboard and a shifted one on another.
func plainKey(msg tea.KeyPressMsg, k string) string {
	if msg.Text != "" && msg.Text != " " {
		return msg.Text
	}
	return k
}

func (m *model) dialogKey(msg tea.KeyPressMsg, k string) tea.Cmd {
	d := m.dialog
	cmd, closed := d.key(m, plainKey(msg, k))
	if closed && m.dialog == d { // it may have opened another
		m.dialog = nil
	}
	return cmd
}

// everywhere does what keys say that are not about the input.
func (m *model) everywhere(k string) (tea.Cmd, bool) {
	if n, ok := strings.CutPrefix(k, "alt+"); ok && len(n) == 1 && n[0] >= '1' && n[0] <= '9' {
		return m.number(int(n[0] - '0')), true
	}
	switch k {
	case "ctrl+n", "alt+down":
		return m.next(1), true
	case "ctrl+p", "alt+up":
		return m.next(-1), true
	case "alt+a":
		return m.nextActive(), true
	case "pgup", "pgdown", "alt+<", "alt+>", "ctrl+home", "ctrl+end", "alt+u":
		return m.scrollKey(k), true
	case "f1":
		m.showHelp()
	case "f2":
		if m.width < wide {
			m.chooseConversation()
		} else {
			m.hideConvs = !m.hideConvs
		}
	case "f3":
		if m.width < wide || m.columns().members > 0 && len(m.cur.members) > m.frame().height {
			m.chooseMember()
		} else {
			m.hideMembers = !m.hideMembers
		}
	case "f4":
		m.hideMembers = !m.hideMembers
	case "alt+r":
		m.showRequests()
		return m.fetchPeople(), true
	case "alt+c":
		m.showContacts()
	case "alt+i":
		return m.showInvite(), true
	case "alt+n":
		return m.showNet(), true
	case "alt+s", "ctrl+s":
		m.about(modeSearch, [32]byte{}, "")
	case "ctrl+o":
		m.startPick()
	default:
		return nil, false
	}
	return nil, true
}

// scrollKey moves what is shown of the timeline.
func (m *model) scrollKey(k string) tea.Cmd {
	c := m.cur
	if c == nil || !c.loaded {
		return nil
	}
	p, height := m.pane(c), m.frame().height
	switch k {
	case "pgup":
		c.at = p.up(c.at, max(1, height-2), height)
	case "pgdown":
		c.at = p.down(c.at, max(1, height-2))
	case "alt+<", "ctrl+home":
		if c.t.older {
			return m.loadOldest(c)
		}
		c.at = p.up(c.at, maxWindow*(maxRows+4), height)
	case "alt+>", "ctrl+end":
		return m.toEnd(c)
	case "alt+u":
		return m.toUnread(c)
	}
	return tea.Batch(m.more(), m.markRead())
}

// toEnd goes to the newest message.
func (m *model) toEnd(c *conversation) tea.Cmd {
	c.at = scroll{}
	if !c.t.newer {
		return m.markRead()
	}
	return m.loadNewest(c)
}

// toUnread goes to the line for unread messages.
func (m *model) toUnread(c *conversation) tea.Cmd {
	if c.line.Time == 0 {
		m.say("nothing was unread here")
		return nil
	}
	p, height := m.pane(c), m.frame().height
	i := c.t.index(c.line)
	if i == 0 && c.t.older {
		m.say("the first unread message is further back")
	}
	c.at = p.show(p.hold(min(i, len(c.t.entries)-1), 0), max(0, i-1), height)
	c.at = p.down(c.at, height-3)
	return m.more()
}

// inputKey is a key for the input.
func (m *model) inputKey(msg tea.KeyPressMsg, k string) tea.Cmd {
	switch k {
	case "enter":
		return m.enter()
	case "alt+enter", "shift+enter", "ctrl+j":
		m.write("\n")
	case "ctrl+c":
		return m.interrupt()
	case "esc":
		m.note = ""
		if m.mode.kind != modeWrite && m.mode.kind != modeName {
			m.leaveMode()
		}
	case "tab", "shift+tab":
		m.complete(k == "shift+tab")
	case "up", "down":
		m.upDown(k)
	default:
		switch {
		case m.input.key(k):
		case msg.Text != "" && !msg.Mod.Contains(tea.ModAlt):
			m.write(msg.Text)
		}
	}
	return nil
}

// paste writes what was pasted: one message, whatever is in it.
func (m *model) paste(s string) tea.Cmd {
	if m.ask != nil || m.dialog != nil || m.mode.kind == modePick {
		return nil
	}
	m.write(s)
	return nil
}

func (m *model) write(s string) {
	if !m.input.insert(s) {
		m.alert("that is longer than one message can be")
	}
}

// upDown moves in the input or, at its ends, in what was written before.
func (m *model) upDown(k string) {
	by := 1
	if k == "up" {
		by = -1
	}
	if m.input.vertical(by) || m.cur == nil || m.mode.kind != modeWrite {
		return
	}
	s, ok := "", false
	if by < 0 {
		s, ok = m.cur.past.back(m.input.String())
	} else {
		s, ok = m.cur.past.forth()
	}
	if ok {
		m.input.set(s)
	}
}

// interrupt clears the input; on an empty one it ends the program when pressed
// twice.
func (m *model) interrupt() tea.Cmd {
	switch {
	case m.mode.kind == modeName && !m.input.empty():
		m.input.set("")
	case !m.input.empty() || m.mode.kind != modeWrite && m.mode.kind != modeName:
		m.leaveMode()
		m.input.set("")
	case m.quitting || m.leaving:
		return m.quit()
	default:
		m.quitting = true
		m.say("Ctrl+C once more quits")
	}
	return nil
}
