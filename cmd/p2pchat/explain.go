package main

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/bootstrap"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/invite"
	"github.com/p2pchat/p2pchat/settings"
)

// The exit codes. They are stable: scripts rely on them.
const (
	codeDone        = 0
	codeFailure     = 1
	codeUsage       = 2
	codeNotFound    = 3
	codeRefused     = 4
	codeInterrupted = 130
)

// errInterrupted ends the program after a signal.
var errInterrupted = errors.New("interrupted")

// A fault is an error in words for the person, with a hint and an exit code.
type fault struct {
	text  string
	hint  string
	code  int
	cause error // the error from below, shown with -v; nil if text says it all
}

func (f *fault) Error() string { return f.text }
func (f *fault) Unwrap() error { return f.cause }

// usage is a fault of the person who typed the command.
func usage(text, hint string) error { return &fault{text: text, hint: hint, code: codeUsage} }

// explain turns an error into one line for the person, with a hint where there
// is one, and the exit code. The line is empty when there is nothing to say.
func explain(err error, verbose bool) (line string, code int) {
	f := new(fault)
	if !errors.As(err, &f) {
		f = judge(err)
	}
	if f.text == "" {
		return "", f.code
	}
	line = f.text
	if verbose && f.cause != nil && !strings.Contains(line, f.cause.Error()) {
		line += ": " + f.cause.Error()
	}
	if f.hint != "" && !strings.Contains(line, "hint:") {
		line += " (hint: " + f.hint + ")"
	}
	return chat.SafeString(strings.ReplaceAll(line, "\n", "; ")), f.code
}

// judge finds the words for an error from below.
func judge(err error) *fault {
	switch {
	case errors.Is(err, errInterrupted), errors.Is(err, context.Canceled):
		return &fault{code: codeInterrupted}
	case errors.Is(err, syscall.EPIPE): // as in p2pchat id | head -1
		return &fault{code: codeFailure}
	case strings.HasPrefix(err.Error(), "unknown command"): // cobra's own commands say so
		return &fault{text: err.Error(), hint: "p2pchat --help lists the commands", code: codeUsage}
	case strings.HasPrefix(err.Error(), "if any flags in the group"): // and of flags of which only one is possible
		return &fault{text: "only one of these flags is possible: " + err.Error(), hint: "leave out one", code: codeUsage}
	}
	if f := judgeListen(err); f != nil {
		return f
	}
	for _, a := range advices() {
		if errors.Is(err, a.err) {
			return &fault{text: err.Error(), hint: a.hint, code: a.code}
		}
	}
	if e := new(settings.Error); errors.As(err, &e) {
		return &fault{text: e.Error(), code: codeUsage}
	}
	return &fault{text: err.Error(), code: codeFailure}
}

// judgeListen finds the words for an address that cannot be listened on, or
// returns nil.
func judgeListen(err error) *fault {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "listen" {
		return nil
	}
	f := &fault{text: "cannot listen", hint: "choose another address with --listen", code: codeFailure, cause: err}
	if op.Addr != nil {
		f.text += " on " + op.Addr.String()
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		f.text += ": another program uses this port"
		f.hint = "end that program, or choose another port with --listen"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		f.text += ": this computer does not have this address"
		f.hint = "/ip4/0.0.0.0 stands for all it has"
	case errors.Is(err, syscall.EACCES):
		f.text += ": not permitted"
		f.hint = "ports below 1024 need privileges; choose another with --listen"
	default:
		f.text = err.Error()
	}
	return f
}

// An advice is what to do about an error from below, and the exit code.
type advice struct {
	err  error
	hint string
	code int
}

// advices go from the special to the general.
func advices() []advice {
	return append(historyAdvices(), []advice{
		{api.ErrVersion, "end that one, or use the program that runs it", codeUsage},
		{api.ErrExposed, "", codeUsage},
		{api.ErrSocket, "", codeUsage},
		{identity.ErrInUse, "end that one, or give this one its own folder with --data DIR", codeUsage},
		{identity.ErrBusy, "try again", codeUsage},
		{identity.ErrKeyExposed, "", codeUsage},
		{identity.ErrKeyDamaged, "", codeUsage},
		{identity.ErrFolder, "choose another folder with --data DIR", codeUsage},
		{identity.ErrNewer, "use the newer version of p2pchat", codeUsage},
		{identity.ErrDamaged, "", codeUsage},
		{identity.ErrNameTaken, "p2pchat contact list shows the names in use", codeUsage},
		{identity.ErrPeerNamed, "p2pchat contact rm the other name first", codeUsage},
		{identity.ErrBadHostPort, "for example chat.example.org:4747", codeUsage},
		{bootstrap.ErrBadSeed, "a seed is written as /ip4/192.0.2.7/tcp/4747/p2p/12D3KooW...; p2pchat --bootstrap prints its own", codeUsage},
		{invite.ErrNotInvite, "p2pchat invite prints one", codeUsage},
		{invite.ErrDamaged, "", codeUsage},
		{invite.ErrNewer, "", codeUsage},
		{chat.ErrBadRoomName, "a room name is 1 to 64 bytes without spaces, such as lobby", codeUsage},
		{chat.ErrBadPeerID, "a peer ID looks like 12D3KooW...; p2pchat id shows one's own", codeUsage},
		{chat.ErrBadNick, "a name has 1 to 32 bytes of visible characters", codeUsage},
		{chat.ErrNotFound, "", codeNotFound},
		{chat.ErrRefused, "", codeRefused},
	}...)
}
