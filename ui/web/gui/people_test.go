package gui_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/invite"
	"github.com/p2pchat/p2pchat/ui/web/browsertest"
)

func TestFirstRun(t *testing.T) {
	f := apitest.New(t)
	serveNode(t, f)
	p := browsertest.Start(t).Open(servePage(t, f).URL())
	p.Wait(`document.querySelector('dialog h2')?.textContent === 'What shall others call you?'`)
	p.Axe()
	p.Type(`dialog input`, "ann\r")
	p.Wait(`!document.querySelector('dialog') && document.querySelector('.welcome h2').textContent.includes('ann')`)
	p.Wait(`document.querySelector('.welcome textarea').value.startsWith('p2pchat dial p2pchat1') && document.querySelector('.welcome svg.code')`)
	if name, err := f.Folder.Name(); err != nil || name.Raw() != "ann" {
		t.Errorf("the name is %q, %v", name, err)
	}
	p.Axe()
	p.Shot("welcome")
	p.Size(360, 740)
	p.NoSidewaysScroll()
}

func TestRequestIsAnswered(t *testing.T) {
	f, s := serve(t)
	p := browsertest.Start(t).Open(s.URL())
	p.Wait(`document.querySelector('.welcome form button:enabled')`)
	for i, who := range []string{"zoe", "yan", "mallory"} {
		if _, err := f.Request(7+i, who, "hello, this is "+who); err != nil {
			t.Fatal(err)
		}
	}
	p.Wait(`document.querySelector('.requests')?.textContent.includes('3 unknown')`)
	answer := func(who, word string) {
		p.Wait(`document.querySelector('dialog .card')`)
		browsertest.Eval[any](p, `[...[...document.querySelectorAll('dialog .card')].find(c => c.textContent.includes('`+who+`')).querySelectorAll('button')].find(b => b.textContent === '`+word+`').click()`)
	}
	p.Click(".requests")
	answer("mallory", "Block")
	p.Wait(`document.querySelectorAll('dialog .card').length === 2`)
	answer("yan", "Ignore")
	p.Wait(`document.querySelectorAll('dialog .card').length === 1`)
	answer("zoe", "Accept")
	p.Wait(`!document.querySelector('dialog') && !document.querySelector('.requests') && document.querySelector('.where').textContent.includes('zoe') && document.querySelector('#input')`)
	p.Type("#input", "hello zoe\r")
	p.Wait(said("hello zoe"))
	contacts, err := f.Folder.Contacts()
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]string{7: "accepted", 8: "ignored", 9: "blocked"} {
		k, _ := contacts.Of(apitest.Person(n))
		if got := map[bool]string{k.Accepted: "accepted", k.Ignored: "ignored", k.Blocked: "blocked"}[true]; got != want {
			t.Errorf("person %d is %+v", n, k)
		}
	}
}

func TestVerify(t *testing.T) {
	f, s := serve(t)
	p := browsertest.Start(t).Open(s.URL())
	join(p, "lobby")
	f.Meet(room("lobby"), 1, "bob")
	p.Wait(`document.querySelector('.members').textContent.includes('bob')`)
	p.Click(`.members button.member`)
	p.Wait(`document.querySelector('.print').textContent === '` + apitest.Person(1).Fingerprint() + `'`)
	if got := p.Text(".print + *, p:nth-of-type(3) .print"); got == "" {
		t.Error("the own fingerprint is not there")
	}
	p.Type(`dialog input`, "Bobby\r")
	p.Wait(`document.querySelector('.members').textContent.includes('Bobby')`)
	p.Click(`dialog section button`)
	p.Wait(`document.querySelector('dialog section button').getAttribute('aria-pressed') === 'true'`)
	p.Key(kb.Escape)
	p.Wait(`document.querySelector('.members .verified')`)
	contacts, err := f.Folder.Contacts()
	if err != nil {
		t.Fatal(err)
	}
	if k, _ := contacts.Of(apitest.Person(1)); !k.Verified || k.Name != "Bobby" {
		t.Errorf("bob is %+v", k)
	}
}

func TestKeys(t *testing.T) {
	f, s := serve(t)
	p := browsertest.Start(t).Open(s.URL())
	join(p, "garden")
	join(p, "lobby")
	p.Wait(`document.activeElement.id === 'input'`)
	f.Hear(room("garden"), 1, "one")
	f.Hear(room("garden"), 1, "two")
	p.Wait(`document.querySelector('.count')?.textContent.startsWith('2')`)
	p.Key("k", chromedp.KeyModifiers(chromedp.ModifierCtrl))
	p.Wait(`document.querySelector('dialog [role=combobox]') === document.activeElement`)
	p.Axe()
	p.Type(`dialog input`, "gar")
	p.Wait(`document.querySelectorAll('dialog [role=option]').length === 1`)
	p.Key(kb.Enter)
	p.Wait(`document.querySelector('.where h1').textContent === '#garden' && document.activeElement.id === 'input'`)
	p.Wait(`!document.querySelector('.count')`)
	// From the input to the messages, and back.
	p.Key(kb.Tab, chromedp.KeyModifiers(chromedp.ModifierShift))
	p.Wait(`document.activeElement.matches('.message') && document.activeElement.textContent.includes('two')`)
	p.Key(kb.ArrowUp)
	p.Wait(`document.activeElement.textContent.includes('one')`)
	p.Key(kb.Escape)
	p.Wait(`document.activeElement.id === 'input'`)
	p.Type("#input", "tw")
	p.Key(kb.Enter, chromedp.KeyModifiers(chromedp.ModifierShift))
	p.Key("o lines")
	p.Key(kb.Enter)
	p.Wait(said("tw"))
	for end := time.Now().Add(within); ; time.Sleep(time.Millisecond) {
		if read, _ := f.Asked(); len(read) > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("nothing was marked as read")
		}
	}
}

// Who looks later finds where the new begins.
func TestUnreadLine(t *testing.T) {
	f, s := serve(t)
	lobby := room("lobby")
	f.Fill(lobby, 60)
	p := browsertest.Start(t).Open(s.URL())
	join(p, "lobby")
	p.Wait(said("message 60 of 60"))
	join(p, "garden")
	for _, words := range []string{"new one", "new two"} {
		f.Hear(lobby, 1, words)
	}
	p.Wait(`document.querySelector('.count')?.textContent.startsWith('2')`)
	p.Click(`.conv[aria-current="true"] , .conv`)
	browsertest.Eval[any](p, `[...document.querySelectorAll('.conv')].find(a => a.textContent.includes('lobby')).click()`)
	p.Wait(`document.querySelector('.newline')?.nextElementSibling.textContent.includes('new one')`)
	p.Wait(`!document.querySelector('.count')`)
}

func TestOldAddress(t *testing.T) {
	_, s := serve(t)
	b := browsertest.Start(t)
	p := b.Open(s.Addr() + "/")
	p.Wait(`document.querySelector('main').textContent.includes('p2pchat gui')`)
	p.Axe()
	other := b.Open(s.Addr() + "/#token=AAAA")
	other.Allow("401")
	other.Wait(`document.querySelector('main').textContent.includes('p2pchat gui')`)
}

func TestInviteIsAccepted(t *testing.T) {
	f, s := serve(t)
	i := invite.Invite{Peer: apitest.Person(5), Nick: apitest.Text(t, "eve"), Room: "garden"}
	p := browsertest.Start(t).Open(s.URL())
	p.Wait(`document.querySelector('.welcome form button:enabled')`)
	p.Click(`button[aria-label="New conversation"]`)
	p.Type("dialog input", "p2pchat join "+i.String())
	p.Wait(`document.querySelector('dialog button.main').textContent === 'Accept the invite'`)
	p.Click(`dialog button.main`)
	p.Wait(`!document.querySelector('dialog') && document.querySelector('.where h1').textContent === '#garden'`)
	if f.Opened(room("garden")) == 0 {
		t.Error("the room is not open")
	}
	p.Allow("400")
	p.Click(`button[aria-label="New conversation"]`)
	p.Type("dialog input", i.String()[:80]+"\r")
	p.Wait(`document.querySelector('dialog .bad')?.textContent.length > 10`)
}
