package catchup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

var (
	// ErrLied says that a partner broke the rules in a way that no honest one
	// does: forged or malformed data, segments nobody asked for, announcements
	// it cannot keep. It is best avoided for a while.
	ErrLied = errors.New("the partner does not keep to the protocol")
	// ErrBusy says that a partner has too many runs at once, or too many of
	// ours. It comes with chat.ErrRefused.
	ErrBusy = errors.New("busy")

	// errSlow ends a run with a partner that only drips.
	errSlow = errors.New("the partner answers too slowly")
	// errEnough ends a run that reached its limit of bytes.
	errEnough = errors.New("limit of one run reached")
)

// An exchange is one side of a run's stream. One goroutine uses it.
type exchange struct {
	st  network.Stream
	lim limits
	// relayed is set if it goes over a relay.
	relayed bool
	end     time.Time // of the whole run

	r       *wire.Reader
	in, out int64
	// underway is what was written since the last frame was read: it may still
	// be on its way, so there is that much more time for what comes next.
	underway int64
	buf      []byte
}

func newExchange(st network.Stream, lim limits) *exchange {
	x := &exchange{st: st, lim: lim, relayed: relayed(st), end: time.Now().Add(lim.runTime)}
	if x.relayed {
		x.lim.bytes = min(lim.bytes, relayedBytes)
	}
	x.r = wire.NewReader(counter{st, &x.in})
	return x
}

// A counter counts what is read.
type counter struct {
	r io.Reader
	n *int64
}

func (c counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	*c.n += int64(n)
	return n, err
}

// deadline is when the next frame must be through.
func (x *exchange) deadline() time.Time {
	drain := time.Duration(x.underway) * time.Second / slowestLink
	if t := time.Now().Add(x.lim.frameTime + drain); t.Before(x.end) {
		return t
	}
	return x.end
}

// read reads the next frame. The end of the stream is io.EOF.
func (x *exchange) read() (wire.CatchupFrame, error) {
	if x.in > x.lim.bytes+wire.MaxFrame {
		return nil, errEnough
	}
	if err := x.st.SetReadDeadline(x.deadline()); err != nil {
		return nil, err
	}
	f, err := x.r.Catchup()
	x.underway = 0
	return f, judge(err)
}

// write writes frames at once.
func (x *exchange) write(frames ...wire.CatchupFrame) (err error) {
	x.buf = x.buf[:0]
	for _, f := range frames {
		if x.buf, err = wire.AppendCatchup(x.buf, f); err != nil {
			return err
		}
	}
	if err := x.st.SetWriteDeadline(x.deadline()); err != nil {
		return err
	}
	n, err := x.st.Write(x.buf)
	x.out += int64(n)
	x.underway += int64(n)
	return err
}

// judge tells what only a liar sends from what a bad network does.
func judge(err error) error {
	for _, lie := range []error{
		chat.ErrMalformed, chat.ErrTooLarge, chat.ErrForged, chat.ErrTooLong,
		chat.ErrBadPeerID, chat.ErrBadText, chat.ErrBadNick,
	} {
		if errors.Is(err, lie) {
			return fmt.Errorf("%w: %w", ErrLied, err)
		}
	}
	return err
}

// unexpected is a frame that has no place here.
func unexpected(f wire.CatchupFrame) error {
	return fmt.Errorf("%w: unexpected %T", ErrLied, f)
}

// sendSegments writes those of the segments that the log holds, in that order,
// as far as the run's limit of bytes allows, and says how many. The last frame
// is marked.
func (x *exchange) sendSegments(ctx context.Context, log Log, conv chat.ConversationID, ids []chat.SegmentID) (sent int, err error) {
	var f wire.Segments
	size := 0
	flush := func(last bool) error {
		f.Last = last
		err := x.write(f)
		sent += len(f.Envelopes)
		f.Envelopes, size = nil, 0
		return err
	}
	for len(ids) > 0 {
		n := min(len(ids), getBatch)
		segs, err := log.Get(ctx, conv, ids[:n]...)
		if err != nil {
			return sent, fmt.Errorf("read segments from the log: %w", err)
		}
		for _, s := range segs {
			if x.out+int64(size+len(s.Envelope))+wire.MaxFrame > x.lim.bytes {
				return sent, flush(true)
			}
			if size > 0 && size+len(s.Envelope) > segmentsFrame {
				if err := flush(false); err != nil {
					return sent, err
				}
			}
			f.Envelopes = append(f.Envelopes, s.Envelope)
			size += len(s.Envelope)
		}
		ids = ids[n:]
	}
	return sent, flush(true)
}
