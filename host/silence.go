package host

import (
	"slices"
	"syscall"
	"time"
)

const (
	// silenceAfter is how long the other end must have acknowledged nothing, and
	// silenceResent how often in a row the kernel must have sent the same again,
	// before we doubt that a connection lives: about a second after something was
	// said over it.
	silenceAfter  = time.Second
	silenceResent = 2
	// doubtAgain is how long after a doubt there is none.
	doubtAgain = 5 * time.Second
)

// A doubter notices ways that died without a word, as when the router in front of us
// gets another public address: of that the machine's own network shows nothing. The
// keep-alive of each connection finds out by itself, but takes up to 13 seconds.
// The watch's goroutine owns it.
type doubter struct {
	silent func() bool // whether the other end of a connection is
	last   time.Time
}

// doubts reports whether it is time to ask all connections whether they live.
func (d *doubter) doubts(now time.Time) bool {
	if now.Sub(d.last) < doubtAgain || !d.silent() {
		return false
	}
	d.last = now
	return true
}

// anySilent reports whether a connection has something to say that the other end
// does not acknowledge. Only some systems tell.
func (t *traffic) anySilent() bool {
	t.mu.Lock()
	raws := make([]syscall.RawConn, 0, len(t.conns))
	for _, c := range t.conns {
		if c.raw != nil {
			raws = append(raws, c.raw)
		}
	}
	t.mu.Unlock()
	return slices.ContainsFunc(raws, unanswered)
}
