package api

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	// maxResponse is the longest answer that a Client reads, in bytes.
	maxResponse = 64 << 20
	// retryEvery is how often a Client looks for a node that has just ended.
	retryEvery = 20 * time.Millisecond
	// clientIdle is how long a Client keeps a connection that it does not use.
	clientIdle = 30 * time.Second
)

// Options configure a Client. The zero value is ready to use.
type Options struct {
	// Lost is called by a Stream when the node has ended, with clean if it said
	// so, and then every now and then until there is a node again. While it runs
	// the Stream does nothing, so it may take the folder's lock and become the
	// node; it may not close the Stream. If nil, the Stream waits for a node.
	Lost func(ctx context.Context, clean bool)
	// Patience is how long a request waits for the next node when there is none. If
	// zero, 5 seconds.
	Patience time.Duration
	// Silence is how long the node may say nothing, to a request or on a Stream,
	// before it is asked whether it is there. If it does not answer that either, the
	// request fails with ErrSilent. If zero, 8 seconds.
	Silence time.Duration
}

func (o Options) silence() time.Duration { return cmp.Or(o.Silence, defaultSilence) }

func (o Options) patience() time.Duration { return cmp.Or(o.Patience, 5*time.Second) }

// A Client asks the node of one data folder, and is one face. Its methods may be
// called by several goroutines. Errors of the node are an *Error, through which
// errors.Is sees those of packages chat, history and identity.
type Client struct {
	dir  string
	o    Options
	face string
	http *http.Client
	info NodeInfo // as it was at Dial
	seq  atomic.Uint64
	pid  atomic.Int64 // the node's process, as far as known

	mu      sync.Mutex
	run     string // of the node at which opened is open
	opened  map[chat.Conversation]openBody
	streams map[*Stream]struct{}
	waiting pending

	// saying is held by each who says something, and alone by who says again what
	// may be lost.
	saying sync.RWMutex
	// reopening is held by who opens at a new node what was open.
	reopening sync.Mutex
}

// Dial finds the node of a data folder. It fails with ErrNoNode if none runs, with
// ErrExposed if another user could have written to its socket, and with a
// VersionError if it has another version, and with ErrSilent if its process is
// stopped.
func Dial(ctx context.Context, dir string, o Options) (*Client, error) {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	c := &Client{
		dir: dir, o: o, face: hex.EncodeToString(b[:]), opened: make(map[chat.Conversation]openBody),
		streams: make(map[*Stream]struct{}), waiting: newPending(),
	}
	c.http = &http.Client{Transport: transport(func(ctx context.Context) (net.Conn, error) {
		conn, pid, err := dial(ctx, dir)
		if pid != 0 {
			c.pid.Store(int64(pid))
		}
		return conn, err
	})}
	var err error
	if c.info, err = c.shake(ctx); err != nil {
		c.http.CloseIdleConnections()
		return nil, err
	}
	c.run = c.info.Run
	c.pid.Store(int64(c.info.PID))
	return c, nil
}

// Close ends all Streams. What the client has open is left when it does not come
// back for a while; see Leave.
func (c *Client) Close() error {
	c.mu.Lock()
	var all []*Stream
	for s := range c.streams {
		all = append(all, s)
	}
	c.mu.Unlock()
	for _, s := range all {
		s.Close()
	}
	c.http.CloseIdleConnections()
	return nil
}

// Self is the node's identity. It never changes: it is the folder's.
func (c *Client) Self() chat.PeerID { return c.info.Peer }

// Found is the node as it was at Dial.
func (c *Client) Found() NodeInfo { return c.info }

// shake makes sure that the node speaks our version. It does not wait for one.
func (c *Client) shake(ctx context.Context) (info NodeInfo, err error) {
	_, b, err := c.send(ctx, request{method: http.MethodGet, path: "/v1/node"})
	if err != nil {
		return info, err
	}
	if err := json.Unmarshal(b, &info); err != nil {
		return info, malformed("answer of the node", err)
	}
	return info, nil
}

// A request is one that is about to be sent.
type request struct {
	method, path string
	body         any
	key          string
	// once is set if it must not be sent again when it is not known whether it
	// came through.
	once bool
	// bare is set if nothing needs to be open for it.
	bare bool
	// only, if it is not empty, is the run of the node that may do it.
	only string
	// run, if it is not nil, is set to that of the node which did it.
	run *string
}

// errBroken says that it is not known whether a request came through.
var errBroken = errors.New("the node ended, or its answer did not come")

// do sends a request, if need be to the next node, and reads the answer into out.
func (c *Client) do(ctx context.Context, r request, out any) error {
	var end time.Time
	for {
		before := c.runNow() // another request may open things at the next node meanwhile
		run, b, err := c.send(ctx, r)
		if r.run != nil {
			*r.run = run
		}
		switch {
		case err == nil && out == nil:
			return nil
		case err == nil:
			if err := json.Unmarshal(b, out); err != nil {
				return malformed("answer of the node", err)
			}
			return nil
		case !r.bare && errors.Is(err, chat.ErrNotFound) && run != "" && run != before:
			if err := c.reopen(ctx, run); err != nil {
				return err
			}
			continue
		case r.only != "" && gone(err):
			return fmt.Errorf("%w: %w", errBroken, err)
		case errors.Is(err, errBroken) && r.once, !errors.Is(err, errBroken) && !errors.Is(err, ErrNoNode) && !errors.Is(err, chat.ErrClosed):
			return err
		}
		if end.IsZero() {
			end = time.Now().Add(c.o.patience())
		}
		if time.Now().After(end) || !sleep(ctx, retryEvery) {
			return cmp.Or(ctx.Err(), err)
		}
	}
}

// gone reports whether an error means that a certain node has ended.
func gone(err error) bool {
	return errors.Is(err, ErrNoNode) || errors.Is(err, chat.ErrClosed) || errors.Is(err, errOtherRun)
}

// sleep waits, and reports whether ctx lasts.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// send sends a request once. Its error is ErrNoNode if it was not sent, and
// ErrSilent if the node does not answer.
func (c *Client) send(ctx context.Context, r request) (run string, body []byte, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer c.watch(ctx, cancel)()
	resp, err := c.exchange(ctx, r)
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close()
	run = resp.Header.Get(headerRun)
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse+1))
	switch {
	case err != nil && ctx.Err() != nil:
		return run, nil, ended(ctx)
	case err != nil:
		return run, nil, fmt.Errorf("%w: %w", errBroken, err)
	case len(b) > maxResponse:
		return run, nil, fmt.Errorf("answer of the node: %w", chat.ErrTooLarge)
	}
	if err := otherVersion(resp, b); err != nil {
		return run, nil, err
	}
	if resp.StatusCode >= 300 {
		return run, nil, readError(resp.StatusCode, b)
	}
	return run, b, nil
}

// exchange sends a request and returns the answer's head.
func (c *Client) exchange(ctx context.Context, r request) (*http.Response, error) {
	var body io.Reader = http.NoBody
	if r.body != nil {
		body = bytes.NewReader(marshal(r.body))
	}
	req, err := http.NewRequestWithContext(ctx, r.method, "http://p2pchat"+r.path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set(headerFace, c.face)
	for name, value := range map[string]string{headerKey: r.key, headerRun: r.only} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if r.method != http.MethodGet {
		req.GetBody = nil // or net/http sends it again, maybe to the next node
	}
	resp, err := c.http.Do(req)
	switch {
	case err == nil:
		return resp, nil
	case ctx.Err() != nil:
		return nil, ended(ctx)
	case errors.Is(err, ErrNoNode), errors.Is(err, ErrExposed), errors.Is(err, ErrSocket):
		return nil, plain(err)
	default:
		return nil, fmt.Errorf("%w: %w", errBroken, plain(err))
	}
}

// plain drops what net/http says about the URL, which is not a real one.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// otherVersion finds out whether an answer is of another version.
func otherVersion(resp *http.Response, b []byte) error {
	if resp.Header.Get(headerVersion) == strconv.Itoa(Version) {
		return nil
	}
	e := &VersionError{Program: "of an unknown version"}
	e.API, _ = strconv.Atoi(resp.Header.Get(headerVersion))
	var info struct { // no more of it: the rest may have another form
		Version  string
		API, PID int
	}
	if json.Unmarshal(b, &info) == nil && info.API != 0 {
		e.Program, e.API, e.PID = info.Version, info.API, info.PID
	}
	return e
}

// readError makes an error of an answer.
func readError(status int, b []byte) error {
	var o struct {
		Error struct {
			Code, Text, Hint string
			Peer             chat.PeerID
		}
	}
	if err := json.Unmarshal(b, &o); err != nil || o.Error.Code == "" {
		return &Error{Code: "internal", Text: "the node answered " + http.StatusText(status), Status: status}
	}
	return &Error{
		Code: o.Error.Code, Text: chat.SafeString(o.Error.Text), Hint: chat.SafeString(o.Error.Hint), Peer: o.Error.Peer,
		Status: status,
	}
}

// moved reports whether an answer came from another node than that at which we
// opened what is open.
func (c *Client) moved(run string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return run != "" && run != c.run
}

// reopen opens at the node of a run what was open at the last.
func (c *Client) reopen(ctx context.Context, run string) error {
	c.reopening.Lock()
	defer c.reopening.Unlock()
	if !c.moved(run) {
		return nil
	}
	c.mu.Lock()
	var all []openBody
	for _, b := range c.opened {
		all = append(all, b)
	}
	c.mu.Unlock()
	for _, b := range all {
		if err := c.do(ctx, request{method: http.MethodPost, path: "/v1/conversations", body: b, bare: true}, nil); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.run = run
	return nil
}

// pathOf is the path of a conversation, with what follows.
func pathOf(conv chat.Conversation, rest string) string {
	name := strings.ReplaceAll(url.PathEscape(conv.String()), ".", "%2E") // a room may be called ".."
	return "/v1/conversations/" + name + rest
}

// withQuery adds what is not empty of a query to a path.
func withQuery(path string, pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Add(pairs[i], pairs[i+1])
		}
	}
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}
