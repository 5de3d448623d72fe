package board

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/p2pchat/p2pchat/chat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testHandler is a board's handler with a clock that the test sets.
func testHandler(t testing.TB, source Source, clock func() time.Time, change ...func(*Config)) http.Handler {
	t.Helper()
	cfg := Config{Source: source, Join: joinLine, Version: "v0.9.0", Now: clock}
	for _, c := range change {
		c(&cfg)
	}
	h, err := newHandler(cfg, newKeeper(context.Background(), source, cfg.now(), cfg.ShowAddrs), openRings("", cfg.log()))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func ask(h http.Handler, method, path string, header ...string) *http.Response {
	r := httptest.NewRequest(method, path, nil)
	r.RemoteAddr = "127.0.0.1:1000"
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "from" {
			r.RemoteAddr = header[i+1]
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func text(t testing.TB, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func noon() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

func TestPeersAsJSON(t *testing.T) {
	snap := Snapshot{Self: peer(t, 0), People: []Person{
		{Peer: peer(t, 1), Nick: nick(t, "ann"), Online: true, Since: noon().Add(-time.Hour), Rooms: []chat.RoomName{"lobby"}, Addrs: []string{"/ip4/192.0.2.1/tcp/4001"}},
		{Peer: peer(t, 2), Since: noon()},
	}}
	h := testHandler(t, &fakeSource{snap: snap}, noon)
	got := ask(h, "GET", "/v1/peers")
	body := text(t, got)
	var answer struct {
		Self   string
		Counts struct{ Online int }
		Peers  []map[string]any
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if got.StatusCode != 200 || got.Header.Get("Content-Type") != "application/json" || len(answer.Peers) != 2 || answer.Counts.Online != 1 || answer.Self != peer(t, 0).String() {
		t.Fatalf("%d %s", got.StatusCode, body)
	}
	for _, p := range answer.Peers {
		if p["peer"] != peer(t, 1).String() {
			continue
		}
		if p["nick"] != "ann" || p["online"] != true || p["since"] != "2026-11-21T11:00:00Z" || fmt.Sprint(p["rooms"]) != "[lobby]" {
			t.Errorf("%v", p)
		}
	}
	if strings.Contains(body, "192.0.2.1") {
		t.Error("an address is shown, and nobody asked for it")
	}
	shown := testHandler(t, &fakeSource{snap: snap}, noon, func(c *Config) { c.ShowAddrs = true })
	if body := text(t, ask(shown, "GET", "/v1/peers")); !strings.Contains(body, "/ip4/192.0.2.1/tcp/4001") {
		t.Errorf("no address with ShowAddrs: %s", body)
	}
	if body := text(t, ask(testHandler(t, &fakeSource{}, noon), "GET", "/v1/peers")); !strings.Contains(body, `"peers":[]`) {
		t.Errorf("nobody: %s", body)
	}
}

func TestMapAsJSON(t *testing.T) {
	snap := Snapshot{Self: peer(t, 0), People: []Person{{Peer: peer(t, 1), Online: true}, {Peer: peer(t, 2)}}, Links: []Link{
		{A: peer(t, 0), B: peer(t, 1), RTT: 12345 * time.Microsecond, Relayed: true},
		{A: peer(t, 0), B: peer(t, 2)}, // not online
		{A: peer(t, 1), B: peer(t, 3)}, // not shown
		{A: peer(t, 1), B: peer(t, 1)},
	}}
	body := text(t, ask(testHandler(t, &fakeSource{snap: snap}, noon), "GET", "/v1/map"))
	var answer struct {
		Self  string
		Nodes []struct{ Peer string }
		Links []struct {
			A, B    string
			Relayed bool
			RTT     float64 `json:"rtt_ms"`
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Nodes) != 2 || len(answer.Links) != 1 {
		t.Fatalf("somebody who is not shown is on the map: %s", body)
	}
	if l := answer.Links[0]; l.A != peer(t, 0).String() || l.B != peer(t, 1).String() || !l.Relayed || l.RTT != 12 {
		t.Errorf("%+v", l)
	}
	if strings.Contains(body, peer(t, 3).String()) || strings.Contains(body, peer(t, 2).String()) {
		t.Error(body)
	}
}

func TestAnswersAreReadOnly(t *testing.T) {
	h := testHandler(t, &fakeSource{snap: town(t, 3, noon())}, noon)
	for _, path := range []string{"/", "/v1/peers", "/v1/map", "/v1/stats", "/v1/join", "/metrics", "/healthz"} {
		for _, method := range []string{"GET", "HEAD"} {
			got := ask(h, method, path)
			if got.StatusCode != 200 {
				t.Errorf("%s %s: %d", method, path, got.StatusCode)
			}
			if got.Header.Get("Set-Cookie") != "" || got.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s: %v", method, path, got.Header)
			}
			if csp := got.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || got.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s %s lacks security headers", method, path)
			}
		}
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
			if got := ask(h, method, path); got.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %d", method, path, got.StatusCode)
			}
		}
	}
	for path, code := range map[string]int{"/v1/none": 404, "/none": 404, "/v1/stats?span=year": 400, "/lib/": 404, "/board.go": 404} {
		if got := ask(h, "GET", path); got.StatusCode != code {
			t.Errorf("%s: %d, want %d", path, got.StatusCode, code)
		}
	}
}

func TestUnchangedAnswersCostNothing(t *testing.T) {
	now := noon()
	source := &fakeSource{snap: town(t, 50, noon())}
	h := testHandler(t, source, func() time.Time { return now })
	for _, path := range []string{"/v1/peers", "/v1/map", "/v1/stats?span=hour", "/v1/join"} {
		tag := ask(h, "GET", path).Header.Get("ETag")
		now = now.Add(2 * time.Second)
		if got := ask(h, "GET", path, "If-None-Match", tag); tag == "" || got.StatusCode != http.StatusNotModified || text(t, got) != "" {
			t.Errorf("%s: %d", path, got.StatusCode)
		}
		zipped := ask(h, "GET", path, "Accept-Encoding", "gzip")
		if zipped.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s is not compressed", path)
			continue
		}
		z, err := gzip.NewReader(zipped.Body)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(z); err != nil || !json.Valid(b) {
			t.Errorf("%s: %v", path, err)
		}
	}
	tag := ask(h, "GET", "/v1/peers").Header.Get("ETag")
	source.change(func(s *Snapshot) { s.People = s.People[1:] })
	now = now.Add(2 * time.Second)
	if got := ask(h, "GET", "/v1/peers", "If-None-Match", tag); got.StatusCode != 200 {
		t.Errorf("somebody left, and the answer is %d", got.StatusCode)
	}
}

func TestHostileNamesAreSafeInJSON(t *testing.T) {
	long, err := chat.NewText(strings.Repeat("🦊", chat.MaxText/4))
	if err != nil {
		t.Fatal(err)
	}
	snap := Snapshot{People: []Person{
		{Peer: peer(t, 1), Nick: nick(t, "<script>\u202e\u009b31m\x00\x1b[2J\u2028x"), Online: true, Addrs: []string{"a\x1b[2J\u202e"}},
		{Peer: peer(t, 2), Nick: long, Online: true},
	}}
	for range 30 {
		snap.People[0].Rooms = append(snap.People[0].Rooms, "room")
		snap.People[0].Addrs = append(snap.People[0].Addrs, "/ip4/192.0.2.1")
	}
	body := text(t, ask(testHandler(t, &fakeSource{snap: snap}, noon, func(c *Config) { c.ShowAddrs = true }), "GET", "/v1/peers"))
	for _, bad := range []string{"<script", "\u202e", "\u009b", "\x1b", "\x00", `\u202e`, `\u0000`, `\u001b`, `\u009b`, `\u2028`} {
		if strings.Contains(body, bad) {
			t.Errorf("%q reached the answer: %.300s", bad, body)
		}
	}
	if n := strings.Count(body, "🦊"); n != MaxName {
		t.Errorf("%d characters of a long name", n)
	}
	if n := strings.Count(body, `"room"`); n != MaxRooms {
		t.Errorf("%d rooms of one person", n)
	}
	if n := strings.Count(body, "192.0.2.1"); n != MaxAddrs-1 {
		t.Errorf("%d addresses of one person", n)
	}
}

func TestViewIsBounded(t *testing.T) {
	var snap Snapshot
	for i := range MaxPeople + 7 {
		snap.People = append(snap.People, Person{Peer: chat.PeerID{1, byte(i), byte(i >> 8)}, Online: true})
	}
	v := newView(snap, false)
	if len(v.people) != MaxPeople || v.counts.Online != MaxPeople+7 || v.counts.Hidden != 7 {
		t.Errorf("%d people, %+v", len(v.people), v.counts)
	}
	snap.People = snap.People[:2]
	for range MaxLinks + 3 {
		snap.Links = append(snap.Links, Link{A: snap.People[0].Peer, B: snap.People[1].Peer})
	}
	if v := newView(snap, false); len(v.links) != MaxLinks || v.counts.Direct != MaxLinks+3 || v.counts.Hidden != 3 {
		t.Errorf("%d links, %+v", len(v.links), v.counts)
	}
}

func TestStuckNodeIsSaid(t *testing.T) {
	now := noon()
	source := &fakeSource{snap: town(t, 3, noon())}
	h := testHandler(t, source, func() time.Time { return now })
	source.fail(errors.New("secret reason"))
	for _, path := range []string{"/v1/peers", "/v1/map", "/healthz"} {
		got := ask(h, "GET", path)
		if body := text(t, got); got.StatusCode != http.StatusServiceUnavailable || strings.Contains(body, "secret") {
			t.Errorf("%s: %d %s", path, got.StatusCode, body)
		}
	}
	if n := source.asked(); n != 1 {
		t.Errorf("a stuck node was asked %d times in a second", n)
	}
	source.fail(nil)
	now = now.Add(snapshotEvery)
	if got := ask(h, "GET", "/healthz"); got.StatusCode != 200 || text(t, got) != "ok\n" {
		t.Errorf("the node is back, and health is %d", got.StatusCode)
	}
}

func TestMetrics(t *testing.T) {
	others := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "" {
			t.Error("others may not compress")
		}
		fmt.Fprintln(w, "libp2p_swarm_connections 3")
	})
	snap := town(t, 10, noon())
	snap.Counters = Counters{Joins: 5, Leaves: 2, RelayedMessages: 7, RelayedBytes: 70, BytesIn: 100, BytesOut: 200, DHT: 9}
	h := testHandler(t, &fakeSource{snap: snap}, noon, func(c *Config) { c.Metrics = others; c.Version = "v1\"\n" })
	got := ask(h, "GET", "/metrics", "Accept-Encoding", "gzip")
	body := text(t, got)
	for _, line := range []string{
		"p2pchat_people_online 10", `p2pchat_connections{path="direct"} `, "p2pchat_dht_peers 9", "p2pchat_joins_total 5", "p2pchat_leaves_total 2",
		"p2pchat_relayed_messages_total 7", "p2pchat_relayed_bytes_total 70", "p2pchat_received_bytes_total 100", "p2pchat_sent_bytes_total 200",
		"libp2p_swarm_connections 3", `p2pchat_build_info{version="v1\"\n"} 1`,
	} {
		if !strings.Contains(body, "\n"+line) {
			t.Errorf("no line %q in\n%s", line, body)
		}
	}
	if got.Header.Get("Content-Type") != metricsType {
		t.Error(got.Header)
	}
	for _, bad := range []http.HandlerFunc{
		func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "broken", 500) },
		func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintln(w, "broken off")
			_, _ = w.Write(make([]byte, maxMetrics))
		},
	} {
		h := testHandler(t, &fakeSource{snap: snap}, noon, func(c *Config) { c.Metrics = bad })
		if body := text(t, ask(h, "GET", "/metrics")); len(body) > 4096 || strings.Contains(body, "broken") {
			t.Errorf("%d bytes of a bad answer", len(body))
		}
	}
}

func TestJoin(t *testing.T) {
	var answer struct {
		Version, Join string
		QR            []string
	}
	h := testHandler(t, &fakeSource{}, noon)
	if err := json.Unmarshal([]byte(text(t, ask(h, "GET", "/v1/join"))), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Join != joinLine || answer.Version != "v0.9.0" || len(answer.QR) < 21 || !strings.HasPrefix(answer.QR[0], "1111111") || len(answer.QR[0]) != len(answer.QR) {
		t.Errorf("%+v", answer)
	}
	for _, line := range []string{"", strings.Repeat("x", 5000)} {
		h := testHandler(t, &fakeSource{}, noon, func(c *Config) { c.Join = line })
		if body := text(t, ask(h, "GET", "/v1/join")); !strings.Contains(body, `"qr":[]`) {
			t.Errorf("%d bytes: %.100s", len(line), body)
		}
	}
}

func TestServe(t *testing.T) {
	if _, err := Serve(context.Background(), Config{}); !errors.Is(err, ErrNoSource) {
		t.Errorf("no source: %v", err)
	}
	source := &fakeSource{snap: town(t, 3, time.Now())}
	s := serve(t, source, func(c *Config) { c.Dir = t.TempDir() })
	if _, err := Serve(context.Background(), Config{Addr: s.Addr().String(), Source: source}); err == nil {
		t.Error("two boards at one address")
	}
	got, err := http.Get(s.URL() + "v1/peers")
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	if body := text(t, got); !strings.Contains(body, "bob") {
		t.Error(body)
	}
	http.DefaultClient.CloseIdleConnections()

	// One that sends nothing does not hold up the end.
	idle, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	ctx, cancel := context.WithCancel(context.Background())
	second, err := Serve(ctx, Config{Addr: "127.0.0.1:0", Source: source})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	second.running.Wait() // ends with its context
	if err := errors.Join(second.Close(), second.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", s.Addr().String()); err == nil {
		t.Error("still listening")
	}
}

func TestLongHeaderIsRefused(t *testing.T) {
	s := serve(t, &fakeSource{})
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: x\r\nX: ")
	_, _ = c.Write(bytes.Repeat([]byte("x"), 4*maxHeader)) // it may be closed by then
	fmt.Fprintf(c, "\r\n\r\n")
	head := make([]byte, 64)
	n, _ := c.Read(head)
	if !strings.Contains(string(head[:n]), " 431 ") {
		t.Errorf("%q", head[:n])
	}
}

// The page works behind a proxy that puts a path in front: no address in it
// begins at the root.
func TestPageWorksBelowAPath(t *testing.T) {
	h := http.StripPrefix("/who", testHandler(t, &fakeSource{snap: town(t, 3, noon())}, noon))
	for _, file := range []string{"", "app.js", "plots.js", "shared/live.js", "shared/netmap.js", "v1/peers"} {
		got := ask(h, "GET", "/who/"+file)
		body := text(t, got)
		if got.StatusCode != 200 {
			t.Errorf("%q: %d", file, got.StatusCode)
		}
		for _, absolute := range []string{`href="/`, `src="/`, `from '/`, `'/v1`, "`/v1", `:"/`} {
			if strings.Contains(body, absolute) {
				t.Errorf("%q has %s", file, absolute)
			}
		}
	}
}
