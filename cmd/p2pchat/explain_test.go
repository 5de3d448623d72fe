package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/ui/line"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	listen := func(no syscall.Errno) error {
		return fmt.Errorf("listen on /ip4/0.0.0.0/tcp/80: %w", &net.OpError{
			Op: "listen", Net: "tcp4", Addr: &net.TCPAddr{IP: net.IPv4zero, Port: 80}, Err: os.NewSyscallError("bind", no),
		})
	}
	raw := errors.New("failed to dial: all dials failed")
	for _, c := range []struct {
		err     error
		verbose bool
		line    string
		code    int
	}{
		{errInterrupted, false, "", 130},
		{fmt.Errorf("dial: %w", context.Canceled), false, "", 130},
		{&fault{text: "interrupted: 1 of 1 message was not delivered", code: codeInterrupted}, false, "interrupted: 1 of 1 message was not delivered", 130},
		{fmt.Errorf("write the output: %w", syscall.EPIPE), false, "", 1},
		{usage("no", "so"), false, "no (hint: so)", 2},
		{&fault{text: "gone", cause: raw, code: 1}, false, "gone", 1},
		{&fault{text: "gone", hint: "try", cause: raw, code: 1}, true, "gone: failed to dial: all dials failed (hint: try)", 1},
		{errors.New(`unknown command "x" for "p2pchat completion bash"`), false, `unknown command "x" for "p2pchat completion bash" (hint: p2pchat --help lists the commands)`, 2},
		{listen(syscall.EADDRINUSE), false, "cannot listen on 0.0.0.0:80: another program uses this port (hint: end that program, or choose another port with --listen)", 1},
		{listen(syscall.EADDRNOTAVAIL), false, "cannot listen on 0.0.0.0:80: this computer does not have this address (hint: /ip4/0.0.0.0 stands for all it has)", 1},
		{listen(syscall.EACCES), false, "cannot listen on 0.0.0.0:80: not permitted (hint: ports below 1024 need privileges; choose another with --listen)", 1},
		{listen(syscall.EACCES), true, "cannot listen on 0.0.0.0:80: not permitted: listen on /ip4/0.0.0.0/tcp/80: listen tcp4 0.0.0.0:80: bind: permission denied (hint: ports below 1024 need privileges; choose another with --listen)", 1},
		{listen(syscall.EMFILE), false, "listen on /ip4/0.0.0.0/tcp/80: listen tcp4 0.0.0.0:80: bind: too many open files (hint: choose another address with --listen)", 1},
		{fmt.Errorf("x: %w", identity.ErrInUse), false, "x: data folder is in use (hint: end that one, or give this one its own folder with --data DIR)", 2},
		{fmt.Errorf("%w: x", identity.ErrKeyDamaged), false, "key file is damaged: x", 2},
		{identity.ErrFolderNotWritable, false, "data folder cannot be used: not writable (hint: choose another folder with --data DIR)", 2},
		{fmt.Errorf("contact: %w", chat.ErrNotFound), false, "contact: not found", 3},
		{chat.ErrRefused, false, "refused by the other side", 4},
		{errors.New("two\nlines \x1b[31m"), false, "two; lines [31m", 1},
		{fmt.Errorf("dial: %w", &fault{text: "inner", hint: "h", code: 3}), false, "inner (hint: h)", 3},
	} {
		line, code := explain(c.err, c.verbose)
		if line != c.line || code != c.code {
			t.Errorf("%v:\n got %q, %d\nwant %q, %d", c.err, line, code, c.line, c.code)
		}
	}
}

// Of two errors at once the first is explained, and no hint is printed twice.
func TestExplainJoined(t *testing.T) {
	t.Parallel()
	first := usage("first", "hint one")
	if line, code := explain(errors.Join(first, io.ErrUnexpectedEOF), false); line != "first (hint: hint one)" || code != 2 {
		t.Errorf("got %q, %d", line, code)
	}
	hinted := &fault{text: "set it (hint: set the clock)", hint: "another", code: 1}
	if line, _ := explain(hinted, false); strings.Count(line, "hint:") != 1 {
		t.Errorf("got %q", line)
	}
}

func TestOutcome(t *testing.T) {
	t.Parallel()
	bob := chat.PeerID{1}
	private, room := chat.With(bob), chat.InRoom("lobby")
	for _, c := range []struct {
		conv        chat.Conversation
		interrupted bool
		res         line.Result
		line        string
		code        int
	}{
		{conv: room, code: 0},
		{conv: room, res: line.Result{Said: 3, Connected: true}, code: 0},
		{conv: room, interrupted: true, res: line.Result{Said: 3}, code: 130},
		{conv: room, interrupted: true, res: line.Result{Said: 3, Left: 1}, line: "interrupted: 1 of 3 messages was not delivered", code: 130},
		{conv: room, res: line.Result{Said: 1, Left: 1}, line: "1 of 1 message was not delivered: nobody else was there (hint: --wait 1m waits longer for somebody)", code: 1},
		{conv: room, res: line.Result{Said: 3, Left: 2, Connected: true}, line: "2 of 3 messages were not delivered (hint: --wait 1m waits longer)", code: 1},
		{conv: room, res: line.Result{Said: 9, Left: 9, Unread: true}, line: "9 of 9 messages were not delivered: the rest of the input was not read: nobody else was there (hint: --wait 1m waits longer for somebody)", code: 1},
		{conv: room, res: line.Result{Said: 1, Rejected: 1, Connected: true}, line: "1 line of the input was not sent", code: 1},
		{conv: room, res: line.Result{Rejected: 2}, line: "2 lines of the input were not sent", code: 1},
		{conv: private, res: line.Result{Said: 1, Connected: true, Over: true}, code: 0},
		{conv: private, res: line.Result{Said: 2, Left: 1, Connected: true, Over: true}, line: "1 of 2 messages was not delivered: the other side left before", code: 1},
		{conv: private, res: line.Result{Over: true, Refused: true, Reason: "no"}, line: "peer " + bob.String() + " refused: no", code: 4},
		{conv: private, res: line.Result{Said: 1, Left: 1, Over: true, Refused: true, Reason: "no"}, line: "1 of 1 message was not delivered: peer " + bob.String() + " refused: no", code: 4},
		{conv: private, res: line.Result{NotFound: true}, line: "peer " + bob.String() + " was not found (hint: it must be running, and share a seed or a local network with you; --wait 1m looks longer)", code: 3},
		{conv: private, res: line.Result{Said: 1, Left: 1}, line: "1 of 1 message was not delivered: peer " + bob.String() + " did not answer (hint: --wait 1m tries longer)", code: 1},
		{conv: private, res: line.Result{}, line: "peer " + bob.String() + " did not answer (hint: --wait 1m tries longer)", code: 1},
	} {
		text, code := "", codeDone
		if err := outcome(c.interrupted, c.conv, c.res); err != nil {
			text, code = explain(err, false)
		}
		if text != c.line || code != c.code {
			t.Errorf("%v %+v:\n got %q, %d\nwant %q, %d", c.conv, c.res, text, code, c.line, c.code)
		}
	}
}

func TestShellWord(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"lobby": "lobby", "a-b_c.d1": "a-b_c.d1", "ops&dev": "'ops&dev'", "it's": `'it'\''s'`, "größe": "'größe'", "$(x)": "'$(x)'",
	} {
		if got := shellWord(in); got != want {
			t.Errorf("shellWord(%q) = %s, want %s", in, got, want)
		}
	}
}
