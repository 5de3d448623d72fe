package gui

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	"github.com/p2pchat/p2pchat/ui/web/assets"
)

//archtest:constant the files of this folder
//go:embed page
var pageFiles embed.FS

// routes are all that the Server answers.
func (s *Server) routes() (http.Handler, error) {
	files, err := fs.Sub(pageFiles, "page")
	if err != nil {
		return nil, fmt.Errorf("the page's files: %w", err)
	}
	site, err := assets.New(files)
	if err != nil {
		return nil, err
	}
	own := http.NewServeMux()
	own.HandleFunc("GET /page/info", s.tellPage)
	own.HandleFunc("GET /page/person/{peer}", tellPerson)
	own.HandleFunc("POST /page/qr", drawCode)
	api := s.proven(s.crowd.serving(s.proxy()))
	page := s.proven(s.crowd.serving(bounded(limited(make(chan struct{}, maxRequests), own))))
	return site.Secure(s.guarded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !needsToken(r):
			serveFile(site, w, r)
		case strings.HasPrefix(r.URL.Path, apiPrefix):
			api.ServeHTTP(w, r)
		default:
			page.ServeHTTP(w, r)
		}
	}))), nil
}

// serveFile serves one of the page's files. The views of the page have addresses
// of their own, and one file.
func serveFile(site *assets.Site, w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/network" {
		r = r.Clone(r.Context())
		r.URL.Path = "/"
	}
	site.ServeHTTP(w, r)
}
