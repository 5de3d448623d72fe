package assets

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed lib shared
var shared embed.FS

//go:embed importmap.json
var importMap string

// ImportMapMark is the line of a page's HTML that a [Site] replaces with the
// import map. Put it before the first module script.
const ImportMapMark = "<!-- import map -->"

// MaxFile is the size, in bytes, of the largest file a [Site] takes in.
const MaxFile = 1 << 20

// A Site serves the files of one page and the shared ones. The zero value is
// not usable; see [New]. It is safe for use by several goroutines.
type Site struct {
	files  map[string]*Body // by path, without the first slash
	policy string
}

// New makes a Site of page's files laid over the shared ones: page's
// index.html is the answer to "/". Test files (in folders named testdata, or
// ending in .go) are left out. It fails for files of unknown type or larger
// than MaxFile: both are mistakes of the program.
func New(page fs.FS) (*Site, error) {
	s := &Site{files: map[string]*Body{}, policy: policy(importMap)}
	for _, tree := range []fs.FS{shared, page} {
		if err := s.add(tree); err != nil {
			return nil, fmt.Errorf("the page's files: %w", err)
		}
	}
	return s, nil
}

func (s *Site) add(tree fs.FS) error {
	return fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "testdata":
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) == ".go":
			return nil
		}
		body, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		f, err := newFile(name, body)
		if err != nil {
			return err
		}
		s.files[name] = f
		return nil
	})
}

// newFile prepares one file to be served.
func newFile(name string, body []byte) (*Body, error) {
	kind, ok := kindOf(name)
	if !ok {
		return nil, fmt.Errorf("%s: no media type known", name)
	}
	if len(body) > MaxFile {
		return nil, fmt.Errorf("%s: %d bytes, at most %d", name, len(body), MaxFile)
	}
	if path.Ext(name) == ".html" {
		script := `<script type="importmap">` + importMap + `</script>`
		body = []byte(strings.Replace(string(body), ImportMapMark, script, 1))
	}
	return NewBody(kind, body), nil
}

// kindOf is the media type of a file, by its name. The system's own table is
// not asked: it differs from machine to machine.
func kindOf(name string) (string, bool) {
	if path.Base(name) == "LICENSE" {
		return "text/plain; charset=utf-8", true
	}
	kind, ok := map[string]string{
		".html": "text/html; charset=utf-8",
		".css":  "text/css; charset=utf-8",
		".js":   "text/javascript; charset=utf-8",
		".mjs":  "text/javascript; charset=utf-8",
		".json": "application/json",
		".svg":  "image/svg+xml",
		".png":  "image/png",
		".txt":  "text/plain; charset=utf-8",
	}[path.Ext(name)]
	return kind, ok
}

// hash is how a Content-Security-Policy names an inline script.
func hash(script string) string {
	sum := sha256.Sum256([]byte(script))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
