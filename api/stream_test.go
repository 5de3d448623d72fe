package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/chat"
)

// rawStream opens a stream and returns its lines.
func rawStream(t testing.TB, s *Server, after string) (*bufio.Scanner, func()) {
	t.Helper()
	conn, err := net.Dial("unix", SocketPath(s.cfg.Folder.Dir()))
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /v1/events?after=%s HTTP/1.1\r\nHost: p2pchat\r\n\r\n", after)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatal(resp.Status, resp.Header)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxLine)
	return lines, func() { conn.Close(); resp.Body.Close() }
}

func TestStreamAsBytes(t *testing.T) {
	f := apitest.New(t)
	s := serve(t, f)
	lines, stop := rawStream(t, s, "0")
	defer stop()
	f.Hear(chat.InRoom("lobby"), 1, "hi\n\x1b[31m")
	var got []string
	for len(got) < 8 && lines.Scan() {
		got = append(got, lines.Text())
	}
	run := s.ring.run
	for i, want := range []string{
		"id: " + run + "-1", "event: ready", `data: {"type":"ready","peer":"` + f.Self().String(), "",
		"id: " + run + "-2", "event: message", `data: {"type":"message","conversation":"lobby","id":"`, "",
	} {
		if i >= len(got) || !strings.HasPrefix(got[i], want) {
			t.Fatalf("%q\nwant %q", got, want)
		}
	}
	if !strings.Contains(got[6], `"text":"hi\n\u001b[31m"`) {
		t.Fatal(got[6])
	}
	go s.Close()
	if !lines.Scan() || lines.Text() != "event: bye" {
		t.Fatal(lines.Text())
	}
}

// What came before the first face opened anything is told to each face.
func TestEarlyMessages(t *testing.T) {
	f := apitest.New(t)
	s := serve(t, f)
	f.Hear(chat.With(apitest.Person(1)), 1, "early")
	f.Happen(chat.Notice{Code: chat.NoticeSeedLost, Text: "no seed"})
	until(t, "the events came", func() bool { return s.ring.newest() == 3 })
	a := attach(t, s, Options{})
	for range 2 {
		st := listenTo(t, a)
		all := await(t, st, "early message", saysText("early"))
		if _, ok := all[0].(chat.Ready); !ok || !hasCode(chat.NoticeSeedLost)(all[1]) || len(all) != 3 {
			t.Fatal(all)
		}
	}
	if _, err := a.Join(t.Context(), "lobby"); err != nil {
		t.Fatal(err)
	}
	f.Happen(chat.Notice{Code: chat.NoticeSeedBack})
	until(t, "the event came", func() bool { return s.ring.newest() == 4 })
	st := listenTo(t, a)
	f.Happen(chat.Notice{Code: chat.NoticeClock})
	if all := await(t, st, "notice", hasCode(chat.NoticeClock)); len(all) != 2 {
		t.Fatal("more than ready:", all)
	}
}

// 10,000 events are resumed without loss, however often the stream is cut.
func TestResume(t *testing.T) {
	f := apitest.New(t)
	s := serve(t, f)
	for i := range MaxEvents - 1 {
		f.Happen(chat.Notice{Code: chat.NoticeClock, Text: fmt.Sprint(i)})
	}
	until(t, "the events came", func() bool { return s.ring.newest() == MaxEvents })
	next, last := 0, s.ring.id(1) // behind ready
	for next < MaxEvents-1 {
		lines, stop := rawStream(t, s, last)
		for n := 0; n < 1234 && next < MaxEvents-1 && lines.Scan(); {
			var ev sseEvent
			for !ev.field(lines.Bytes()) && lines.Scan() {
			}
			got, err := DecodeEvent(ev.data)
			if notice, ok := got.(chat.Notice); err != nil || !ok || notice.Text != fmt.Sprint(next) {
				t.Fatalf("%d: %v %v", next, got, err)
			}
			last = ev.id
			n, next = n+1, next+1
		}
		stop()
	}
	// One more drops the oldest: who asks behind it is told.
	f.Happen(chat.Notice{Code: chat.NoticeClock, Text: "more"}, chat.Notice{Code: chat.NoticeClock, Text: "more"})
	until(t, "the events came", func() bool { return s.ring.newest() == MaxEvents+2 })
	lines, stop := rawStream(t, s, s.ring.id(1))
	defer stop()
	if lines.Scan(); !lines.Scan() || lines.Text() != "event: missed" {
		t.Fatal(lines.Text())
	}
}

// A reader who takes nothing holds up nobody, and is told what it missed.
func TestSlowReader(t *testing.T) {
	f := apitest.New(t)
	s := serve(t, f)
	slow := listenTo(t, attach(t, s, Options{}))
	quick := listenTo(t, attach(t, s, Options{}))
	words := apitest.Text(t, strings.Repeat("x", 500))
	const all = 2 * MaxEvents
	go func() {
		for i := range all {
			f.Happen(chat.Message{Conversation: chat.InRoom("lobby"), ID: chat.MessageID{byte(i), byte(i >> 8), byte(i >> 16)}, Kind: chat.KindText, Author: apitest.Person(1), Text: words})
		}
		f.Happen(chat.Notice{Code: chat.NoticeClock})
	}()
	await(t, quick, "last event", hasCode(chat.NoticeClock))
	evs := await(t, slow, "last event", hasCode(chat.NoticeClock))
	missed := 0
	for _, ev := range evs {
		if hasCode(chat.NoticeMissed)(ev) {
			missed++
		}
	}
	if missed == 0 || len(evs) >= all {
		t.Fatal("nothing was missed:", len(evs))
	}
}

func TestManyStreams(t *testing.T) {
	s := serve(t, apitest.New(t))
	c := attach(t, s, Options{})
	for range MaxStreams {
		listenTo(t, c)
	}
	_, err := c.Events(t.Context())
	var e *Error
	if !errors.As(err, &e) || e.Code != "too-many" || e.Status != http.StatusTooManyRequests {
		t.Fatal(err)
	}
}

// Faces know what they said themselves, and do not take another's for it.
func TestKeysOfFaces(t *testing.T) {
	f := apitest.New(t)
	s := serve(t, f)
	a, b := attach(t, s, Options{}), attach(t, s, Options{})
	as, bs := listenTo(t, a), listenTo(t, b)
	lobby := chat.InRoom("lobby")
	for _, c := range []*Client{a, b} {
		if _, err := c.Join(t.Context(), "lobby"); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Say(t.Context(), lobby, chat.Draft{Key: "7", Body: chat.Body{Kind: chat.KindText, Text: apitest.Text(t, "mine")}}); err != nil {
		t.Fatal(err)
	}
	for st, want := range map[*Stream]string{as: "7", bs: ""} {
		all := await(t, st, "message", saysText("mine"))
		if m := all[len(all)-1].(chat.Message); m.Key != want || !m.Mine {
			t.Errorf("%q, want %q", m.Key, want)
		}
	}
	f.Behave(apitest.Behaviour{Refuse: "full"})
	if err := a.Say(t.Context(), lobby, chat.Draft{Key: "8", Body: chat.Body{Kind: chat.KindText, Text: apitest.Text(t, "no")}}); err != nil {
		t.Fatal(err)
	}
	all := await(t, as, "refusal", func(ev chat.Event) bool { _, ok := ev.(chat.Refused); return ok })
	if r := all[len(all)-1].(chat.Refused); r.Key != "8" || r.Reason != "full" {
		t.Fatal(r)
	}
	f.Happen(chat.Notice{Code: chat.NoticeClock})
	for _, ev := range await(t, bs, "notice", hasCode(chat.NoticeClock)) {
		if _, ok := ev.(chat.Refused); ok {
			t.Fatal("another face's refusal")
		}
	}
}

// A room is left when the last face leaves it.
func TestLeaveIsPerFace(t *testing.T) {
	f := apitest.New(t)
	s := serve(t, f)
	a, b := attach(t, s, Options{}), attach(t, s, Options{})
	lobby := chat.InRoom("lobby")
	if o, err := a.Join(t.Context(), "lobby"); err != nil || !o.First {
		t.Fatal(o, err)
	}
	if o, err := b.Join(t.Context(), "lobby"); err != nil || o.First {
		t.Fatal(o, err)
	}
	if err := a.Leave(t.Context(), lobby); err != nil || f.Opened(lobby) == 0 {
		t.Fatal("left for the other too", err)
	}
	if err := b.Leave(t.Context(), lobby); err != nil || f.Opened(lobby) != 0 {
		t.Fatal("not left", err)
	}
}

// Two faces and ten writers on one node: each sees all, in one order.
func TestTwoFacesTenWriters(t *testing.T) {
	f := apitest.New(t)
	s := serve(t, f)
	lobby := chat.InRoom("lobby")
	faces := [2]*Stream{listenTo(t, attach(t, s, Options{})), listenTo(t, attach(t, s, Options{}))}
	const writers, each = 10, 50
	var wg sync.WaitGroup
	for w := range writers {
		c := attach(t, s, Options{})
		if w%2 == 0 {
			listenTo(t, c)
		}
		wg.Go(func() {
			if _, err := c.Join(context.Background(), "lobby"); err != nil {
				t.Error(err)
			}
			for i := range each {
				if err := c.Say(context.Background(), lobby, chat.Draft{Key: fmt.Sprint(i), Body: chat.Body{Kind: chat.KindText, Text: apitest.Text(t, fmt.Sprintf("%d %d", w, i))}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	f.Happen(chat.Notice{Code: chat.NoticeClock})
	var seen [2][]string
	for i, st := range faces {
		for _, ev := range await(t, st, "end", hasCode(chat.NoticeClock)) {
			if m, ok := ev.(chat.Message); ok {
				seen[i] = append(seen[i], m.Text.Raw())
			}
		}
	}
	if len(seen[0]) != writers*each || fmt.Sprint(seen[0]) != fmt.Sprint(seen[1]) {
		t.Fatalf("%d and %d of %d messages", len(seen[0]), len(seen[1]), writers*each)
	}
}
