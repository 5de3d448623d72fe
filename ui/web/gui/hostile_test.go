package gui_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/ui/web/browsertest"
)

func TestHostileTextsAreInert(t *testing.T) {
	f, s := serve(t)
	lobby := room("lobby")
	named(t, f, lobby)
	names := []string{
		`<img src=x onerror=hit(1)>`, `"><script>hit(2)`, "ann\u202egnp.exe", "аnn", "ann ", "a\u200bnn", "~ann", "ANN", "𝖆𝖓𝖓", "مرحبا", "👩‍👩‍👧‍👦",
	}
	for i, n := range names {
		f.Meet(lobby, i+1, n)
	}
	zalgo := "z" + strings.Repeat("\u0301", 500) + "algo"
	texts := []string{
		`<script>hit(3)</script><img src=x onerror="hit(4)"><svg onload=hit(5)>`,
		`javascript:hit(6) data:text/html,<script>hit(7)</script> vbscript:hit(8)`,
		`http://example.org/"onmouseover="hit(9) and https://user:pass@еxample.org/ and http://[::1]:1/ and http://`,
		"[click](javascript:hit(10)) <a href='javascript:hit(11)'>x</a> {{constructor.constructor('hit(12)')()}} ${hit(13)}",
		"left \u202e right-to-left override \u2066 isolate \u2069 \u200f\u200e\ufeff end",
		"\x1b[31mred\x07\x00\u009b bell",
		zalgo,
		strings.Repeat("W", chat.MaxText),
		strings.Repeat("👩‍👩‍👧‍👦", chat.MaxText/25),
		strings.Repeat("👍", 8000),
		strings.Repeat("line\n", 6000),
		"שלום hello עולם", "\u2028\u2029 lines", "/quit", "@ann ann: ANN",
	}
	for i, words := range texts {
		f.Hear(lobby, i%len(names)+1, words)
	}
	first := f.Hear(lobby, 1, "react to this")
	for i, r := range []string{"<b>", "\u202e", strings.Repeat("👍", 20), "javascript:hit(14)"} {
		f.HearBody(lobby, i+2, chat.Body{Kind: chat.KindReaction, Target: first.ID, Text: apitest.Text(t, r)})
	}
	f.HearBody(lobby, 1, chat.Body{Kind: chat.KindTopic, Text: apitest.Text(t, `<h1 onclick=hit(15)>`+strings.Repeat("topic ", 500))})
	if _, err := f.Request(20, `<b onclick=hit(16)>`, strings.Repeat("<i>", 3000)); err != nil {
		t.Fatal(err)
	}
	p := browsertest.Start(t).Open(s.URL())
	browsertest.Eval[any](p, `(window.hits = [], window.hit = (n) => hits.push(n), 1)`)
	join(p, "lobby")
	p.Wait(said("react to this"))
	p.Wait(`document.querySelectorAll('.member').length > 10`)
	if got := browsertest.Eval[[]float64](p, "hits"); len(got) > 0 {
		t.Errorf("these ran: %v", got)
	}
	if n := browsertest.Eval[int](p, `document.querySelectorAll('.message script, .message img, .message [onclick], .message [onerror], .message iframe, .message svg:not(.icon), .message b, .message h1').length`); n != 0 {
		t.Errorf("%d elements came from messages", n)
	}
	for _, href := range browsertest.Eval[[]string](p, `[...document.querySelectorAll('.message a')].map(a => a.href + ' ' + a.rel)`) {
		if !strings.HasPrefix(href, "http://") && !strings.HasPrefix(href, "https://") || !strings.HasSuffix(href, " noopener noreferrer nofollow") {
			t.Errorf("there is a link %s", href)
		}
	}
	if got := browsertest.Eval[string](p, `[...document.querySelectorAll('.message a')].find(a => a.textContent.includes('@')).textContent`); !strings.Contains(got, "(xn--xample-") {
		t.Errorf("a link that is not what it seems reads %s", got)
	}
	if got := browsertest.Eval[string](p, `document.body.innerText + document.title`); strings.ContainsAny(got, "\u202e\u2066\u200f\x1b\x07\u200b\ufeff\u2028") {
		t.Error("characters are shown that steer the text")
	}
	// All who are called like ann look different from her, and from each other.
	if got := browsertest.Eval[[]string](p, `[...document.querySelectorAll('.members .name')].map(n => n.textContent)`); len(got) != len(names)+1 || duplicates(got) {
		t.Errorf("members are called %q", got)
	}
	p.NoSidewaysScroll()
	p.Axe()
	p.Shot("hostile")
	p.Size(360, 740)
	p.NoSidewaysScroll()
	if w := browsertest.Eval[int](p, `document.querySelector('.box').scrollWidth - document.querySelector('.box').clientWidth`); w > 0 {
		t.Errorf("the timeline is %d pixels too wide", w)
	}
	p.Shot("hostile-phone")
}

func duplicates(all []string) bool {
	seen := make(map[string]bool)
	for _, s := range all {
		x, err := chat.NewText(s)
		if err != nil || seen[chat.LooksLike(x)] {
			return true
		}
		seen[chat.LooksLike(x)] = true
	}
	return false
}

// The page makes texts safe by the same rules as package chat.
func TestSafeTextIsThatOfChat(t *testing.T) {
	_, s := serve(t)
	p := browsertest.Start(t).Open(s.URL())
	type sample struct{ Raw, Safe, Line, Look string }
	var all []sample
	for _, raw := range samples() {
		x, err := chat.NewText(raw)
		if err != nil {
			continue
		}
		all = append(all, sample{raw, x.Safe(), x.Line(), chat.LooksLike(x)})
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	wrong := browsertest.Eval[[]string](p, fmt.Sprintf(`import('./js/safe.js').then(({ safe, line, looksLike }) => %s.flatMap((s) => [
		[safe(s.Raw), s.Safe, 'safe'], [line(s.Raw), s.Line, 'line'], [looksLike(s.Raw), s.Look, 'look'],
	].filter(([got, want]) => got !== want).map(([got, want, what]) => what + ' of ' + JSON.stringify(s.Raw) + ' is ' + JSON.stringify(got) + ', and in Go ' + JSON.stringify(want)))
		.map((w) => w.replace(/[^ -~]/g, (c) => '\\u' + c.charCodeAt(0).toString(16))))`, b))
	for i, w := range wrong {
		if i == 20 {
			t.Fatalf("and %d more of %d", len(wrong)-i, len(all))
		}
		t.Error(w)
	}
}

// samples are texts with everything in them that package chat knows of.
func samples() (all []string) {
	all = []string{"", "plain", "a\nb\tc", "1\ufe0f\u20e3", "👩‍👩‍👧‍👦", "👍🏽", "❤️", "☎︎", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "İstanbul ΣΑΣ ß ﬁ Ⅻ", "a\u0301\u0301\u0301\u0301\u0301\u0301"}
	odd := []rune("aB1!|#* \n\t\r\x00\x1b\x7f\u0080\u009b\u00a0\u00ad\u00a9\u0301\u0300\u034f\u061c\u0903\u093f\u0e33\u115f\u1160\u1680\u17b4\u180e\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202e\u2060\u2066\u2069\u206a\u2800\u3000\u3164\u303d\ufe00\ufe0e\ufe0f\ufeff\uffa0\ufff9\ufffc\ufffd\ue000аеорсухіɡոօ0O$5ſſ文字مرحبשلا👍👩❤☎🏽🇩🇪\U0001d159\U0001d173\U000e0001\U000e0100\U000f0000Ǆﬀ①²ªİıΣςµ")
	r := rand.New(rand.NewPCG(1, 2))
	for range 4000 {
		var b strings.Builder
		for range 1 + r.IntN(8) {
			b.WriteRune(odd[r.IntN(len(odd))])
		}
		all = append(all, b.String())
	}
	return all
}
