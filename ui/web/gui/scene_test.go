package gui_test

import (
	"testing"

	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/ui/web/browsertest"
)

// scene fills a node as that of somebody who has used it for a while.
func scene(t testing.TB, f *apitest.Node) {
	t.Helper()
	lobby, bob := room("lobby"), chat.With(apitest.Person(1))
	named(t, f, lobby, bob, room("gardening"))
	f.Meet(lobby, 1, "bob")
	f.Meet(lobby, 2, "Çelia")
	f.Meet(lobby, 3, "bоb") // with a Cyrillic o
	f.Meet(chat.Presence(), 1, "bob")
	f.Meet(chat.Presence(), 2, "Çelia")
	contacts, err := f.Folder.Contacts()
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{contacts.Add("bob", apitest.Person(1)), contacts.Verify(apitest.Person(1), true)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	f.Hear(lobby, 1, "Good morning. The build is green again: https://ci.example.org/runs/2210")
	first := f.Hear(lobby, 1, "Took long enough.")
	f.Hear(lobby, 2, "Nice! Who found it?")
	f.HearBody(lobby, 3, chat.Body{Kind: chat.KindReply, Target: first.ID, Text: apitest.Text(t, "I only moved one line, honestly.")})
	f.HearBody(lobby, 2, chat.Body{Kind: chat.KindReaction, Target: first.ID, Text: apitest.Text(t, "👍")})
	f.HearBody(lobby, 3, chat.Body{Kind: chat.KindReaction, Target: first.ID, Text: apitest.Text(t, "👍")})
	f.HearBody(lobby, 2, chat.Body{Kind: chat.KindTopic, Text: apitest.Text(t, "Releases, builds and who broke them")})
	f.Hear(lobby, 2, "ann, can you look at the release notes before noon? I put the draft where it always is, and bob added a paragraph on invites that reads as if a lawyer had written it.")
	f.HearBody(lobby, 1, chat.Body{Kind: chat.KindAction, Text: apitest.Text(t, "is that lawyer")})
	f.Hear(bob, 1, "Lunch?")
	f.Hear(room("gardening"), 2, "The tomatoes are ripe")
	if _, err := f.Request(7, "zoe", "Hello, we met at the conference. Is this you?"); err != nil {
		t.Fatal(err)
	}
}

// opened is the page with the scene's room open and two own messages in it.
func opened(t testing.TB) (*apitest.Node, *browsertest.Page, string) {
	f, s := serve(t)
	scene(t, f)
	p := browsertest.Start(t).Open(s.URL())
	p.Wait(`document.querySelector('.convs a')`)
	p.Click(`button[aria-label="New conversation"]`)
	p.Type(`dialog input`, "lobby\r")
	p.Wait(`document.querySelector('.where h1').textContent === '#lobby' && document.querySelector('#input')`)
	for i, words := range []string{"On it. Ten minutes.", "Done, and the lawyer is gone."} {
		p.Type("#input", words+"\r")
		p.Wait(said(words))
		m := newestBut(t, f, words)
		d := chat.Delivery{Conversation: room("lobby"), ID: m, State: chat.Held, Reached: 3, HeldBy: 2, Members: 3}
		if i == 1 {
			d.State, d.HeldBy = chat.Sent, 0
		}
		f.Deliver(d, 1, 2)
	}
	p.Wait(`document.querySelectorAll('.delivery').length === 2`)
	return f, p, s.URL()
}

func TestPictures(t *testing.T) {
	_, p, _ := opened(t)
	for _, scheme := range []string{"light", "dark"} {
		p.Prefer(scheme, "reduce")
		p.Size(1280, 800)
		p.Axe()
		p.Shot("chat-desktop-" + scheme)
		p.Size(360, 740)
		p.NoSidewaysScroll()
		p.Axe()
		p.Shot("chat-phone-" + scheme)
		p.Click(`button[aria-label="Back to the list"]`)
		p.Wait(`getComputedStyle(document.querySelector('.sidebar')).display !== 'none'`)
		p.NoSidewaysScroll()
		p.Axe()
		p.Shot("list-phone-" + scheme)
		p.Click(`.conv[href]`)
		p.Wait(`document.querySelector('#input') || document.querySelector('.closed')`)
		p.Click(`button[aria-label="Back to the list"]`)
		p.Do()
		browsertest.Eval[any](p, `[...document.querySelectorAll('.conv')].find(a => a.textContent.includes('lobby')).click()`)
		p.Wait(`document.querySelector('#input')`)
	}
}

// Every window of the page, on a desktop and a phone, breaks no rule of axe.
func TestWindows(t *testing.T) {
	_, p, _ := opened(t)
	p.Prefer("light", "reduce")
	for _, w := range []struct{ name, open string }{
		{"join", `button[aria-label="New conversation"]`},
		{"contacts", `button[aria-label="Contacts"]`},
		{"requests", `.requests`},
		{"invite", `.head button[aria-label="Invite to this room"]`},
		{"topic", `.head button[aria-label="Set the topic"]`},
		{"settings", `.self`},
		{"leave", `.head button[aria-label="Leave the room"]`},
		{"details", `.delivery`},
		{"person", `.members button.member`},
		{"search", `.sidebar button[aria-label^="Search"]`},
	} {
		p.Size(1280, 800)
		p.Click(w.open)
		p.Wait(`document.querySelector('dialog[open]')`)
		switch w.name {
		case "search":
			p.Type(`dialog input`, "build")
			p.Wait(`document.querySelector('.hit')`)
		case "invite", "contacts":
			p.Wait(`document.querySelector('dialog svg.code')`)
		case "person":
			p.Wait(`document.querySelector('.print').textContent.length > 20`)
		}
		p.Axe()
		p.Shot("window-" + w.name)
		p.Size(360, 740)
		p.NoSidewaysScroll()
		p.Shot("window-" + w.name + "-phone")
		p.Key("\x1b")
		p.Wait(`!document.querySelector('dialog')`)
	}
	p.Size(1280, 800)
	p.Click(".state")
	p.Wait(`document.querySelectorAll('.network table').length >= 1`)
	p.Axe()
	p.Shot("network")
	p.Size(360, 740)
	p.NoSidewaysScroll()
	p.Shot("network-phone")
}
