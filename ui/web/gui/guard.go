package gui

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"slices"
	"strings"
)

// A refusal is why a request is not answered.
type refusal struct {
	status           int
	code, text, hint string
}

// openHint says how a person comes to the page.
const openHint = "open the address that p2pchat gui prints"

// guarded lets only requests of our own page, or of the person's own address bar,
// come to the handler. It is the first that sees a request.
func (s *Server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, check := range []func(*http.Request) *refusal{s.checkHost, checkUpgrade, checkOrigin, checkFetch} {
			if no := check(r); no != nil {
				no.write(w)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// checkHost refuses names that were made to mean this machine (DNS rebinding).
func (s *Server) checkHost(r *http.Request) *refusal {
	for _, host := range []string{"127.0.0.1", "localhost", "::1"} {
		if r.Host == net.JoinHostPort(host, s.port) {
			return nil
		}
	}
	return &refusal{http.StatusMisdirectedRequest, "bad-host", "this name is not the chat page's", openHint}
}

// checkUpgrade refuses WebSockets and all else that is not plain HTTP: browsers
// let any page open them.
func checkUpgrade(r *http.Request) *refusal {
	if r.Header.Get("Upgrade") == "" && r.Method != http.MethodConnect {
		return nil
	}
	return &refusal{http.StatusBadRequest, "bad-request", "only plain HTTP is spoken here", ""}
}

// checkOrigin refuses what another page sends.
func checkOrigin(r *http.Request) *refusal {
	all := r.Header.Values("Origin")
	if len(all) == 0 || len(all) == 1 && all[0] == "http://"+r.Host {
		return nil
	}
	return &refusal{http.StatusForbidden, "bad-origin", "another page may not ask this one", ""}
}

// checkFetch refuses what the browser says is not our page's doing: requests that
// another site caused, and frames. Old browsers do not say it.
func checkFetch(r *http.Request) *refusal {
	site, dest := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Sec-Fetch-Dest")
	sites := []string{"", "same-origin"}
	if !needsToken(r) {
		sites = append(sites, "none") // the person's own doing
	}
	if opened(r) || slices.Contains(sites, site) && !slices.Contains([]string{"iframe", "frame", "object", "embed", "fencedframe"}, dest) {
		return nil
	}
	return &refusal{http.StatusForbidden, "bad-origin", "another page may not ask this one", openHint}
}

// opened reports whether a browser goes to the page itself, in a window of its own:
// from a link anywhere, or by the file with which p2pchat gui leads it here. The page
// holds nobody's data, and without the token in its address it gets none.
func opened(r *http.Request) bool {
	return r.Method == http.MethodGet && r.URL.Path == "/" &&
		r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

// What is below these is about the person's data: the node's, and ours.
const (
	apiPrefix  = "/v1/"
	pagePrefix = "/page/"
)

// needsToken reports whether a request is about the person's data: all but the
// page's own files.
func needsToken(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, apiPrefix) || strings.HasPrefix(r.URL.Path, pagePrefix)
}

// proven lets only who knows the token come to the handler.
func (s *Server) proven(next http.Handler) http.Handler {
	want := sha256.Sum256([]byte("Bearer " + s.token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := sha256.Sum256([]byte(r.Header.Get("Authorization")))
		if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			(&refusal{http.StatusUnauthorized, "bad-token", "this page's address is not valid any more", openHint}).write(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}
