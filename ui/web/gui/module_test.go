package gui_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/p2pchat/p2pchat/ui/web/browsertest"
)

// in runs a script with the parts of one of the page's modules, in the page.
func in[T any](p *browsertest.Page, module, script string) T {
	return browsertest.Eval[T](p, fmt.Sprintf(`import('./js/%s.js').then((m) => { %s })`, module, script))
}

func TestLinks(t *testing.T) {
	_, s := serve(t)
	p := browsertest.Start(t).Open(s.URL())
	for text, want := range map[string][]string{
		"see https://example.org.":                {"see ", "<https://example.org>", "."},
		"(http://example.org/a_(b)), and":         {"(", "<http://example.org/a_(b)>", "), and"},
		"http://example.org:80/?q=1#x!":           {"<http://example.org:80/?q=1#x>", "!"},
		"javascript:alert(1)":                     {"javascript:alert(1)"},
		"ftp://example.org file:///etc/passwd":    {"ftp://example.org file:///etc/passwd"},
		"http:// https://":                        {"http:// https://"},
		"https://user@evil.example/":              {"<https://user@evil.example/ evil.example>"},
		"https://аpple.com/":                      {"<https://аpple.com/ xn--pple-43d.com>"},
		"https://example.org\\@evil.example":      {"<https://example.org>", "\\@evil.example"},
		"https://0x7f.1/ HTTPS://EXAMPLE.ORG/A":   {"<https://0x7f.1/ 127.0.0.1>", " ", "<HTTPS://EXAMPLE.ORG/A>"},
		"xhttps://example.org a\nhttp://b.org\nc": {"xhttps://example.org a\n", "<http://b.org>", "\nc"},
	} {
		got := in[[]string](p, "links", fmt.Sprintf(`return m.links(%q).map((l) => typeof l === 'string' ? l : '<' + l.text + (l.host ? ' ' + l.host : '') + '>')`, text))
		if !slices.Equal(got, want) {
			t.Errorf("%q is %q, and not %q", text, got, want)
		}
	}
}

// What happens while a page of history is on its way is in its place afterwards.
func TestTimelineWhileAPageIsOnItsWay(t *testing.T) {
	_, s := serve(t)
	p := browsertest.Start(t).Open(s.URL())
	const make = `
		const say = (n, more) => ({ id: String(n).padStart(6, '0'), clock: String(1000 + n), author: 'a', nick: 'a', time: '2026-01-01T00:00:00Z', text: 't' + n, ...more });
		const t = new m.Timeline(), ids = () => t.entries.map((e) => Number(e.id)).join(' ');
		const range = (a, b) => Array.from({ length: b - a + 1 }, (_, i) => say(a + i));
	`
	for name, c := range map[string]struct{ script, want string }{
		"a message comes while the first page does": {`t.asked++; t.live(say(3), '', true); t.asked--; t.replace(range(1, 2), false, false, ''); return ids()`, "1 2 3"},
		"and is on it":                        {`t.asked++; t.live(say(2), '', true); t.asked--; t.replace(range(1, 2), false, false, ''); return ids()`, "1 2"},
		"an edit comes while the page does":   {`t.asked++; t.live(say(3, { kind: 'edit', target: '000002', text: 'new' }), '', true); t.asked--; t.replace(range(1, 2), false, false, ''); return t.last.text`, "new"},
		"out of order":                        {`t.replace(range(1, 3), false, false, ''); t.live(say(9), '', true); t.live(say(5), '', true); t.live(say(5), '', true); return ids()`, "1 2 3 5 9"},
		"behind a window that is not the end": {`t.replace(range(1, 3), false, true, ''); t.live(say(9), '', false); return ids() + ', ' + t.beyond`, "1 2 3, 1"},
		"and the end is loaded then":          {`t.replace(range(1, 3), false, true, ''); t.asked++; t.live(say(6), '', false); t.asked--; t.merge(range(4, 5), { newer: false }, ''); return ids()`, "1 2 3 4 5 6"},
		"and it is not yet the end":           {`t.replace(range(1, 3), false, true, ''); t.asked++; t.live(say(9), '', false); t.asked--; t.merge(range(4, 5), { newer: true }, ''); return ids()`, "1 2 3 4 5"},
		"before the window":                   {`t.replace(range(5, 6), true, false, ''); t.live(say(2), '', true); return ids()`, "5 6"},
		"another's edit":                      {`t.replace(range(1, 2), false, false, ''); t.live(say(3, { kind: 'edit', author: 'b', target: '000002', text: 'new' }), '', true); return t.last.text`, "t2"},
		"an older edit comes later":           {`t.replace(range(1, 2), false, false, ''); t.live(say(8, { kind: 'edit', target: '000002', text: 'newer' }), '', true); t.live(say(7, { kind: 'edit', target: '000002', text: 'older' }), '', true); return t.last.text`, "newer"},
		"one reaction of each":                {`t.replace(range(1, 1), false, false, ''); for (const [n, a, x] of [[2, 'b', '+'], [3, 'c', '+'], [4, 'b', '-'], [5, 'c', '']]) t.live(say(n, { kind: 'reaction', author: a, target: '000001', text: x }), '', true); return JSON.stringify(t.last.reactions)`, `[{"text":"-","by":["b"]}]`},
		"many are cut at the front":           {`t.replace(range(1, 80), false, false, ''); for (let i = 81; i <= 5000; i++) t.live(say(i), '', true); return t.last.id + (t.entries.length <= m.maxWindow) + t.older + t.newer`, "005000truetruefalse"},
		"or at the end, where one reads":      {`t.replace(range(1, 80), false, false, ''); for (let i = 81; i <= 5000; i++) t.live(say(i), '', false); return t.entries[0].id + (t.entries.length <= 2 * m.maxWindow) + t.newer + (t.beyond + t.entries.length)`, "000001truetrue5000"},
		"a page has how far it got":           {`const own = range(1, 2).map((x) => ({ ...x, mine: true, delivery: { state: 'sent' } })); t.told(own, 1); t.replace(own, false, false, ''); return t.entries.map((e) => e.delivery.state).join(' ')`, "sent sent"},
		"an event since then is newer":        {`const own = range(1, 2).map((x) => ({ ...x, mine: true, delivery: { state: 'sent' } })); t.replace(own, false, false, ''); t.deliver({ id: own[0].id, state: 'held' }, 5); t.told(own, 4); t.told(own, 4); return t.entries.map((e) => e.delivery.state).join(' ')`, "held sent"},
		"and one before is not":               {`const own = range(1, 1).map((x) => ({ ...x, mine: true, delivery: { state: 'read' } })); t.replace(own, false, false, ''); t.deliver({ id: own[0].id, state: 'held' }, 5); t.told(own, 6); return t.last.delivery.state + t.last.version`, "read2"},
		"the same again changes nothing":      {`const own = range(1, 1).map((x) => ({ ...x, mine: true, delivery: { state: 'read' } })); t.replace(own, false, false, ''); t.told(own, 5); t.told(own, 6); return String(t.last.version)`, "1"},
		"clocks longer than numbers":          {`return String(m.compare({ clock: '18446744073709551615', id: 'a' }, { clock: '18446744073709551614', id: 'b' }))`, "1"},
	} {
		if got := in[string](p, "timeline", make+c.script); got != c.want {
			t.Errorf("%s: %s, and not %s", name, got, c.want)
		}
	}
}
