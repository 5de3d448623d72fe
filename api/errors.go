package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/invite"
)

// The errors of finding a node.
var (
	// ErrNoNode says that no process runs a node on the folder, or that the one
	// which did has just ended.
	ErrNoNode = errors.New("no node is running")
	// ErrExposed says that another user could write to the socket, or owns it.
	ErrExposed = errors.New("the node's socket is open to other users")
	// ErrVersion says that the node speaks another version of the interface.
	ErrVersion = errors.New("the node has another version")
	// ErrClosed says that the Client, Stream or Server was closed.
	ErrClosed = errors.New("already closed")
	// ErrSocket says that the socket cannot be made, or something else is there.
	ErrSocket = errors.New("the node's socket cannot be used")
	// ErrServed says that a process serves the folder already.
	ErrServed = errors.New("a node is served already")
)

// The errors of requests that no other package has.
var (
	errBadRequest  = errors.New("not a request of this interface")
	errNoHistory   = errors.New("this node keeps no history")
	errKeyReused   = errors.New("the key was used for another request")
	errTooMany     = errors.New("too many at once")
	errNotAccepted = errors.New("not accepted")
	errOtherRun    = errors.New("this is another node than the request is for")
	errOwnPeer     = errors.New("this is your own peer ID")
	errIsSeed      = errors.New("this node is a seed, which talks in no conversation")
	errNoSuchHost  = errors.New("no computer has this name")
)

// An Error is the answer to a request that was not done.
type Error struct {
	// Code is stable, for programs.
	Code string
	// Text says what went wrong, and Hint, which may be empty, what to do.
	Text, Hint string
	// Peer is who answers, of "peer-changed".
	Peer chat.PeerID
	// Status is that of HTTP.
	Status int
}

// Error is the text, with the hint if there is one.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Text
	}
	return e.Text + " (hint: " + e.Hint + ")"
}

// Is reports whether target is an error that e's code stands for, so that
// errors.Is sees through the interface.
func (e *Error) Is(target error) bool {
	for _, f := range faults() {
		if f.err == target {
			return f.code == e.Code
		}
	}
	return false
}

// A fault is how an error from below is answered.
type fault struct {
	err    error
	code   string
	status int
	hint   string
}

// faults go from the special to the general. Codes are stable.
func faults() []fault {
	return []fault{
		{errKeyReused, "key-reused", http.StatusConflict, "each command needs a key of its own"},
		{errTooMany, "too-many", http.StatusTooManyRequests, "close a stream first"},
		{errNoHistory, "no-history", http.StatusNotFound, ""},
		{errNotAccepted, "not-accepted", http.StatusInsufficientStorage, ""},
		{errOtherRun, "other-run", http.StatusPreconditionFailed, ""},
		{errOwnPeer, "own-peer", http.StatusBadRequest, "name somebody else"},
		{ErrVersion, "other-version", http.StatusNotFound, "end the node and start it with the same program, or use the program that runs it"},
		{history.ErrFull, "disk-full", http.StatusInsufficientStorage, "make room on the disk"},
		{history.ErrReadOnly, "read-only", http.StatusInsufficientStorage, ""},
		{history.ErrInUse, "busy", http.StatusServiceUnavailable, "try again"},
		{history.ErrDamaged, "damaged", http.StatusInternalServerError, ""},
		{history.ErrNewer, "newer", http.StatusInternalServerError, "use the newer version of p2pchat"},
		{history.ErrNoWords, "no-words", http.StatusBadRequest, "a word has letters or digits"},
		{identity.ErrBusy, "busy", http.StatusServiceUnavailable, "try again"},
		{identity.ErrNameTaken, "name-taken", http.StatusConflict, "choose another name"},
		{identity.ErrPeerNamed, "peer-named", http.StatusConflict, "forget the other name first"},
		{identity.ErrFull, "list-full", http.StatusInsufficientStorage, ""},
		{identity.ErrBadHostPort, "bad-request", http.StatusBadRequest, "for example chat.example.org:4747"},
		{identity.ErrDamaged, "damaged", http.StatusInternalServerError, ""},
		{identity.ErrNewer, "newer", http.StatusInternalServerError, "use the newer version of p2pchat"},
		{invite.ErrNotInvite, "not-an-invite", http.StatusBadRequest, ""},
		{invite.ErrDamaged, "damaged-invite", http.StatusBadRequest, ""},
		{invite.ErrNewer, "newer-invite", http.StatusBadRequest, ""},
		{chat.ErrBadPeerID, "bad-peer", http.StatusBadRequest, "a peer ID looks like 12D3KooW..."},
		{chat.ErrBadRoomName, "bad-room", http.StatusBadRequest, "a room name is 1 to 64 bytes without spaces, such as lobby"},
		{chat.ErrBadNick, "bad-name", http.StatusBadRequest, "a name has 1 to 32 bytes of visible characters"},
		{chat.ErrBadText, "bad-text", http.StatusBadRequest, ""},
		{chat.ErrTooLong, "too-long", http.StatusRequestEntityTooLarge, ""},
		{chat.ErrTooLarge, "too-large", http.StatusRequestEntityTooLarge, ""},
		{chat.ErrNotFound, "not-found", http.StatusNotFound, ""},
		{chat.ErrRefused, "refused", http.StatusForbidden, ""},
		{errIsSeed, "seed", http.StatusConflict, "use another data folder to talk"},
		{errNoSuchHost, "no-such-host", http.StatusBadGateway, "check the name, and your connection"},
		{host.ErrNobodyListens, "nobody-listens", http.StatusBadGateway, ""},
		{host.ErrNotAPeer, "not-a-peer", http.StatusBadGateway, ""},
		{host.ErrNoAnswer, "no-answer", http.StatusBadGateway, ""},
		{chat.ErrUnreachable, "unreachable", http.StatusBadGateway, ""},
		{chat.ErrClosed, "closed", http.StatusServiceUnavailable, "the node is about to end"},
		{chat.ErrMalformed, "malformed", http.StatusBadRequest, ""},
		{errBadRequest, "bad-request", http.StatusBadRequest, "PROTOCOL.md, section 11, has the requests"},
		{fs.ErrNotExist, "not-found", http.StatusNotFound, ""},
		{context.DeadlineExceeded, "timeout", http.StatusGatewayTimeout, ""},
		{context.Canceled, "closed", http.StatusServiceUnavailable, ""},
	}
}

// judge finds the answer to an error from below.
func judge(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	for _, f := range faults() {
		if errors.Is(err, f.err) {
			return &Error{Code: f.code, Text: chat.SafeString(err.Error()), Hint: f.hint, Status: f.status}
		}
	}
	return &Error{Code: "internal", Text: chat.SafeString(err.Error()), Status: http.StatusInternalServerError}
}

// errorObject is the one shape of errors.
type errorObject struct {
	Error struct {
		Code safe        `json:"code"`
		Text safe        `json:"text"`
		Hint safe        `json:"hint,omitempty"`
		Peer chat.PeerID `json:"peer,omitzero"`
	} `json:"error"`
}

func (e *Error) object() (o errorObject) {
	o.Error.Code, o.Error.Text, o.Error.Hint, o.Error.Peer = safe(e.Code), safe(e.Text), safe(e.Hint), e.Peer
	return o
}

// badRequest is an error of whoever wrote the request.
func badRequest(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errBadRequest, fmt.Errorf(format, args...))
}

// A VersionError says which version of the interface the node has.
type VersionError struct {
	// Program is the version of the program that runs the node, API that of its
	// interface, and PID its process.
	Program  string
	API, PID int
}

// Error names both versions.
func (e *VersionError) Error() string {
	return fmt.Sprintf("%v: it is p2pchat %s with interface %d, as process %d, and this one has interface %d",
		ErrVersion, chat.SafeString(e.Program), e.API, e.PID, Version)
}

// Is reports whether target is ErrVersion.
func (e *VersionError) Is(target error) bool { return target == ErrVersion }
