package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/multiformats/go-varint"
	"google.golang.org/protobuf/proto"

	"github.com/p2pchat/p2pchat/chat"
)

// MaxFrame is the longest frame between two peers, without its length, and the
// longest gossip message.
const MaxFrame = 64 << 10

// A Reader reads frames. A frame is a varint length and that many bytes of
// protobuf (PROTOCOL.md, section 3). A longer announcement than MaxFrame ends
// the stream before anything is allocated.
type Reader struct {
	r   *bufio.Reader
	buf []byte
}

// NewReader reads frames from r. It buffers: r must not be read besides.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReader(r)} }

// read reads one frame into m. The end of the stream between two frames is
// io.EOF; within a frame it is io.ErrUnexpectedEOF.
func (r *Reader) read(m proto.Message) error {
	size, err := varint.ReadUvarint(r.r)
	switch {
	case errors.Is(err, varint.ErrNotMinimal), errors.Is(err, varint.ErrOverflow):
		return fmt.Errorf("%w: %w", chat.ErrMalformed, err)
	case err != nil:
		return err
	case size > MaxFrame:
		return fmt.Errorf("%w: a frame of %d bytes", chat.ErrTooLarge, size)
	}
	if uint64(cap(r.buf)) < size {
		r.buf = make([]byte, size)
	}
	frame := r.buf[:size]
	if _, err := io.ReadFull(r.r, frame); err == io.EOF {
		return io.ErrUnexpectedEOF
	} else if err != nil {
		return err
	}
	if err := proto.Unmarshal(frame, m); err != nil {
		return fmt.Errorf("%w: %w", chat.ErrMalformed, err)
	}
	return nil
}

// appendFrame appends the length and the bytes of m, so that one Write carries
// both.
func appendFrame(b []byte, m proto.Message) ([]byte, error) {
	size := proto.Size(m)
	if size > MaxFrame {
		return nil, fmt.Errorf("%w: a frame of %d bytes", chat.ErrTooLarge, size)
	}
	b = append(b, varint.ToUvarint(uint64(size))...)
	return deterministic.MarshalAppend(b, m)
}

// errKind is a frame of no kind this version knows.
func errKind() error { return fmt.Errorf("%w: a frame of unknown kind", chat.ErrMalformed) }
