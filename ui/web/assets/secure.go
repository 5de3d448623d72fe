package assets

import (
	"net/http"
	"strings"
)

// policy is the Content-Security-Policy of the pages: everything comes from the
// server itself, no text becomes code, nobody frames the page. script is the
// one inline script there is; it is data (the import map), named by its hash.
func policy(script string) string {
	return strings.Join([]string{
		"default-src 'none'",
		"script-src 'self' " + hash(script),
		"style-src 'self'",
		"img-src 'self'",
		"connect-src 'self'",
		"require-trusted-types-for 'script'",
		"trusted-types 'none'",
		"frame-ancestors 'none'",
		"base-uri 'none'",
		"form-action 'none'",
	}, "; ")
}

// Secure sets the security headers before next answers: next's answers need no
// header of their own, and may set Cache-Control.
func (s *Site) Secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", s.policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()")
		next.ServeHTTP(w, r)
	})
}
