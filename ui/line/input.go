package line

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/p2pchat/p2pchat/chat"
)

// maxLine is how much of one input line is kept, in bytes: room for a text of
// the longest kind, written as JSON with each character escaped. The rest of a
// longer line is read and dropped, so that the next line is a line again.
const maxLine = 8 * chat.MaxText

// inputQueue is how many lines are read ahead; then the input waits.
const inputQueue = 64

// errQuit says that the input asks to end.
var errQuit = errors.New("quit")

// An inputLine is one line of the input, without its end, or why there is none.
type inputLine struct {
	num  int // counted from 1
	line []byte
	err  error // io.EOF at the end; after chat.ErrTooLong more lines follow
}

// readLines reads the input until it ends or ctx does.
func readLines(ctx context.Context, in io.Reader) <-chan inputLine {
	lines := make(chan inputLine, inputQueue)
	go func() {
		r := newLineReader(in)
		for {
			line, err := r.next()
			select {
			case lines <- inputLine{r.n, line, err}:
			case <-ctx.Done():
				return
			}
			if err != nil && !errors.Is(err, chat.ErrTooLong) {
				return
			}
		}
	}()
	return lines
}

// A lineReader reads bounded lines.
type lineReader struct {
	r *bufio.Reader
	n int // the number of the line last read
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, 64<<10)}
}

// next returns one line without its end. A line longer than maxLine gives
// chat.ErrTooLong with its length; the one after it can be read. The last line
// needs no end; then comes io.EOF.
func (l *lineReader) next() ([]byte, error) {
	l.n++
	var line []byte
	size := 0
	for {
		part, err := l.r.ReadSlice('\n')
		more := errors.Is(err, bufio.ErrBufferFull)
		if err != nil && !more && (size+len(part) == 0 || !errors.Is(err, io.EOF)) {
			return nil, err
		}
		if !more {
			part = bytes.TrimSuffix(part, []byte("\n"))
		}
		size += len(part)
		if len(line) <= maxLine {
			line = append(line, part...)
		}
		switch {
		case more:
			continue
		case size > maxLine:
			return nil, tooLong(size)
		}
		return bytes.TrimSuffix(line, []byte("\r")), nil
	}
}

func tooLong(size int) error {
	return fmt.Errorf("%w: %d bytes, and at most %d are allowed", chat.ErrTooLong, size, chat.MaxText)
}
