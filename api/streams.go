package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/node"
)

const (
	// writeTimeout is how long a reader of a stream may take nothing before its
	// stream is ended; it can come back and resume.
	writeTimeout = 30 * time.Second
	// maxChunk is how many events are written at once.
	maxChunk = 256
)

// The names of stream events that are no event of the node.
const (
	eventMissed = "missed"
	eventBye    = "bye"
)

// streamEvents writes events as they happen (server-sent events).
func (s *Server) streamEvents(w http.ResponseWriter, r *http.Request) {
	c, err := newCall(w, r)
	if err == nil {
		err = c.query("after")
	}
	var first []byte
	var at uint64
	if err == nil {
		first, at, err = s.start(r)
	}
	if err != nil {
		s.refuse(w, err)
		return
	}
	detach, err := s.attach(c.face)
	if err != nil {
		s.refuse(w, err)
		return
	}
	defer detach()
	begin(w, "text/event-stream")
	s.follow(r.Context(), w, first, at)
}

// begin writes the head of a stream.
func begin(w http.ResponseWriter, kind string) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
}

// start is what a stream begins with, and the number that it goes on behind.
func (s *Server) start(r *http.Request) (first []byte, at uint64, err error) {
	last := r.Header.Get(headerLast)
	if last == "" {
		last = r.URL.Query().Get("after")
	}
	if last == "" {
		first, at = s.afresh()
		return first, at, nil
	}
	at, known, err := s.ring.place(last)
	if err == nil && !known { // of a node that has ended: all that this one knows is new
		return new(encoder).event(nil, "", eventMissed, missedNotice("another process runs the node now: what happened in between is in the history")), 0, nil
	}
	return nil, at, err
}

// afresh is what a face must know that begins now.
func (s *Server) afresh() (first []byte, at uint64) {
	ready := chat.Ready{Peer: s.self, Addrs: s.cfg.Node.Addrs()}
	s.mu.Lock()
	at = s.ring.newest()
	evs := s.board.first(ready)
	s.mu.Unlock()
	var enc encoder
	for i, ev := range evs {
		id := ""
		if i == len(evs)-1 { // who has not read all of them begins afresh
			id = s.ring.id(at)
		}
		first = enc.event(first, id, nameOf(ev), ev)
	}
	return first, at
}

// follow writes events until the client is gone, reads nothing, or the node ends.
func (s *Server) follow(ctx context.Context, w http.ResponseWriter, buf []byte, at uint64) {
	rc := http.NewResponseController(w)
	var enc encoder
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for {
		c := s.ring.after(at, maxChunk)
		if c.missed > 0 {
			text := fmt.Sprintf("%d events were not shown: this face was too slow for them", c.missed)
			buf = enc.event(buf, s.ring.id(at+c.missed), eventMissed, missedNotice(text))
		}
		for i, ev := range c.events {
			buf = enc.event(buf, s.ring.id(c.last-uint64(len(c.events)-1-i)), nameOf(ev), ev)
		}
		at = c.last
		over := c.ended && len(c.events) == 0
		if over {
			buf = append(buf, "event: "+eventBye+"\ndata: {\"type\":\"bye\"}\n\n"...)
		}
		if !flush(w, rc, buf) || over {
			return
		}
		if buf = buf[:0]; cap(buf) > 1<<20 {
			buf = nil
		}
		if len(c.events) > 0 {
			continue
		}
		select {
		case <-c.more:
		case <-beat.C:
			buf = append(buf, ":\n\n"...) // a comment: the node lives
		case <-ctx.Done():
			return
		}
	}
}

// flush writes what there is, and reports whether the client takes it.
func flush(w http.ResponseWriter, rc *http.ResponseController, b []byte) bool {
	if rc.SetWriteDeadline(time.Now().Add(writeTimeout)) != nil {
		return false
	}
	if len(b) > 0 {
		if _, err := w.Write(b); err != nil {
			return false
		}
	}
	return rc.Flush() == nil && rc.SetWriteDeadline(time.Time{}) == nil
}

// event appends an event in the form of server-sent events. Without an ID the
// client keeps the last.
func (e *encoder) event(b []byte, id, name string, ev chat.Event) []byte {
	if id != "" {
		b = append(append(append(b, "id: "...), id...), '\n')
	}
	b = append(append(append(b, "event: "...), name...), "\ndata: "...)
	return append(e.append(b, ev), "\n\n"...)
}

// nameOf is an event's name in a stream, its "type".
func nameOf(ev chat.Event) string {
	switch ev := ev.(type) {
	case chat.Ready:
		return "ready"
	case chat.Message:
		return "message"
	case chat.Delivery:
		return "delivery"
	case chat.Refused:
		return "rejected"
	case chat.Member:
		return "member"
	case chat.History:
		return "history"
	case chat.Ended:
		return "ended"
	case chat.Notice:
		if ev.Code == chat.NoticeMissed { // the node's own reader was too slow
			return eventMissed
		}
	}
	return "notice"
}

// streamDiagnosis looks at everything and writes each finding as it is made: a
// JSON object a line, as doctor --json does.
func (s *Server) streamDiagnosis(w http.ResponseWriter, r *http.Request) {
	c, err := newCall(w, r)
	if err != nil {
		s.refuse(w, err)
		return
	}
	o, err := s.diagnoseOptions(c)
	if err != nil {
		s.refuse(w, err)
		return
	}
	detach, err := s.attach(nobody)
	if err != nil {
		s.refuse(w, err)
		return
	}
	defer detach()
	ctx, cancel := s.bound(r.Context())
	defer cancel()
	begin(w, "application/x-ndjson")
	rc := http.NewResponseController(w)
	line := func(o any) {
		if !flush(w, rc, append(marshal(o), '\n')) {
			cancel()
		}
	}
	if s.cfg.Facts != nil {
		o.Folder = s.cfg.Facts(ctx)
	}
	d, err := s.cfg.Node.Diagnose(ctx, o, func(c node.Check) { line(newCheck(c)) })
	if err != nil {
		line(judge(err).object())
		return
	}
	line(newSummary(d))
}

func (s *Server) diagnoseOptions(c *call) (o node.DiagnoseOptions, err error) {
	var b diagnoseBody
	if err := c.parse(&b); err != nil {
		return o, err
	}
	if o.Wait, err = (waitBody{b.Wait}).wait(0); err != nil {
		return o, err
	}
	if b.Peer != "" && b.At != "" {
		return o, badRequest(`only one of "peer" and "at" can be there`)
	}
	if b.Peer != "" {
		if o.Peer, err = chat.ParsePeerID(b.Peer); err == nil && o.Peer == s.self {
			err = errOwnPeer
		}
		if err != nil {
			return o, err
		}
	}
	if b.At != "" {
		var at ma.Multiaddr
		if at, err = host.ParseHostPort(b.At); err != nil {
			return o, badRequest("%w", err)
		}
		o.At = at
	}
	o.Addrs, err = parseAddrs(b.Addrs)
	return o, err
}

func newCheck(c node.Check) Check {
	o := Check{Type: "check", Name: c.Name, Status: string(c.Status), Saw: chat.SafeString(c.Saw), Advice: chat.SafeString(c.Advice), Detail: make(map[string]string)}
	for name, value := range c.Detail {
		o.Detail[name] = chat.SafeString(value)
	}
	return o
}

func newSummary(d node.Diagnosis) Summary {
	return Summary{
		Type: "summary", Status: string(d.Outcome), ExitCode: map[node.Outcome]int{node.Degraded: 1, node.Unreachable: 3}[d.Outcome],
		Text: chat.SafeString(d.Text), OK: d.Counts[node.CheckOK], Warn: d.Counts[node.CheckWarn],
		Fail: d.Counts[node.CheckFail], Skip: d.Counts[node.CheckSkip],
	}
}
