package chat

import "errors"

// The errors a person may see. Packages below wrap them with what was tried;
// cmd/p2pchat turns them into one line, a hint and an exit code.
var (
	ErrBadPeerID   = errors.New("not a usable peer ID")
	ErrBadRoomName = errors.New("not a usable room name")
	ErrBadNick     = errors.New("not a usable name")
	ErrBadText     = errors.New("not a usable text")
	ErrTooLong     = errors.New("too long")
	ErrNotFound    = errors.New("not found")
	ErrRefused     = errors.New("refused by the other side")
	ErrUnreachable = errors.New("cannot be reached")
	ErrClosed      = errors.New("already closed")
	ErrForged      = errors.New("signature does not hold")
	ErrMalformed   = errors.New("malformed")
	ErrTooLarge    = errors.New("larger than allowed")
)
