package assets

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// A Body is one answer, encoded once and sent to any number of readers: with an
// ETag, as gzip to those who take it. Make it with [NewBody]; it never changes,
// and is safe for use by several goroutines.
type Body struct {
	kind string
	text []byte
	tag  string // the ETag, quoted

	once sync.Once
	zip  []byte // text, gzip'd when first asked for; nil if that is no gain
}

// NewBody makes a Body of text, which it keeps, with a media type.
func NewBody(kind string, text []byte) *Body {
	sum := sha256.Sum256(text)
	return &Body{kind: kind, text: text, tag: `"` + hex.EncodeToString(sum[:12]) + `"`}
}

// zipped returns the text as gzip, or nil.
func (b *Body) zipped() []byte {
	b.once.Do(func() {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		if _, err := z.Write(b.text); err != nil || z.Close() != nil || out.Len() >= len(b.text) {
			return
		}
		b.zip = out.Bytes()
	})
	return b.zip
}

// ServeHTTP answers GET and HEAD with a file, 404 for what is none (there are
// no listings) and 405 for any other method.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "" {
		name = "index.html"
	}
	f, ok := s.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	f.ServeHTTP(w, r)
}

// ServeHTTP answers with the body, or with 304 if the request names its ETag.
// It does not look at the method, but for HEAD.
func (b *Body) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("ETag", b.tag)
	// There is no date to go by: the browser asks each time, and is told that
	// nothing changed.
	h.Set("Cache-Control", "no-cache")
	h.Set("Vary", "Accept-Encoding")
	if matches(r, b.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := b.text
	if acceptsGzip(r) {
		if zip := b.zipped(); zip != nil {
			body = zip
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("Content-Type", b.kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(body) // a reader that left has nobody to tell
}

// matches reports whether the request already holds the version with this
// ETag, which is quoted. A proxy may have made the tag weak.
func matches(r *http.Request, tag string) bool {
	for held := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		held = strings.TrimSpace(held)
		if held == "*" || strings.TrimPrefix(held, "W/") == tag {
			return true
		}
	}
	return false
}

// acceptsGzip reports whether the request takes a body as gzip.
func acceptsGzip(r *http.Request) bool {
	for offer := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(offer), ";")
		if name == "gzip" && strings.Trim(quality, " q=.0") != "" || name == "gzip" && quality == "" {
			return true
		}
	}
	return false
}
