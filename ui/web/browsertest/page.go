package browsertest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// A Page is one tab, with storage of its own. Its methods fail the test when
// they cannot do what they say within MaxWait.
type Page struct {
	t   testing.TB
	ctx context.Context

	mu      sync.Mutex
	allowed []string
	said    []string // what the browser complained about
}

// Open opens the address in a new tab that shares nothing with others, and
// waits until it is loaded.
func (b *Browser) Open(url string) *Page {
	b.t.Helper()
	return b.open(url, chromedp.WithNewBrowserContext())
}

// OpenBeside opens the address in a further tab of p's storage.
func (p *Page) OpenBeside(url string) *Page {
	p.t.Helper()
	beside := &Browser{t: p.t, ctx: p.ctx}
	return beside.open(url)
}

func (b *Browser) open(url string, opts ...chromedp.ContextOption) *Page {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, opts...)
	p := &Page{t: b.t, ctx: ctx}
	var listening sync.WaitGroup
	b.t.Cleanup(func() {
		cancel()
		listening.Wait()
		for _, line := range p.Complaints() {
			b.t.Errorf("the browser complained: %s", line)
		}
	})
	p.Do(chromedp.EmulateViewport(1280, 900))
	messages := chromedp.Console(ctx)
	listening.Go(func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			p.heard(m)
		}
	})
	p.Do(chromedp.Navigate(url))
	return p
}

// heard keeps what is a complaint.
func (p *Page) heard(m chromedp.ConsoleMessage) {
	if m.Type != chromedp.ConsoleError && m.Type != chromedp.ConsoleException && m.Source != "security" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said = append(p.said, fmt.Sprintf("%s: %s (%s:%d)", m.Type, m.Text, m.URL, m.Line+1))
}

// Allow says that complaints which contain text are expected.
func (p *Page) Allow(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed = append(p.allowed, text)
}

// Complaints are what the browser complained about so far and the test did not
// allow.
func (p *Page) Complaints() (all []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range p.said {
		expected := false
		for _, text := range p.allowed {
			expected = expected || strings.Contains(line, text)
		}
		if !expected {
			all = append(all, line)
		}
	}
	return all
}

// Do runs steps of chromedp.
func (p *Page) Do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	// The first step opens the tab, and its context would end the tab.
	if err := chromedp.Do(p.ctx); err != nil {
		p.t.Fatalf("open a tab: %v", err)
	}
	ctx, cancel := context.WithTimeout(p.ctx, MaxWait)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("in the browser: %v\n%s", err, strings.Join(p.Complaints(), "\n"))
	}
}

// Run runs one step of chromedp and returns its value.
func Run[T any](p *Page, step chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, MaxWait)
	defer cancel()
	value, err := chromedp.Run(ctx, step)
	if err != nil {
		p.t.Fatalf("in the browser: %v\n%s", err, strings.Join(p.Complaints(), "\n"))
	}
	return value
}

// Eval returns what a JavaScript expression is; a promise is waited for.
func Eval[T any](p *Page, expression string) T {
	p.t.Helper()
	return Run(p, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// Wait waits until the expression is true in the page. While it throws (an
// element is not there yet) it counts as false.
func (p *Page) Wait(condition string) {
	p.t.Helper()
	p.WaitFor(MaxWait, condition)
}

// WaitFor is Wait with a limit of its own; it returns how long it took.
func (p *Page) WaitFor(limit time.Duration, condition string) time.Duration {
	p.t.Helper()
	began := time.Now()
	for {
		if Eval[bool](p, "(() => { try { return !!("+condition+") } catch { return false } })()") {
			return time.Since(began)
		}
		if time.Since(began) > limit {
			p.t.Fatalf("after %v this is not true: %s\ncomplaints: %s\nthe page says:\n%.3000s",
				limit, condition, p.Complaints(), Eval[string](p, "document.body.innerText"))
		}
		select {
		case <-p.ctx.Done():
			p.t.Fatal("the browser is gone")
		case <-time.After(20 * time.Millisecond): // between two looks
		}
	}
}

// Text is what the first element that matches shows.
func (p *Page) Text(css string) string {
	p.t.Helper()
	return Eval[string](p, fmt.Sprintf("document.querySelector(%q).innerText", css))
}

// Click clicks the first element that matches, once it is visible.
func (p *Page) Click(css string) {
	p.t.Helper()
	p.Do(chromedp.Click(chromedp.CSS(css), chromedp.NodeVisible))
}

// Type types text into the first element that matches.
func (p *Page) Type(css, text string) {
	p.t.Helper()
	p.Do(chromedp.SendKeys(chromedp.CSS(css), text, chromedp.NodeVisible))
}

// Key presses keys (package chromedp/kb) where the focus is.
func (p *Page) Key(keys string, opts ...chromedp.KeyOption) {
	p.t.Helper()
	p.Do(chromedp.KeyEvent(keys, opts...))
}

// Reload loads the page again.
func (p *Page) Reload() {
	p.t.Helper()
	p.Do(chromedp.Reload())
}

// Size sets the size of the window, in CSS pixels; below 600 wide it is a
// phone, with fingers.
func (p *Page) Size(width, height int64) {
	p.t.Helper()
	if width < 600 {
		p.Do(chromedp.EmulateViewport(width, height, chromedp.EmulateMobile, chromedp.EmulateTouch))
		return
	}
	p.Do(chromedp.EmulateViewport(width, height))
}

// Prefer sets what the person's system prefers: scheme is "light" or "dark",
// motion "reduce" or "no-preference".
func (p *Page) Prefer(scheme, motion string) {
	p.t.Helper()
	p.Do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: scheme},
				{Name: "prefers-reduced-motion", Value: motion},
			},
		})
		return err
	}))
}

// Shot keeps a picture of the window as name.png.
func (p *Page) Shot(name string) {
	p.t.Helper()
	p.keep(name, Run(p, chromedp.CaptureScreenshot()))
}

// FullShot keeps a picture of the whole page, below the window's edge too.
func (p *Page) FullShot(name string) {
	p.t.Helper()
	p.keep(name, Run(p, func(ctx context.Context, _ *chromedp.Target) ([]byte, error) {
		got, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{
			Format: page.CaptureScreenshotFormatPng, CaptureBeyondViewport: new(true),
		})
		return got.Data, err
	}))
}

func (p *Page) keep(name string, png []byte) {
	p.t.Helper()
	dir := os.Getenv("P2PCHAT_SHOTS")
	if dir == "" {
		dir = p.t.ArtifactDir()
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		p.t.Fatal(err)
	}
}
