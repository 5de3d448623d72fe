package gui_test

import (
	"fmt"
	"testing"

	"github.com/p2pchat/p2pchat/ui/web/browsertest"
)

// said is true in the page once the timeline shows a text that the node has accepted.
func said(words string) string {
	return fmt.Sprintf(`[...document.querySelectorAll('.message:not(.unsaid) .text')].some(e => e.textContent.includes(%q))`, words)
}

// join joins a room through the page.
func join(p *browsertest.Page, name string) {
	p.Wait(`document.querySelector('.welcome form button:enabled') || document.querySelector('.convs a')`)
	p.Click(`button[aria-label="New conversation"]`)
	p.Type(`dialog input`, name+"\r")
	p.Wait(fmt.Sprintf(`!document.querySelector('dialog') && document.querySelector('.where h1').textContent === '#' + %q && document.querySelector('#input')`, name))
}

func TestConversationBothWays(t *testing.T) {
	f, s := serve(t)
	p := browsertest.Start(t).Open(s.URL())
	join(p, "lobby")
	if got := browsertest.Eval[string](p, "location.href"); got != s.Addr()+"/" {
		t.Errorf("the address is %s: the token is in it, or something else", got)
	}
	p.Type("#input", "hello from the page\r")
	p.Wait(said("hello from the page"))
	f.Meet(room("lobby"), 1, "bob")
	f.Hear(room("lobby"), 1, "hello ann, see https://example.org/a_(b).")
	p.Wait(said("hello ann"))
	if got := browsertest.Eval[string](p, `document.querySelector('.message a').outerHTML`); got !=
		`<a href="https://example.org/a_(b)" target="_blank" rel="noopener noreferrer nofollow">https://example.org/a_(b)</a>` {
		t.Errorf("the link is %s", got)
	}
	p.Wait(`document.querySelector('.members').textContent.includes('bob')`)
	if n := f.Count(); n != 2 {
		t.Errorf("%d messages were stored", n)
	}
	p.Axe()
	p.Shot("chat")
}
