package browsertest

import (
	_ "embed"
	"fmt"

	"github.com/chromedp/chromedp"
)

//go:embed lib/axe-core/axe.min.js
var axe string

// a finding is one rule of axe-core that the page breaks.
type finding struct {
	ID, Impact, Help string
	Nodes            []struct {
		HTML    string
		Summary string
	}
}

// Axe fails the test for every rule of accessibility that axe-core finds
// broken in the page as it is now, contrast included.
func (p *Page) Axe() {
	p.t.Helper()
	if !Eval[bool](p, "typeof window.axe === 'object'") {
		p.Do(chromedp.Evaluate[chromedp.Void](axe))
	}
	found := Eval[[]finding](p, `axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(v => ({
		ID: v.id, Impact: String(v.impact), Help: v.help,
		Nodes: v.nodes.slice(0, 5).map(n => ({HTML: n.html.slice(0, 300), Summary: n.failureSummary})),
	})))`)
	for _, f := range found {
		text := fmt.Sprintf("axe: %s (%s): %s", f.ID, f.Impact, f.Help)
		for _, n := range f.Nodes {
			text += "\n  " + n.HTML + "\n  " + n.Summary
		}
		p.t.Error(text)
	}
}

// NoSidewaysScroll fails the test if the page is wider than its window.
func (p *Page) NoSidewaysScroll() {
	p.t.Helper()
	width := Eval[[]int](p, "[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
	if width[0] > width[1] {
		wide := Eval[string](p, `[...document.querySelectorAll('body *')].filter(e =>
			e.getBoundingClientRect().right > document.documentElement.clientWidth + 1
		).slice(0, 8).map(e => e.tagName + '.' + e.className).join(', ')`)
		p.t.Errorf("the page is %d pixels wide in a window of %d: %s", width[0], width[1], wide)
	}
}
