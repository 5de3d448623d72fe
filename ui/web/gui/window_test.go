package gui_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/p2pchat/p2pchat/ui/web/browsertest"
)

// What one reads stays where it is when what was said before is loaded above it.
func TestPositionStays(t *testing.T) {
	f, s := serve(t)
	f.Fill(room("lobby"), 1000)
	p := browsertest.Start(t).Open(s.URL())
	join(p, "lobby")
	p.Wait(said("message 1000 of 1000"))
	type place struct {
		ID    string
		Top   float64
		First string
	}
	for range 3 {
		before := browsertest.Eval[place](p, `(() => {
			const box = document.querySelector('.box');
			box.scrollTop = 5;
			const all = [...document.querySelectorAll('.message')], top = box.getBoundingClientRect().top;
			const li = all.find(m => m.getBoundingClientRect().bottom > top + 1);
			return { ID: li.dataset.id, Top: li.getBoundingClientRect().top, First: all[0].dataset.id };
		})()`)
		p.Wait(fmt.Sprintf(`document.querySelector('.message').dataset.id !== %q`, before.First))
		if after := browsertest.Eval[float64](p, fmt.Sprintf(`document.querySelector('[data-id="%s"]').getBoundingClientRect().top`, before.ID)); math.Abs(after-before.Top) > 2 {
			t.Errorf("a message moved from %v to %v", before.Top, after)
		}
	}
}

// However many messages there are, the page holds a few hundred.
func TestHundredThousandMessages(t *testing.T) {
	f, s := serve(t)
	f.Fill(room("small"), 1000)
	f.Fill(room("large"), many)
	p := browsertest.Start(t).Open(s.URL())
	cost := make(map[string]float64)
	for _, name := range []string{"small", "large"} {
		join(p, name)
		total := map[string]int{"small": 1000, "large": many}[name]
		p.Wait(said(fmt.Sprintf("message %d of %d", total, total)))
		cost[name] = browsertest.Eval[float64](p, `(async () => {
			const box = document.querySelector('.box'), frame = () => new Promise(requestAnimationFrame);
			let worst = 0, sum = 0, n = 0, most = 0;
			for (let i = 0; i < 200; i++) {
				const from = performance.now();
				box.scrollTop -= 150;
				await frame();
				sum += performance.now() - from; n++;
				worst = Math.max(worst, performance.now() - from);
				most = Math.max(most, document.querySelectorAll('.message').length);
			}
			window.most = most; window.worst = worst;
			return sum / n;
		})()`)
		most := browsertest.Eval[int](p, "most")
		nodes := browsertest.Eval[int](p, "document.querySelectorAll('*').length")
		t.Logf("#%s: a frame of scrolling takes %.1f ms, the longest %.1f ms; %d messages, %d elements", name, cost[name], browsertest.Eval[float64](p, "worst"), most, nodes)
		if most > 400 || nodes > 12_000 {
			t.Errorf("#%s: %d messages are on the page, and %d elements", name, most, nodes)
		}
	}
	t.Logf("ratio %.2f", cost["large"]/cost["small"])
	// Many at once leave the page small too, and lose nothing at the end.
	for i := range 3000 {
		f.Hear(room("large"), 1, fmt.Sprintf("burst %d", i+1))
	}
	p.Wait(`document.querySelector('.latest')`)
	p.Click(".latest")
	p.Wait(said("burst 3000") + ` && !document.querySelector('.latest')`)
	for i := range 2000 { // where one looks at the end
		f.Hear(room("large"), 1, fmt.Sprintf("flood %d", i+1))
	}
	p.Wait(said("flood 2000") + ` && !document.querySelector('.latest')`)
	if n := browsertest.Eval[int](p, "document.querySelectorAll('.message').length"); n > 300 {
		t.Errorf("%d messages are on the page after a burst", n)
	}
}
