package gui_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/ui/web/browsertest"
)

// onMessage presses a key on the message with a text. It is sent from within: the
// driver sends a key and its letter apart, and the letter would go to the input
// that has got the focus meanwhile.
func onMessage(p *browsertest.Page, words, key string) {
	browsertest.Eval[any](p, fmt.Sprintf(`(() => {
		const li = [...document.querySelectorAll('.message')].find(m => m.querySelector('.text').textContent.includes(%q));
		li.focus();
		li.dispatchEvent(new KeyboardEvent('keydown', { key: %q, bubbles: true, cancelable: true }));
	})()`, words, key))
}

func TestAnswerChangeReactDelete(t *testing.T) {
	f, s := serve(t)
	p := browsertest.Start(t).Open(s.URL())
	join(p, "lobby")
	f.Hear(room("lobby"), 1, "who has the key?")
	p.Wait(said("who has the key?"))

	onMessage(p, "who has the key?", "r")
	p.Wait(`document.querySelector('.doing') && document.activeElement.id === 'input'`)
	p.Type("#input", "I had it\r")
	p.Wait(`document.querySelector('.message .quote')?.textContent.includes('who has the key?')`)

	p.Key(kb.ArrowUp) // up, in the empty input
	p.Wait(`document.querySelector('#input').value === 'I had it'`)
	browsertest.Eval[any](p, `document.querySelector('#input').select()`)
	p.Type("#input", "I have it\r")
	p.Wait(said("I have it") + ` && document.querySelector('.message.mine').textContent.includes('(edited)') && document.querySelector('#input').value === ''`)

	onMessage(p, "who has the key?", "+")
	p.Wait(`document.querySelector('dialog .pick')`)
	p.Click(`dialog .pick button`)
	p.Wait(`document.querySelector('.reaction[aria-pressed="true"]')?.textContent.startsWith('👍 1')`)
	f.HearBody(room("lobby"), 2, chat.Body{Kind: chat.KindReaction, Target: newestBut(t, f, "who has the key?"), Text: apitest.Text(t, "👍")})
	p.Wait(`document.querySelector('.reaction').textContent.startsWith('👍 2')`)
	p.Click(`.reaction`)
	p.Wait(`document.querySelector('.reaction[aria-pressed="false"]').textContent.startsWith('👍 1')`)

	onMessage(p, "I have it", "d")
	p.Wait(`document.querySelector('dialog')`)
	p.Key("\r")
	p.Wait(said("(deleted)"))
	p.Type("#input", "/me waves\r")
	p.Wait(`document.querySelector('.message.action .text').textContent.includes('waves')`)
	p.Type("#input", "/topic keys\r")
	p.Wait(`document.querySelector('.sub').textContent.includes('keys')`)
	p.Type("#input", "/nonsense\r")
	p.Wait(`document.querySelector('.composer .bad').textContent.includes('no command /nonsense')`)
	browsertest.Eval[any](p, `document.querySelector('#input').select()`)
	p.Type("#input", "//slash\r")
	p.Wait(said("/slash"))
}

// newestBut is the ID of the message with a text.
func newestBut(t testing.TB, f *apitest.Node, words string) chat.MessageID {
	t.Helper()
	for _, m := range messages(t, f, "lobby") {
		if m.Text.Raw() == words {
			return m.ID
		}
	}
	t.Fatalf("nobody said %q", words)
	return chat.MessageID{}
}

// All own messages that are shown have their marks, also far back and when the page is
// new, and pages are all it takes.
func TestMarks(t *testing.T) {
	f, s := serve(t)
	f.Fill(room("lobby"), 400)
	p := browsertest.Start(t).Open(s.URL())
	join(p, "lobby")
	const marked = `(() => {
		const own = [...document.querySelectorAll('.message.mine')];
		return own.length > 20 && own.every((m) => m.querySelector('.delivery')?.textContent.startsWith('queued'));
	})()`
	p.Wait(said("message 400 of 400") + " && " + marked)
	browsertest.Eval[any](p, `document.querySelector('.box').scrollTop = 0`)
	p.Wait(said("message 260 of 400") + " && " + marked)
	m := newestBut(t, f, "message 400 of 400")
	f.Deliver(chat.Delivery{Conversation: room("lobby"), ID: m, State: chat.Held, Reached: 3, HeldBy: 2, Members: 3}, 1, 2)
	p.Reload()
	p.Wait(said("message 400 of 400") + ` && document.querySelectorAll('.message.mine .delivery.warn').length > 20`)
	p.Wait(fmt.Sprintf(`document.querySelector('[data-id="%s"] .delivery').textContent.startsWith('held 2/3')`, m))
	if n := browsertest.Eval[int](p, `performance.getEntriesByType('resource').filter((e) => e.name.endsWith('/delivery')).length`); n > 0 {
		t.Errorf("%d requests for single messages", n)
	}
}

func TestSearchJumps(t *testing.T) {
	f, s := serve(t)
	f.Fill(room("lobby"), 3000)
	p := browsertest.Start(t).Open(s.URL())
	join(p, "lobby")
	p.Wait(said("message 3000 of 3000"))
	p.Click(`.sidebar button[aria-label^="Search"]`)
	p.Type(`dialog input`, "message 1234")
	p.Wait(`document.querySelectorAll('.hit').length === 1`)
	p.Click(`.hit`)
	p.Wait(`document.activeElement.matches('.message.found') && document.activeElement.textContent.includes('message 1234 of 3000')`)
	p.Wait(`(() => { const r = document.activeElement.getBoundingClientRect(); return r.top > 60 && r.bottom < innerHeight - 60 })()`)
	// Both ways from there, and back to the end.
	browsertest.Eval[any](p, `document.querySelector('.box').scrollTop = 0`)
	p.Wait(said("message 1150 of 3000"))
	browsertest.Eval[any](p, `document.querySelector('.box').scrollTop = 1e9`)
	p.Wait(said("message 1300 of 3000"))
	p.Wait(`document.querySelector('.latest')`)
	p.Click(`.latest`)
	p.Wait(said("message 3000 of 3000"))
	p.Wait(`!document.querySelector('.latest')`)
}

func TestReloadKeepsWhatWasTyped(t *testing.T) {
	f, s := serve(t)
	p := browsertest.Start(t).Open(s.URL())
	join(p, "garden")
	join(p, "lobby")
	f.Hear(room("lobby"), 1, "before")
	p.Wait(said("before"))
	onMessage(p, "before", "r")
	p.Type("#input", "half a sen")
	p.Reload()
	p.Wait(`document.querySelector('#input')?.value === 'half a sen' && document.querySelector('.doing')?.textContent.includes('before')`)
	p.Type("#input", "tence\r")
	p.Wait(`document.querySelector('.message.mine .quote') && ` + said("half a sentence"))
	for _, r := range []chat.RoomName{"lobby", "garden"} { // it is still in both
		if f.Opened(room(r)) == 0 {
			t.Errorf("#%s was left", r)
		}
	}
}

func TestNodeGoneAndBack(t *testing.T) {
	f := apitest.New(t)
	if err := f.Folder.SetName(apitest.Text(t, "ann")); err != nil {
		t.Fatal(err)
	}
	node := serveNode(t, f)
	s := servePage(t, f)
	p := browsertest.Start(t).Open(s.URL())
	p.Allow("502")
	join(p, "lobby")
	p.Type("#input", "with a node\r")
	p.Wait(said("with a node"))

	f.Die()
	node.Close()
	p.Wait(`document.querySelector('.banner.gone')`)
	p.Type("#input", "without one\r")
	p.Type("#input", "and another\r")
	p.Wait(`document.querySelectorAll('.unsaid').length === 2`)
	p.Type("#input", "not finished")
	p.Axe()
	p.Shot("node-gone")

	heir := f.Heir()
	serveNode(t, heir)
	p.Wait(`!document.querySelector('.banner') && !document.querySelector('.unsaid')`)
	p.Wait(said("without one") + ` && ` + said("and another") + ` && document.querySelector('#input').value === 'not finished'`)
	heir.Hear(room("lobby"), 1, "welcome back")
	p.Wait(said("welcome back"))
	if got := words(messages(t, heir, "lobby")); got != "[with a node without one and another welcome back]" {
		t.Errorf("the history has %s", got)
	}
}

// What the node before stored, and did not answer any more, is not said twice.
func TestNodeEndsWhileSaying(t *testing.T) {
	f := apitest.New(t)
	if err := f.Folder.SetName(apitest.Text(t, "ann")); err != nil {
		t.Fatal(err)
	}
	node := serveNode(t, f)
	s := servePage(t, f)
	p := browsertest.Start(t).Open(s.URL())
	p.Allow("502")
	p.Allow("503")
	p.Allow("504")
	join(p, "lobby")
	f.Behave(apitest.Behaviour{Silent: true})
	p.Type("#input", "was stored\r")
	p.Type("#input", "was not\r")
	p.Wait(`document.querySelectorAll('.unsaid').length === 2`)
	p.Wait(`JSON.parse(sessionStorage.outbox)[0].run`) // it is on its way
	f.Write(room("lobby"), f.Self(), chat.Draft{Body: chat.Body{Kind: chat.KindText, Text: apitest.Text(t, "was stored")}})
	f.Die()
	node.Close()
	p.Wait(`document.querySelector('.banner.gone')`)
	heir := f.Heir()
	serveNode(t, heir)
	p.Wait(`!document.querySelector('.banner') && !document.querySelector('.unsaid')`)
	p.Wait(said("was not"))
	if got := words(messages(t, heir, "lobby")); got != "[was stored was not]" {
		t.Errorf("the history has %s", got)
	}
}

func TestRefusedMessageComesBack(t *testing.T) {
	f, s := serve(t)
	p := browsertest.Start(t).Open(s.URL())
	p.Allow("507")
	join(p, "lobby")
	f.Behave(apitest.Behaviour{Refuse: "the disk is full"})
	p.Type("#input", "too late\r")
	p.Wait(`document.querySelector('.unsaid .bad').textContent.includes('the disk is full')`)
	f.Behave(apitest.Behaviour{})
	p.Click(`.unsaid button`)
	p.Wait(`!document.querySelector('.unsaid') && ` + said("too late"))
}

func TestTwoTabsAgree(t *testing.T) {
	f, s := serve(t)
	one := browsertest.Start(t).Open(s.URL())
	join(one, "lobby")
	two := one.OpenBeside(s.URL())
	two.Wait(`document.querySelector('.conv') && (document.querySelector('.where h1')?.textContent === '#lobby')`)
	two.Type("#input", "from the second\r")
	one.Wait(said("from the second") + ` && document.querySelector('.message.mine')`)
	one.Type("#input", "from the first\r")
	two.Wait(said("from the first"))
	named(t, f, room("garden"))
	f.Hear(room("garden"), 1, "ann, look")
	for _, p := range []*browsertest.Page{one, two} {
		p.Wait(`document.querySelector('.count.urgent')?.textContent.includes('1')`)
	}
	browsertest.Eval[any](two, `[...document.querySelectorAll('.conv')].find(a => a.textContent.includes('garden')).click()`)
	two.Wait(said("ann, look"))
	two.Click(`.composer.closed button`)
	two.Wait(`document.querySelector('#input')`)
	one.Wait(`!document.querySelector('.count')`)
}

// named has the history know a conversation, as if it had been open before.
func named(t testing.TB, f *apitest.Node, all ...chat.Conversation) {
	t.Helper()
	for _, c := range all {
		if err := f.Log.Name(context.Background(), c); err != nil {
			t.Fatal(err)
		}
	}
}

// messages are all of a room.
func messages(t testing.TB, f *apitest.Node, name chat.RoomName) []chat.Message {
	t.Helper()
	c := attach(t, f)
	defer c.Close()
	all, _, err := c.Messages(context.Background(), room(name), apiPage(1000))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func words(all []chat.Message) string {
	var out []string
	for _, m := range all {
		out = append(out, m.Text.Raw())
	}
	return fmt.Sprint(out)
}
