package browsertest

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// MaxWait is how long a step of a test may take before it fails. It is long
// since machines that test are busy; a step that succeeds does not wait.
const MaxWait = 30 * time.Second

// A Browser is one Chromium with a profile of its own, which ends with the test.
type Browser struct {
	t   testing.TB
	ctx context.Context
}

// Start starts a Chromium without windows, or skips the test.
func Start(t testing.TB) *Browser {
	t.Helper()
	program := find(t)
	alloc, stopProcess := chromedp.NewExecAllocator(context.Background(), options(t, program)...)
	ctx, stop := chromedp.NewContext(alloc)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits until the process is gone
		stop()
		stopProcess()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	return &Browser{t: t, ctx: ctx}
}

func find(t testing.TB) string {
	t.Helper()
	names := []string{"chromium", "chromium-browser", "google-chrome"}
	if named := os.Getenv("P2PCHAT_BROWSER"); named != "" {
		names = []string{named}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("REQUIRE_BROWSER") == "1" {
		t.Fatalf("no browser found (%v) and REQUIRE_BROWSER=1", names)
	}
	t.Skipf("no browser found (%v): install chromium, or name one in P2PCHAT_BROWSER", names)
	return ""
}

// options are the flags: no network of its own, no first-run pages, and the
// speed of a visible window.
func options(t testing.TB, program string) []chromedp.ExecAllocatorOption {
	opts := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless,
		chromedp.NoSandbox, // tests may run as root, and open only pages of ours
		chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck,
		chromedp.DisableGPU,
		chromedp.WindowSize(1280, 900),
	}
	for _, flag := range []string{
		"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync",
		"disable-background-timer-throttling", "disable-renderer-backgrounding", "disable-backgrounding-occluded-windows",
		"disable-dev-shm-usage", "disable-extensions", "hide-scrollbars", "mute-audio",
	} {
		opts = append(opts, chromedp.Flag(flag, true))
	}
	return append(opts,
		chromedp.Flag("force-color-profile", "srgb"),
		chromedp.Flag("password-store", "basic"),
		chromedp.Flag("lang", "en-GB"),
		chromedp.Env("TZ=UTC", "LANG=C.UTF-8"),
	)
}
