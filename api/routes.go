package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// The headers of the interface.
const (
	// headerVersion is that of every answer.
	headerVersion = "P2pchat-Api"
	// headerFace names the face that asks; see holds.
	headerFace = "P2pchat-Face"
	// headerKey is a command's key; see keys.
	headerKey = "Idempotency-Key"
	// headerRun is drawn anew by each node; it is that of every answer. A request
	// that has it is done by no other node.
	headerRun = "P2pchat-Run"
	// headerLast is where a stream goes on.
	headerLast = "Last-Event-ID"
)

// commandTimeout bounds what a request does, besides what it asks to wait for.
const commandTimeout = 60 * time.Second

// A call is one request.
type call struct {
	r    *http.Request
	body []byte
	face string
}

// parse reads the call's body.
func (c *call) parse(into any) error { return parse(c.body, into) }

// conversation is the one that the path names.
func (c *call) conversation() (chat.Conversation, error) {
	name := c.r.PathValue("conversation")
	if name == "" {
		return chat.Conversation{}, badRequest("a conversation is a room or a peer ID")
	}
	return parseConversation(name)
}

// peer is the one that the path names.
func (c *call) peer() (chat.PeerID, error) { return chat.ParsePeerID(c.r.PathValue("peer")) }

// message is the one that the path names.
func (c *call) message() (id chat.MessageID, err error) {
	if err := id.UnmarshalText([]byte(c.r.PathValue("message"))); err != nil {
		return id, badRequest("%w", err)
	}
	return id, nil
}

// number is a number in the query, from 1 to most.
func (c *call) number(name string, otherwise, most int) (int, error) {
	s := c.r.URL.Query().Get(name)
	if s == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > most {
		return 0, badRequest("%s is a number from 1 to %d", name, most)
	}
	return n, nil
}

// query refuses what is not among the names.
func (c *call) query(names ...string) error {
next:
	for got := range c.r.URL.Query() {
		for _, name := range names {
			if got == name {
				continue next
			}
		}
		return badRequest("%q is unknown here; known are: %s", chat.SafeString(got), strings.Join(names, ", "))
	}
	return nil
}

// A handler answers a call with an object, which becomes JSON.
type handler func(ctx context.Context, c *call) (any, error)

// routes are all requests there are.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]handler{
		"GET /v1/node":        s.getNode,
		"GET /v1/status":      s.getStatus,
		"PUT /v1/name":        s.putName,
		"GET /v1/peers":       s.getPeers,
		"GET /v1/connections": s.getConnections,

		"GET /v1/conversations":                                            s.getConversations,
		"POST /v1/conversations":                                           s.openConversation,
		"GET /v1/conversations/{conversation}":                             s.getConversation,
		"DELETE /v1/conversations/{conversation}":                          s.leaveConversation,
		"GET /v1/conversations/{conversation}/members":                     s.getMembers,
		"GET /v1/conversations/{conversation}/history":                     s.getHistory,
		"GET /v1/conversations/{conversation}/topic":                       s.getTopic,
		"POST /v1/conversations/{conversation}/read":                       s.markRead,
		"POST /v1/conversations/{conversation}/settle":                     s.settle,
		"GET /v1/conversations/{conversation}/messages":                    s.getMessages,
		"POST /v1/conversations/{conversation}/messages":                   s.postMessage,
		"GET /v1/conversations/{conversation}/messages/{message}":          s.getMessage,
		"GET /v1/conversations/{conversation}/messages/{message}/delivery": s.getDelivery,

		"GET /v1/invite":             s.getInvite,
		"GET /v1/search":             s.search,
		"GET /v1/requests":           s.getRequests,
		"POST /v1/requests/{peer}":   s.answerRequest,
		"GET /v1/contacts":           s.getContacts,
		"PUT /v1/contacts/{peer}":    s.putContact,
		"DELETE /v1/contacts/{peer}": s.deleteContact,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, h) })
	}
	mux.HandleFunc("GET /v1/events", s.streamEvents)
	mux.HandleFunc("POST /v1/diagnose", s.streamDiagnosis)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.refuse(w, unknownRequest(r)) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(headerVersion, strconv.Itoa(Version))
		w.Header().Set(headerRun, s.ring.run)
		if !s.enter() {
			s.refuse(w, chat.ErrClosed)
			return
		}
		defer s.wg.Done()
		if run := r.Header.Get(headerRun); run != "" && run != s.ring.run {
			s.refuse(w, errOtherRun)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// enter counts a request, for Close to wait for it, unless the Server is closed;
// then wg.Done must be called.
func (s *Server) enter() bool {
	s.facesMu.Lock()
	defer s.facesMu.Unlock()
	if !s.closed {
		s.wg.Add(1)
	}
	return !s.closed
}

// unknownRequest says what is wrong with a request that there is not.
func unknownRequest(r *http.Request) error {
	path := chat.SafeString(r.URL.Path)
	if rest, ok := strings.CutPrefix(path, "/v"); ok {
		version, _, _ := strings.Cut(rest, "/")
		if n, err := strconv.Atoi(version); err == nil && n != Version {
			return &Error{
				Code: "other-version", Status: http.StatusNotFound,
				Text: "this node has interface " + strconv.Itoa(Version) + ", and not " + version,
				Hint: "end the node and start it with the same program",
			}
		}
	}
	return &Error{
		Code: "not-found", Status: http.StatusNotFound, Text: "there is no request " + r.Method + " " + path,
		Hint: "PROTOCOL.md, section 11, has the requests",
	}
}

// answer reads a request, has it done, and writes what comes of it.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, h handler) {
	c, err := newCall(w, r)
	if err != nil {
		s.refuse(w, err)
		return
	}
	defer s.present(c.face)()
	key := r.Header.Get(headerKey)
	if key == "" || r.Method == http.MethodGet {
		ctx, cancel := s.bound(r.Context())
		defer cancel()
		status, body := s.do(ctx, c, h)
		write(w, status, body)
		return
	}
	status, body := s.once(r, c, h, key)
	write(w, status, body)
}

// bound is the context of a request.
func (s *Server) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, maxWait+commandTimeout)
	stop := context.AfterFunc(s.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// newCall reads a request.
func newCall(w http.ResponseWriter, r *http.Request) (*call, error) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout)) // tests have none
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return nil, tooLargeBody(long.Limit)
	case err != nil:
		return nil, badRequest("read the body: %w", err)
	}
	c := &call{r: r, body: b, face: r.Header.Get(headerFace)}
	for _, h := range []string{headerFace, headerKey} {
		if len(r.Header.Get(h)) > MaxKey {
			return nil, badRequest("%s has more than %d bytes", h, MaxKey)
		}
	}
	return c, nil
}

func tooLargeBody(limit int64) error {
	return &Error{
		Code: "too-large", Status: http.StatusRequestEntityTooLarge,
		Text: "the body is larger than " + strconv.FormatInt(limit, 10) + " bytes",
	}
}

// do runs a handler.
func (s *Server) do(ctx context.Context, c *call, h handler) (status int, body []byte) {
	o, err := h(ctx, c)
	if err != nil {
		e := judge(err)
		return e.Status, marshal(e.object())
	}
	if o == nil {
		o = struct{}{}
	}
	if sent, ok := o.(Sent); ok && !sent.Accepted {
		return http.StatusAccepted, marshal(o)
	}
	return http.StatusOK, marshal(o)
}

// once runs a handler, unless its key was used: then the answer is that of the
// first time. It goes on when the client does not wait any more, who may ask again.
func (s *Server) once(r *http.Request, c *call, h handler, key string) (status int, body []byte) {
	fail := func(err error) (int, []byte) { e := judge(err); return e.Status, marshal(e.object()) }
	sum := sha256.Sum256(bytes.Join([][]byte{[]byte(r.Method), []byte(r.URL.String()), c.body}, []byte{0}))
	a, isNew, err := s.keys.begin(s.cfg.now(), key, sum)
	if err != nil {
		return fail(err)
	}
	if isNew {
		ctx, cancel := s.bound(context.WithoutCancel(r.Context()))
		defer cancel()
		status, body = fail(errors.New("the request broke off")) // who waits must not wait for ever
		defer func() { s.keys.end(a, status, body) }()
		status, body = s.do(ctx, c, h)
		return status, body
	}
	select {
	case <-a.done:
		return a.status, a.body
	case <-r.Context().Done():
		return fail(r.Context().Err())
	case <-s.ctx.Done():
		return fail(chat.ErrClosed)
	}
}

// refuse answers with an error.
func (s *Server) refuse(w http.ResponseWriter, err error) {
	e := judge(err)
	write(w, e.Status, marshal(e.object()))
}

func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // who is gone need not be told
	_, _ = io.WriteString(w, "\n")
}
