package assets

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

//archtest:constant a pattern
var bareImport = regexp.MustCompile(`from\s*["']([a-z][^"']*)["']`)

const testPage = "<!doctype html><title>t</title>\n" + ImportMapMark + "\n<script type=module src=app.js></script>"

func testSite(t *testing.T) http.Handler {
	t.Helper()
	site, err := New(fstest.MapFS{
		"index.html":      {Data: []byte(testPage)},
		"app.js":          {Data: []byte("export {}")},
		"web.go":          {Data: []byte("package web")},
		"testdata/x.html": {Data: []byte("secret")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return site.Secure(site)
}

func ask(h http.Handler, method, path string, header ...string) *http.Response {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestSiteServes(t *testing.T) {
	h := testSite(t)
	for _, c := range []struct {
		method, path string
		code         int
		kind         string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8"},
		{"HEAD", "/", 200, "text/html; charset=utf-8"},
		{"GET", "/index.html", 200, "text/html; charset=utf-8"},
		{"GET", "/app.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/lib/preact/preact.mjs", 200, "text/javascript; charset=utf-8"},
		{"GET", "/lib/preact/LICENSE", 200, "text/plain; charset=utf-8"},
		{"GET", "/shared/theme.css", 200, "text/css; charset=utf-8"},
		{"GET", "/lib", 404, ""},
		{"GET", "/lib/", 404, ""},
		{"GET", "/lib/preact/", 404, ""},
		{"GET", "/web.go", 404, ""},
		{"GET", "/testdata/x.html", 404, ""},
		{"GET", "//index.html", 404, ""},
		{"GET", "/../assets.go", 404, ""},
		{"POST", "/", 405, ""},
		{"DELETE", "/app.js", 405, ""},
	} {
		got := ask(h, c.method, c.path)
		if got.StatusCode != c.code || c.kind != "" && got.Header.Get("Content-Type") != c.kind {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.path, got.StatusCode, got.Header.Get("Content-Type"), c.code, c.kind)
		}
		if body, _ := io.ReadAll(got.Body); c.method == "HEAD" && len(body) > 0 {
			t.Errorf("HEAD %s has a body", c.path)
		}
	}
}

func TestSiteIsCachedByTag(t *testing.T) {
	h := testSite(t)
	first := ask(h, "GET", "/app.js")
	tag := first.Header.Get("ETag")
	if tag == "" || first.Header.Get("Cache-Control") != "no-cache" {
		t.Fatalf("headers: %v", first.Header)
	}
	for _, held := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
		if got := ask(h, "GET", "/app.js", "If-None-Match", held); got.StatusCode != http.StatusNotModified {
			t.Errorf("If-None-Match %s: %d", held, got.StatusCode)
		}
	}
	if got := ask(h, "GET", "/app.js", "If-None-Match", `"other"`); got.StatusCode != http.StatusOK {
		t.Errorf("another version: %d", got.StatusCode)
	}
}

func TestSiteCompresses(t *testing.T) {
	h := testSite(t)
	for _, offer := range []string{"gzip", "br, gzip;q=0.5", "deflate, gzip"} {
		got := ask(h, "GET", "/lib/preact/preact.mjs", "Accept-Encoding", offer)
		z, err := gzip.NewReader(got.Body)
		if err != nil {
			t.Fatalf("%s: %v", offer, err)
		}
		if text, err := io.ReadAll(z); err != nil || !strings.Contains(string(text), "export{") {
			t.Errorf("%s: %v, %d bytes", offer, err, len(text))
		}
	}
	for _, offer := range []string{"", "br", "gzip;q=0", "gzip; q=0.0"} {
		if got := ask(h, "GET", "/lib/preact/preact.mjs", "Accept-Encoding", offer); got.Header.Get("Content-Encoding") != "" {
			t.Errorf("%q: %s", offer, got.Header.Get("Content-Encoding"))
		}
	}
}

func TestSecureHeaders(t *testing.T) {
	for _, path := range []string{"/", "/app.js", "/none"} {
		h := ask(testSite(t), "GET", path).Header
		for _, want := range []string{
			"default-src 'none'", "script-src 'self' 'sha256-", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
			"require-trusted-types-for 'script'", "trusted-types 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'",
		} {
			if !strings.Contains(h.Get("Content-Security-Policy"), want) {
				t.Errorf("%s: the policy lacks %s", path, want)
			}
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options":       "nosniff",
			"X-Frame-Options":              "DENY",
			"Referrer-Policy":              "no-referrer",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, h.Get(name))
			}
		}
	}
}

// The policy allows one inline script: the one the page carries.
func TestPolicyNamesTheImportMap(t *testing.T) {
	got := ask(testSite(t), "GET", "/")
	page, _ := io.ReadAll(got.Body)
	_, rest, _ := strings.Cut(string(page), `<script type="importmap">`)
	script, _, ok := strings.Cut(rest, "</script>")
	if !ok || !strings.Contains(got.Header.Get("Content-Security-Policy"), hash(script)) {
		t.Errorf("page %q, policy %q", page, got.Header.Get("Content-Security-Policy"))
	}
}

func TestSiteRefusesWhatItCannotServe(t *testing.T) {
	for name, body := range map[string]string{"a.exe": "x", "big.js": strings.Repeat("x", MaxFile+1)} {
		if _, err := New(fstest.MapFS{name: {Data: []byte(body)}}); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
