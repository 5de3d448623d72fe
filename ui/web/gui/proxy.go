package gui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
)

const (
	// maxStreams is how many event streams run at once, maxRequests how many other
	// requests.
	maxStreams  = 16
	maxRequests = 32
)

// The headers that go on to the node, and those that come back.
func requestHeaders() []string {
	return []string{"Idempotency-Key", "P2pchat-Run", "P2pchat-Face", "Last-Event-ID"}
}

func answerHeaders() []string { return []string{"Content-Type", "P2pchat-Api", "P2pchat-Run"} }

// allowed are the requests that go on to the node: what the page uses.
func allowed() []string {
	return []string{
		"GET /v1/node", "GET /v1/status", "PUT /v1/name", "GET /v1/peers", "GET /v1/connections", "GET /v1/invite",
		"GET /v1/conversations", "POST /v1/conversations", "GET /v1/conversations/{c}", "DELETE /v1/conversations/{c}",
		"GET /v1/conversations/{c}/members", "GET /v1/conversations/{c}/history", "GET /v1/conversations/{c}/topic",
		"POST /v1/conversations/{c}/read", "GET /v1/conversations/{c}/messages", "POST /v1/conversations/{c}/messages",
		"GET /v1/conversations/{c}/messages/{m}", "GET /v1/conversations/{c}/messages/{m}/delivery",
		"GET /v1/search", "GET /v1/requests", "POST /v1/requests/{p}",
		"GET /v1/contacts", "PUT /v1/contacts/{p}", "DELETE /v1/contacts/{p}",
	}
}

// proxy hands requests on to the node.
func (s *Server) proxy() http.Handler {
	forward := &httputil.ReverseProxy{
		Transport: s.cfg.API, Rewrite: rewrite, ModifyResponse: modify, ErrorHandler: s.lost,
		FlushInterval: -1, // events at once
	}
	requests, streams := make(chan struct{}, maxRequests), make(chan struct{}, maxStreams)
	mux := http.NewServeMux()
	for _, pattern := range allowed() {
		mux.Handle(pattern, bounded(limited(requests, timed(forward))))
	}
	mux.Handle("GET /v1/events", bounded(limited(streams, endless(forward))))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		(&refusal{http.StatusNotFound, "not-found", "the page has no such request", ""}).write(w)
	})
	return mux
}

// rewrite makes the request that goes on: ours, with nothing of the browser's but
// what is named.
func rewrite(p *httputil.ProxyRequest) {
	h := make(http.Header)
	for _, name := range requestHeaders() {
		if v := p.In.Header.Get(name); v != "" {
			h.Set(name, v)
		}
	}
	if p.In.Body != nil && p.In.ContentLength > 0 {
		h.Set("Content-Type", "application/json")
	}
	h.Set("User-Agent", "p2pchat-gui")
	p.Out.Header = h
	p.Out.URL = &url.URL{Scheme: "http", Host: "p2pchat", Path: p.In.URL.Path, RawPath: p.In.URL.RawPath, RawQuery: p.In.URL.RawQuery}
	p.Out.Host = "p2pchat"
}

// modify makes the answer that goes back: nothing is kept, and nothing but what
// is named.
func modify(r *http.Response) error {
	h := make(http.Header)
	for _, name := range answerHeaders() {
		if v := r.Header.Get(name); v != "" {
			h.Set(name, v)
		}
	}
	h.Set("Cache-Control", "no-store")
	r.Header = h
	return nil
}

// lost answers when the node does not: the page waits for the next one.
func (s *Server) lost(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // nobody waits for it
	}
	s.cfg.logger().Debug("the node did not answer", "path", r.URL.Path, "err", err)
	no := refusal{http.StatusBadGateway, "no-node", chat.SafeString(err.Error()), "it comes back by itself when a p2pchat with this folder starts"}
	if errors.Is(err, api.ErrNoNode) {
		no.text = "no node is running"
	}
	no.write(w)
}

// bounded reads a body before anything is done, and refuses a long one and such
// as a form can send.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		_ = rc.SetReadDeadline(time.Now().Add(bodyTimeout)) // tests have none
		b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, api.MaxBody))
		_ = rc.SetReadDeadline(time.Time{})
		kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
		var long *http.MaxBytesError
		switch {
		case errors.As(err, &long):
			(&refusal{http.StatusRequestEntityTooLarge, "too-large", "this is too much for one request", ""}).write(w)
			return
		case err != nil:
			(&refusal{http.StatusBadRequest, "bad-request", "the request broke off", ""}).write(w)
			return
		case len(b) > 0 && strings.TrimSpace(kind) != "application/json":
			(&refusal{http.StatusUnsupportedMediaType, "bad-request", "a body is application/json", ""}).write(w)
			return
		}
		r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(b)), int64(len(b)), nil
		next.ServeHTTP(w, r)
	})
}

// timed gives an answer its time.
func timed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout)) // tests have none
		ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// endless lets an answer go on for as long as somebody reads it.
func endless(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // tests have none
		next.ServeHTTP(w, r)
	})
}

// limited lets only so many at once, and refuses the others.
func limited(places chan struct{}, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
			next.ServeHTTP(w, r)
		default:
			(&refusal{http.StatusTooManyRequests, "too-many", "too much at once", "close another tab with this page"}).write(w)
		}
	})
}
