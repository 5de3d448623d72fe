package gui_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/ui/web/gui"
)

// token is what the page knows.
func token(s *gui.Server) string {
	_, t, _ := strings.Cut(s.URL(), "#token=")
	return t
}

// hostport is where the page is.
func hostport(s *gui.Server) string { return strings.TrimPrefix(s.Addr(), "http://") }

// A try is one request as an attacker, or the page, sends it.
type try struct {
	method, path, body string
	host               string
	headers            map[string]string
	bare               bool // without the token
}

func (a try) send(t testing.TB, s *gui.Server) (*http.Response, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	method := a.method
	if method == "" {
		method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(ctx, method, s.Addr()+a.path, strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	if a.host != "" {
		r.Host = a.host
	}
	if !a.bare {
		r.Header.Set("Authorization", "Bearer "+token(s))
	}
	if a.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range a.headers {
		r.Header.Set(name, value)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func TestOnlyThePageIsAnswered(t *testing.T) {
	_, s := serve(t)
	_, port, _ := strings.Cut(hostport(s), ":")
	other := "http://127.0.0.1:1"
	for name, c := range map[string]struct {
		try  try
		want int
	}{
		"the page asks":                    {try{path: "/v1/node"}, 200},
		"the page asks by localhost":       {try{path: "/v1/node", host: "localhost:" + port, headers: map[string]string{"Origin": "http://localhost:" + port}}, 200},
		"the page asks, as browsers do":    {try{path: "/v1/node", headers: map[string]string{"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}}, 200},
		"the page is opened":               {try{path: "/", bare: true, headers: map[string]string{"Sec-Fetch-Site": "none", "Sec-Fetch-Dest": "document"}}, 200},
		"rebound name":                     {try{path: "/v1/node", host: "evil.example:" + port}, 421},
		"rebound name, page":               {try{path: "/", bare: true, host: "evil.example:" + port}, 421},
		"rebound name with a trick":        {try{path: "/v1/node", host: "127.0.0.1.evil.example:" + port}, 421},
		"host without the port":            {try{path: "/v1/node", host: "127.0.0.1"}, 421},
		"another port in the host":         {try{path: "/v1/node", host: "127.0.0.1:80"}, 421},
		"any address":                      {try{path: "/v1/node", host: "0.0.0.0:" + port}, 421},
		"foreign origin":                   {try{path: "/v1/node", headers: map[string]string{"Origin": "https://evil.example"}}, 403},
		"origin of another local port":     {try{path: "/v1/node", headers: map[string]string{"Origin": other}}, 403},
		"no origin to speak of":            {try{path: "/v1/node", headers: map[string]string{"Origin": "null"}}, 403},
		"another name of ours":             {try{path: "/v1/node", headers: map[string]string{"Origin": "http://localhost:" + port}}, 403},
		"cross-site":                       {try{path: "/v1/node", headers: map[string]string{"Sec-Fetch-Site": "cross-site"}}, 403},
		"same-site, another port":          {try{path: "/v1/node", headers: map[string]string{"Sec-Fetch-Site": "same-site"}}, 403},
		"typed into the address bar":       {try{path: "/v1/node", headers: map[string]string{"Sec-Fetch-Site": "none"}}, 403},
		"a link from another site":         {try{path: "/", bare: true, headers: map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}}, 403},
		"a frame":                          {try{path: "/", bare: true, headers: map[string]string{"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "iframe"}}, 403},
		"an object":                        {try{path: "/", bare: true, headers: map[string]string{"Sec-Fetch-Dest": "object"}}, 403},
		"a script from another site":       {try{path: "/js/main.js", bare: true, headers: map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "script"}}, 403},
		"a form":                           {try{method: "POST", path: "/v1/conversations", body: `{"room":"x"}`, headers: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}, 415},
		"a form that looks like JSON":      {try{method: "POST", path: "/v1/conversations", body: `{"room":"x"}`, bare: true, headers: map[string]string{"Content-Type": "text/plain"}}, 401},
		"text/plain with the token":        {try{method: "POST", path: "/v1/conversations", body: `{"room":"x"}`, headers: map[string]string{"Content-Type": "text/plain"}}, 415},
		"a WebSocket":                      {try{path: "/v1/events", headers: map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "x"}}, 400},
		"HTTP/2 without encryption":        {try{path: "/v1/node", headers: map[string]string{"Connection": "Upgrade", "Upgrade": "h2c"}}, 400},
		"a preflight":                      {try{method: "OPTIONS", path: "/v1/node", bare: true, headers: map[string]string{"Origin": other, "Access-Control-Request-Method": "GET"}}, 403},
		"no token":                         {try{path: "/v1/node", bare: true}, 401},
		"a wrong token":                    {try{path: "/v1/node", headers: map[string]string{"Authorization": "Bearer " + strings.Repeat("A", 43)}}, 401},
		"an empty token":                   {try{path: "/v1/node", headers: map[string]string{"Authorization": "Bearer "}}, 401},
		"half the token":                   {try{path: "/v1/node", headers: map[string]string{"Authorization": "Bearer " + token(s)[:20]}}, 401},
		"the token as a password":          {try{path: "/v1/node", headers: map[string]string{"Authorization": "Basic " + token(s)}}, 401},
		"the token in a cookie":            {try{path: "/v1/node", bare: true, headers: map[string]string{"Cookie": "token=" + token(s)}}, 401},
		"the token in the address":         {try{path: "/v1/node?token=" + token(s), bare: true}, 401},
		"the event stream without a token": {try{path: "/v1/events", bare: true}, 401},
		"the page's own data":              {try{path: "/page/info", bare: true}, 401},
		"a way around":                     {try{path: "/js/../v1/node", bare: true}, 404},
		"a doubled slash":                  {try{path: "//v1/node", bare: true}, 404},
		"what the page does not use":       {try{method: "POST", path: "/v1/diagnose"}, 404},
		"another method":                   {try{method: "PATCH", path: "/v1/node"}, 404},
		"a file that is none":              {try{path: "/go.mod", bare: true}, 404},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := c.try.send(t, s)
			if resp.StatusCode != c.want {
				t.Errorf("the answer is %s: %.300s", resp.Status, body)
			}
			for h := range resp.Header {
				if strings.HasPrefix(h, "Access-Control-") || h == "Set-Cookie" {
					t.Errorf("the answer has %s", h)
				}
			}
			if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors 'none'") {
				t.Errorf("the answer has no policy: %q", csp)
			}
		})
	}
}

func TestTokenOfAnotherRun(t *testing.T) {
	f, s := serve(t)
	old := token(s)
	next := servePage(t, f)
	if old == token(next) || len(old) != 43 {
		t.Fatalf("the tokens are %d bytes, and the same: %v", len(old), old == token(next))
	}
	resp, _ := try{path: "/v1/events", headers: map[string]string{"Authorization": "Bearer " + old}}.send(t, next)
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the old token is answered by %s", resp.Status)
	}
}

func TestOnlyLoopback(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", "[::]:0", ":0", "192.0.2.1:0", "localhost:0", "example.org:80", "127.0.0.1", "127.0.0.1:http"} {
		s, err := gui.Serve(context.Background(), gui.Config{API: api.Transport(t.TempDir()), Addr: addr})
		if err == nil {
			s.Close()
			t.Errorf("%s is listened at", addr)
		}
	}
	_, err := gui.Serve(context.Background(), gui.Config{Addr: "0.0.0.0:0"})
	if !errors.Is(err, gui.ErrNotLoopback) {
		t.Errorf("the error is %v", err)
	}
}

func TestBigBody(t *testing.T) {
	_, s := serve(t)
	resp, _ := try{method: "POST", path: "/v1/conversations", body: `{"room":"` + strings.Repeat("x", api.MaxBody) + `"}`}.send(t, s)
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a body that is too long is answered by %s", resp.Status)
	}
	resp, body := try{method: "POST", path: "/page/qr", body: `{"text":"` + strings.Repeat("x", 5000) + `"}`}.send(t, s)
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a long code is answered by %s %s", resp.Status, body)
	}
}

// A thousand connections that say nothing, or not all, or do not listen, keep
// nobody out and are not kept. Those that serve the page are.
func TestIdleConnections(t *testing.T) {
	f, s := serve(t)
	await := stream(t, s)
	await("ready")
	for name, words := range map[string]string{
		"nothing": "", "half a request": "GET / HTTP/1.1\r\nHost: ", "files that are not read": strings.Repeat("GET /js/main.js HTTP/1.1\r\nHost: "+hostport(s)+"\r\n\r\n", 50),
	} {
		t.Run(name, func(t *testing.T) {
			all := crowd(t, s, words)
			began := time.Now()
			resp, body := try{path: "/v1/node"}.send(t, s)
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("the answer is %s %s", resp.Status, body)
			}
			t.Logf("answered after %v", time.Since(began))
			if closed := closedOf(all); closed < 1000-200 {
				t.Errorf("only %d of 1000 were closed", closed)
			}
		})
	}
	f.Hear(room("lobby"), 1, "still here")
	await("still here")
}

// crowd opens a thousand connections and says something on each.
func crowd(t *testing.T, s *gui.Server, words string) (all []net.Conn) {
	t.Helper()
	for range 1000 {
		c, err := net.Dial("tcp", hostport(s))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_, _ = io.WriteString(c, words) // it may be closed already
		all = append(all, c)
	}
	return all
}

func closedOf(all []net.Conn) (n int) {
	for _, c := range all {
		_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
		_, err := io.Copy(io.Discard, c)
		var timeout net.Error
		if err == nil || !errors.As(err, &timeout) || !timeout.Timeout() {
			n++
		}
	}
	return n
}

// stream opens the event stream, and returns what waits for words in it.
func stream(t *testing.T, s *gui.Server) (await func(words string)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Addr()+"/v1/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token(s))
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	lines := bufio.NewScanner(resp.Body)
	return func(words string) {
		t.Helper()
		for lines.Scan() {
			if bytes.Contains(lines.Bytes(), []byte(words)) {
				return
			}
		}
		t.Fatalf("no %s: %v", words, lines.Err())
	}
}

// The node gets from the browser what is named, and nothing else.
func TestWhatGoesOn(t *testing.T) {
	var got *http.Request
	s, err := gui.Serve(context.Background(), gui.Config{API: roundTrip(func(r *http.Request) (*http.Response, error) {
		got = r
		return &http.Response{
			StatusCode: 200, Body: io.NopCloser(strings.NewReader("{}")), Request: r,
			Header: http.Header{"Content-Type": {"application/json"}, "Set-Cookie": {"a=b"}, "P2pchat-Run": {"r"}, "Access-Control-Allow-Origin": {"*"}},
		}, nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	resp, _ := try{method: "PUT", path: "/v1/name?x=1", body: `{}`, headers: map[string]string{
		"Cookie": "a=b", "X-Forwarded-For": "1.2.3.4", "P2pchat-Face": "f", "Idempotency-Key": "k", "Transfer-Encoding": "chunked", "Te": "trailers",
	}}.send(t, s)
	want := map[string]string{"Idempotency-Key": "k", "P2pchat-Face": "f", "Content-Type": "application/json", "User-Agent": "p2pchat-gui"}
	for name := range got.Header {
		if got.Header.Get(name) != want[name] {
			t.Errorf("%s: %s goes on", name, got.Header.Get(name))
		}
		delete(want, name)
	}
	if len(want) > 0 || got.URL.String() != "http://p2pchat/v1/name?x=1" || got.Host != "p2pchat" {
		t.Errorf("%s %s goes on, and without %v", got.Host, got.URL, want)
	}
	if h := resp.Header; h.Get("Set-Cookie") != "" || h.Get("Access-Control-Allow-Origin") != "" || h.Get("P2pchat-Run") != "r" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("these come back: %v", h)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestEventsComeAtOnceAndNodeIsFoundAgain(t *testing.T) {
	f := apitest.New(t)
	node := serveNode(t, f)
	s := servePage(t, f)
	await := stream(t, s)
	await("ready")
	f.Hear(room("lobby"), 1, "over the stream")
	await("over the stream")
	f.Die()
	node.Close()
	await("bye")
	if resp, body := (try{path: "/v1/node"}).send(t, s); resp.StatusCode != http.StatusBadGateway || !strings.Contains(body, `"no-node"`) {
		t.Errorf("without a node the answer is %s %s", resp.Status, body)
	}
	serveNode(t, f.Heir())
	if resp, body := (try{path: "/v1/node"}).send(t, s); resp.StatusCode != http.StatusOK {
		t.Errorf("with another node the answer is %s %s", resp.Status, body)
	}
}

// More streams than there are places are refused, and Close ends those there are.
func TestStreams(t *testing.T) {
	_, s := serve(t)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	refused := 0
	for range 17 {
		r, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, s.Addr()+"/v1/events", http.NoBody)
		r.Header.Set("Authorization", "Bearer "+token(s))
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("%d of 17 streams were refused", refused)
	}
	began := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("Close took %v", took)
	}
	if fmt.Sprint(s.Close()) != "<nil>" {
		t.Error("Close fails the second time")
	}
}
