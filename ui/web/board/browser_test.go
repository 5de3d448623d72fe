package board

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/ui/web/browsertest"
)

const loaded = `document.querySelectorAll('.people tbody tr').length > 0 && document.querySelectorAll('.chart').length === 5`

func TestPageLooks(t *testing.T) {
	b := browsertest.Start(t)
	now := time.Now()
	s := serve(t, &fakeSource{snap: town(t, 32, now)})
	history(s.rings, now)
	p := b.Open(s.URL())
	sizes := []struct {
		name          string
		width, height int64
	}{{"phone", 360, 740}, {"desktop", 1280, 900}}
	for _, scheme := range []string{"light", "dark"} {
		p.Prefer(scheme, "reduce")
		for _, size := range sizes {
			p.Size(size.width, size.height)
			p.Wait(loaded)
			p.NoSidewaysScroll()
			p.Axe()
			p.Shot("board-" + size.name + "-" + scheme)
			p.FullShot("board-" + size.name + "-" + scheme + "-all")
		}
	}
	// The same with everything open: somebody chosen, tables, a longer span.
	p.Click(`.people tbody tr:nth-child(2) .who`)
	p.Click(`.links summary`)
	p.Click(`.plots [role=group] button:nth-child(3)`)
	p.Wait(`document.querySelector('#plots-title').innerText === 'The last week' && ` + loaded)
	p.Do(chromedp.Click(chromedp.CSS(`.chart details summary`)))
	for _, size := range sizes {
		p.Size(size.width, size.height)
		p.Wait(`document.querySelector('.chosen-peer').innerText.includes('Connected with')`)
		p.NoSidewaysScroll()
		p.Axe()
		p.FullShot("board-" + size.name + "-open")
	}
	// With the pointer over somebody, nobody being chosen.
	p.Click(`.who[aria-pressed="true"]`)
	p.Do(chromedp.ScrollIntoView(chromedp.CSS(`.people`)))
	box := browsertest.Eval[[]float64](p, `(r => [r.x + 20, r.y + 5])(document.querySelector('.people tbody tr:nth-child(4)').getBoundingClientRect())`)
	p.Do(chromedp.MouseEvent(chromedp.MouseMoved, box[0], box[1]))
	p.Wait(`document.querySelector('.chosen-peer').innerText.includes(document.querySelectorAll('.who')[3].title)`)
	// With a finger.
	p.Size(360, 740)
	p.Do(chromedp.Tap(chromedp.CSS(`.plots [role=group] button:nth-child(2)`)))
	p.Wait(`document.querySelector('#plots-title').innerText === 'The last day' && ` + loaded)
	p.Do(chromedp.Tap(chromedp.CSS(`.people tbody tr:nth-child(3) .who`)))
	p.Wait(`document.querySelectorAll('.who')[2].getAttribute('aria-pressed') === 'true'`)
}

func TestPageShowsWhoComesAndGoes(t *testing.T) {
	b := browsertest.Start(t)
	source := &fakeSource{snap: town(t, 3, time.Now())}
	p := b.Open(serve(t, source).URL())
	p.Wait(loaded)
	source.change(func(snap *Snapshot) {
		snap.People = append(snap.People, Person{Peer: peer(t, 99), Nick: nick(t, "newcomer"), Online: true, Since: time.Now()})
	})
	took := p.WaitFor(browsertest.MaxWait, `document.querySelector('.people tbody').innerText.includes('newcomer')`)
	t.Logf("shown after %v", took)
	p.Wait(`document.querySelector('.figure.main .value').innerText === '4' && document.title.startsWith('(4)')`)
	p.Wait(`document.querySelector('canvas').getAttribute('aria-label').startsWith('Map: 4 peers')`)
	source.change(func(snap *Snapshot) { snap.People = snap.People[:3] })
	p.Wait(`!document.querySelector('.people tbody').innerText.includes('newcomer')`)
	p.Wait(`document.querySelector('canvas').getAttribute('aria-label').startsWith('Map: 3 peers')`)
}

func TestPageSaysWhenTheSeedIsLost(t *testing.T) {
	b := browsertest.Start(t)
	source := &fakeSource{snap: town(t, 5, time.Now())}
	s := serve(t, source)
	p := b.Open(s.URL())
	p.Allow("ERR_")
	p.Allow("503")
	p.Wait(loaded + ` && document.querySelector('.state.live')`)

	source.fail(errors.New("the node is stuck"))
	p.Wait(`document.querySelector('.state.lost').innerText.includes('does not answer')`)
	p.Shot("board-lost")
	p.Axe()
	source.fail(nil)
	p.Wait(`document.querySelector('.state.live')`)

	addr := s.Addr().String()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	p.Wait(`document.querySelector('.state.lost')`)
	p.Wait(loaded) // what was known stays on the screen
	serve(t, source, func(c *Config) { c.Addr = addr })
	p.Wait(`document.querySelector('.state.live')`)
}

func TestPageByKeyboard(t *testing.T) {
	b := browsertest.Start(t)
	p := b.Open(serve(t, &fakeSource{snap: town(t, 12, time.Now())}).URL())
	p.Prefer("light", "reduce")
	p.Wait(loaded)
	p.Wait(`document.querySelector('canvas').getAttribute('aria-label').startsWith('Map: 12 peers')`)
	p.Do(chromedp.Focus(chromedp.CSS("canvas")))
	p.Key(kb.ArrowRight)
	p.Wait(`document.querySelector('.chosen-peer').innerText.includes('this seed')`)
	before := p.Text(".chosen-peer")
	p.Wait(`getComputedStyle(document.querySelector('canvas')).outlineStyle !== 'none'`)
	for _, key := range []string{kb.ArrowRight, kb.ArrowLeft, kb.ArrowUp, kb.ArrowDown} {
		p.Key(key)
	}
	if got := p.Text(".chosen-peer"); got == before || strings.Contains(got, "gone") {
		t.Errorf("after arrow keys: %q", got)
	}
	p.Key(kb.Escape)
	p.Wait(`document.querySelector('.chosen-peer').innerText.includes('Choose somebody')`)

	p.Click(".people thead th:nth-child(1) button")
	p.Wait(`document.querySelector('.people th').getAttribute('aria-sort') === 'ascending' && document.querySelector('.people tbody .who').innerText.startsWith('bob')`)
	p.Type(".people input", "bo")
	p.Wait(`document.querySelectorAll('.people tbody tr').length === 1 && document.querySelector('.people tbody').innerText.includes('bob')`)
	p.Click(".join .copy button")
	p.Wait(`document.querySelector('.join [role=status]').innerText !== ''`)
}

// Names are text whatever they hold: no element, no other direction for what
// stands beside them, no wider page.
func TestPageWithHostileNames(t *testing.T) {
	b := browsertest.Start(t)
	snap := town(t, 2, time.Now())
	for i, name := range []string{
		`<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`,
		`</script><style>*{display:none}</style>`, "javascript:alert(1)",
		"\u202egnirts desrever\u202c", "\u2066\u2067isolates", "مرحبا \u202e123", "line\nbreak\r\ttab",
		strings.Repeat("W", chat.MaxText), strings.Repeat("🦊", chat.MaxText/4), "👩‍👩‍👧‍👦 family", "z" + strings.Repeat("\u0301", 500), "\x00\x1b[31mred\u009b31m", "constructor", "__proto__", "",
	} {
		snap.People = append(snap.People, Person{Peer: peer(t, 100+i), Nick: nick(t, name), Online: true, Since: time.Now(), Addrs: []string{"<b>addr</b>\u202e"}})
		snap.Links = append(snap.Links, Link{A: peer(t, 0), B: peer(t, 100+i)})
	}
	p := b.Open(serve(t, &fakeSource{snap: snap}, func(c *Config) { c.ShowAddrs = true; c.Join = "p2pchat <b>join</b> \u202e" + strings.Repeat("x", 900) }).URL())
	p.Prefer("light", "reduce")
	for _, size := range [][2]int64{{1280, 900}, {360, 740}} {
		p.Size(size[0], size[1])
		p.Wait(`document.querySelectorAll('.people tbody tr').length === 17`)
		p.NoSidewaysScroll()
		p.Axe()
	}
	p.FullShot("board-hostile-phone")
	p.Wait(`document.title === '(17) Who is connected'`)
	if n := browsertest.Eval[int](p, `document.querySelectorAll('main img, main script, main style, main b:not(.chosen-peer b)').length`); n != 0 {
		t.Errorf("%d elements made of names", n)
	}
	if browsertest.Eval[bool](p, `/[\u202a-\u202e\u2066-\u2069\u0000-\u0008\u001b\u0080-\u009f]/.test(document.body.innerText)`) {
		t.Error("controls reached the page")
	}
	tall := browsertest.Eval[int](p, `Math.max(...[...document.querySelectorAll('.people tbody tr')].map(r => r.clientHeight))`)
	if tall > 140 {
		t.Errorf("one row is %d pixels tall", tall)
	}
}

// frames is the middle and the worst of the milliseconds between frames.
const frames = `new Promise(done => {
	const times = [];
	const step = at => { times.push(at); if (times.length < 90) requestAnimationFrame(step); else {
		const gaps = times.slice(1).map((t, i) => t - times[i]).sort((a, b) => a - b);
		done([gaps[44], gaps[88]]);
	} };
	requestAnimationFrame(step);
})`

// A map of 2,000 peers is measured while it arranges itself, against a page
// with nothing on it. The ratio is told, not judged: machines that test are
// busy. What is judged is that the page stays small and answers.
func TestPageWithTwoThousandPeers(t *testing.T) {
	if testing.Short() {
		t.Skip("draws 2,000 peers")
	}
	b := browsertest.Start(t)
	empty := browsertest.Eval[[]float64](b.Open("about:blank"), frames)
	source := &fakeSource{snap: town(t, 2000, time.Now())}
	p := b.Open(serve(t, source).URL())
	p.Wait(`document.querySelector('canvas').getAttribute('aria-label').startsWith('Map: 2000 peers')`)
	busy := browsertest.Eval[[]float64](p, frames)
	t.Logf("milliseconds between frames, middle and worst: %.1f and %.1f; empty page %.1f and %.1f; ratio %.2f", busy[0], busy[1], empty[0], empty[1], busy[0]/empty[0])
	if n := browsertest.Eval[int](p, `document.querySelectorAll('*').length`); n > 4000 {
		t.Errorf("%d elements", n)
	}
	p.Prefer("light", "reduce")
	p.Type(".people input", "fatima7")
	p.Wait(`[...document.querySelectorAll('.people tbody tr')].every(r => r.innerText.includes('fatima7'))`)
	p.Click(".people .who")
	p.Wait(`document.querySelector('.chosen-peer').innerText.includes('Connected with')`)
	p.Do(chromedp.Sleep(0))
	p.Shot("board-2000")
}

// A server on another port may not show the page in a frame.
func TestPageIsNotFramed(t *testing.T) {
	s := serve(t, &fakeSource{snap: town(t, 2, time.Now())})
	_, port, err := net.SplitHostPort(s.Addr().String())
	if err != nil || port == "" {
		t.Fatal(err)
	}
	p := browsertest.Start(t).Open("data:text/html,<title>t</title><iframe src='" + s.URL() + "'></iframe>")
	p.Allow("frame-ancestors")
	p.Allow("X-Frame-Options")
	p.Allow("ERR_BLOCKED_BY_RESPONSE")
	p.Wait(`document.querySelector('iframe')`)
	p.Wait(`window.length === 1`)
	if browsertest.Eval[bool](p, `(() => { try { return !!document.querySelector('iframe').contentDocument.querySelector('#app') } catch { return false } })()`) {
		t.Error("the page is inside the frame")
	}
}
