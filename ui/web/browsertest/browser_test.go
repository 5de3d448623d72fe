package browsertest

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/p2pchat/p2pchat/ui/web/assets"
)

// serve serves body as a page with the security headers of ours.
func serve(t *testing.T, body string) string {
	t.Helper()
	site, err := assets.New(fstest.MapFS{
		"index.html": {Data: []byte(`<!doctype html><html lang="en"><head><title>t</title><link rel="icon" href="i.svg">` + assets.ImportMapMark +
			`<script type="module" src="app.js"></script></head><body>` + body + `</body></html>`)},
		"app.js": {Data: []byte(`import { html, render } from './shared/html.js';
			render(html` + "`<p id=out>${'<b>hello</b>'}</p>`" + `, document.getElementById('app'));`)},
		"i.svg": {Data: []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(site.Secure(http.Handler(site)))
	t.Cleanup(server.Close)
	return server.URL
}

func TestPageRunsUnderThePolicy(t *testing.T) {
	t.Setenv("P2PCHAT_SHOTS", t.TempDir())
	url := serve(t, `<main><h1>Title</h1><div id="app"></div></main>`)
	p := Start(t).Open(url)
	p.Wait(`document.querySelector('#out')`)
	if got := p.Text("#out"); got != "<b>hello</b>" {
		t.Errorf("shows %q", got)
	}
	p.Axe()
	p.NoSidewaysScroll()
	p.Shot("page")
	if _, err := os.Stat(filepath.Join(os.Getenv("P2PCHAT_SHOTS"), "page.png")); err != nil {
		t.Error(err)
	}
}

// A helper that cannot fail proves nothing: each of these must be noticed.
func TestComplaintsAreNoticed(t *testing.T) {
	b := Start(t)
	for name, script := range map[string]string{
		"TrustedHTML":     `document.body.innerHTML = '<b>x</b>'`,
		"style":           `document.body.setAttribute('style', 'color:red')`,
		"connect":         `fetch('http://127.0.0.1:1/').catch(() => {})`,
		"404":             `fetch('missing').catch(() => {})`,
		"boom":            `setTimeout(() => { throw new Error('boom') })`,
		"said on purpose": `console.error('said on purpose')`,
	} {
		p := b.Open(serve(t, `<div id="app"></div>`))
		p.Wait(`document.querySelector('#out')`)
		Eval[any](p, "(() => { try { "+script+" } catch (e) { setTimeout(() => { throw e }) } })(), 1")
		p.until(t, name)
		p.Allow("") // whatever was said is what we wanted
	}
}

func (p *Page) until(t *testing.T, word string) {
	t.Helper()
	for range 200 {
		if strings.Contains(strings.ToLower(strings.Join(p.Complaints(), "\n")), strings.ToLower(word)) {
			return
		}
		Eval[any](p, "new Promise(r => setTimeout(() => r(1), 20))")
	}
	t.Errorf("nobody complained about %s: %q", word, p.Complaints())
}
