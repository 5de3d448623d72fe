package tui

import (
	"context"
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/invite"
)

// A command is what a line beginning with a slash asks for.
type command struct {
	name, arg, help string
	// needs is what to write, if the command is nothing without it.
	needs bool
	// talk is set if it needs a conversation.
	talk bool
	run  func(m *model, arg string) tea.Cmd
}

// commands are all of them, in the order of the help.
func commands() []command {
	return []command{
		{name: "join", arg: "ROOM", help: "open a room, or an invite", needs: true, run: (*model).join},
		{name: "dial", arg: "PEER", help: "talk in private: a peer ID, a contact, an invite", needs: true, run: (*model).dial},
		{name: "leave", help: "leave this conversation; its history stays", talk: true, run: (*model).leave},
		{name: "me", arg: "WORDS", help: "say what you do", needs: true, talk: true, run: (*model).action},
		{name: "topic", arg: "[WORDS]", help: "show or set the topic; - clears it", talk: true, run: (*model).topic},
		{name: "reply", arg: "WORDS", help: "answer the last message of others (Ctrl+O picks another)", needs: true, talk: true, run: about(modeReply)},
		{name: "edit", arg: "WORDS", help: "change your last message", needs: true, talk: true, run: about(modeEdit)},
		{name: "del", help: "take your last message back", talk: true, run: (*model).deleteLast},
		{name: "react", arg: "EMOJI", help: "react to the last message of others; - takes it back", needs: true, talk: true, run: about(modeReact)},
		{name: "nick", arg: "NAME", help: "change your name", needs: true, run: (*model).nick},
		{name: "name", arg: "NAME", help: "your own name for the other one here", needs: true, talk: true, run: (*model).nameContact},
		{name: "search", arg: "WORDS", help: "find messages; Enter jumps to a hit", needs: true, run: (*model).search},
		{name: "who", help: "who is here", talk: true, run: func(m *model, _ string) tea.Cmd { m.chooseMember(); return nil }},
		{name: "verify", arg: "[NAME]", help: "compare fingerprints", run: (*model).verifyNamed},
		{name: "contacts", help: "people you know", run: func(m *model, _ string) tea.Cmd { m.showContacts(); return nil }},
		{name: "requests", help: "unknown people who wrote", run: func(m *model, _ string) tea.Cmd { m.showRequests(); return m.fetchPeople() }},
		{name: "invite", help: "the line to give to a friend, and its QR code", run: func(m *model, _ string) tea.Cmd { return m.showInvite() }},
		{name: "net", help: "how you are connected", run: func(m *model, _ string) tea.Cmd { return m.showNet() }},
		{name: "notify", help: "what calls you when you look elsewhere", run: func(m *model, _ string) tea.Cmd { m.read("Notifications", m.notifyLines()...); return nil }},
		{name: "log", help: "what the status line said", run: func(m *model, _ string) tea.Cmd { m.showLog(); return nil }},
		{name: "help", help: "this page", run: func(m *model, _ string) tea.Cmd { m.showHelp(); return nil }},
		{name: "quit", help: "end", run: func(m *model, _ string) tea.Cmd { return m.quit() }},
	}
}

// enter does what was written.
func (m *model) enter() tea.Cmd {
	s := m.input.String()
	if m.mode.kind != modeName && strings.TrimSpace(s) == "" {
		m.leaveMode()
		return nil
	}
	m.note = ""
	switch m.mode.kind {
	case modeName:
		return m.chooseName(s)
	case modeSearch:
		m.leaveMode()
		return m.search(s)
	case modeReply, modeEdit, modeReact:
		return m.sendAbout(m.mode.kind, m.mode.target, s)
	}
	if m.cur == nil && invite.Is(s) {
		s = "/join " + s
	}
	if m.cur != nil {
		m.cur.past.add(s)
	}
	if strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "//") {
		return m.obey(s)
	}
	return m.sayText(chat.KindText, strings.TrimPrefix(s, "/"), s)
}

// obey does what a command says. One that cannot be obeyed stays in the input.
func (m *model) obey(s string) tea.Cmd {
	verb, arg, _ := strings.Cut(s[1:], " ")
	arg = strings.TrimSpace(arg)
	all := commands()
	i := slices.IndexFunc(all, func(c command) bool { return c.name == strings.TrimSpace(verb) })
	switch {
	case i < 0:
		m.alert("unknown command /" + verb + " (F1 lists them; a second slash before it sends it as text)")
	case all[i].needs && arg == "":
		m.alert(fmt.Sprintf("write /%s %s", verb, all[i].arg))
	case all[i].talk && m.cur == nil:
		m.alert("open a conversation first: /join ROOM")
	default:
		m.input.set("")
		return all[i].run(m, arg)
	}
	return nil
}

// sayText sends words to the conversation shown.
func (m *model) sayText(k chat.Kind, text, written string) tea.Cmd {
	if m.cur == nil {
		m.alert("open a conversation first: /join ROOM")
		return nil
	}
	t, err := chat.NewText(strings.TrimRight(text, " \n"))
	b := chat.Body{Kind: k, Text: t}
	if err == nil {
		err = b.Check()
	}
	if err != nil {
		m.alert(err.Error())
		return nil
	}
	m.input.set("")
	c := m.cur
	return tea.Batch(m.send(c, b, written), m.toEnd(c))
}

// sendAbout sends words about another message.
func (m *model) sendAbout(k modeKind, target chat.MessageID, s string) tea.Cmd {
	b, err := bodyAbout(k, target, strings.TrimSpace(s))
	if err != nil {
		m.alert(err.Error())
		return nil
	}
	c := m.cur
	m.leaveMode()
	return m.send(c, b, s)
}

func bodyAbout(k modeKind, target chat.MessageID, s string) (chat.Body, error) {
	if s == "-" && k == modeReact {
		s = "" // takes it back
	}
	t, err := chat.NewText(s)
	switch {
	case err != nil:
		return chat.Body{}, err
	case k == modeReply:
		return chat.NewReply(target, t)
	case k == modeEdit:
		return chat.NewEdit(target, t)
	default:
		return chat.NewReaction(target, t)
	}
}

// about makes the command that sends words about the last message.
func about(k modeKind) func(*model, string) tea.Cmd {
	return func(m *model, arg string) tea.Cmd {
		e := m.cur.find(k == modeEdit)
		if e == nil {
			m.alert("there is no such message here")
			return nil
		}
		return m.sendAbout(k, e.ID, arg)
	}
}

func (m *model) action(arg string) tea.Cmd { return m.sayText(chat.KindAction, arg, "/me "+arg) }

func (m *model) topic(arg string) tea.Cmd {
	switch {
	case m.cur.ID.IsDirect():
		m.alert("a private conversation has no topic")
		return nil
	case arg == "" && m.cur.Topic.Empty():
		m.say("no topic is set (/topic WORDS sets it)")
		return nil
	case arg == "":
		m.say("the topic is: " + m.cur.Topic.Line())
		return nil
	case arg == "-":
		arg = ""
	}
	t, err := chat.NewText(arg)
	if err == nil {
		var b chat.Body
		if b, err = chat.NewTopic(t); err == nil {
			return m.send(m.cur, b, "/topic "+arg)
		}
	}
	m.alert(err.Error())
	return nil
}

func (m *model) deleteLast(string) tea.Cmd {
	e, c := m.cur.find(true), m.cur
	if e == nil {
		m.alert("there is no message of yours here")
		return nil
	}
	words, _ := m.meter.cut(e.Text.Line(), maxQuote)
	m.confirm("Take back: "+words+"?", func() tea.Cmd { return m.takeBack(c, e.ID) })
	return nil
}

func (m *model) nick(arg string) tea.Cmd {
	name, err := chat.NewNick(arg)
	if err != nil {
		m.alert(err.Error())
		return nil
	}
	return m.rename(name)
}

func (m *model) nameContact(arg string) tea.Cmd {
	p := m.cur.ID.Peer
	if p.IsZero() {
		m.alert("that is for private conversations")
		return nil
	}
	return m.call(func(ctx context.Context) tea.Msg {
		return doneMsg{err: m.node.SaveContact(ctx, p, arg), note: "saved as " + chat.SafeString(arg), people: true}
	})
}

// verifyNamed verifies the other one of a private conversation, or who is named.
func (m *model) verifyNamed(arg string) tea.Cmd {
	if arg == "" && m.cur != nil && m.cur.ID.IsDirect() {
		m.verify(m.cur.ID.Peer)
		return nil
	}
	if p, ok := m.personNamed(arg); ok {
		m.verify(p)
		return nil
	}
	m.alert("write whom, as in /verify bob")
	return nil
}

// personNamed finds a contact or a member by the name shown.
func (m *model) personNamed(name string) (chat.PeerID, bool) {
	for _, c := range m.contacts {
		if name != "" && strings.EqualFold(m.names.Show(c.Peer, m.people[c.Peer]), name) {
			return c.Peer, true
		}
	}
	if m.cur != nil {
		for _, x := range m.cur.members {
			if name != "" && strings.EqualFold(m.names.Show(x.Peer, x.Nick), name) {
				return x.Peer, true
			}
		}
	}
	return chat.PeerID{}, false
}
