package line

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

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

// A command is what one line asks for.
type command struct {
	verb string // "say", "who", "nick", "help", "" for an empty line
	arg  string
	body chat.Body
}

// parse reads a line as a person writes it, or, if objects is set, as a
// program does: {"text": "..."}.
func parse(line []byte, objects bool) (command, error) {
	if !utf8.Valid(line) {
		return command{}, fmt.Errorf("%w: not valid UTF-8", chat.ErrBadText)
	}
	s := string(line)
	if objects && strings.HasPrefix(s, "{") {
		return parseObject(line)
	}
	switch {
	case strings.TrimSpace(s) == "":
		return command{}, nil
	case strings.TrimRight(s, " \t") == "exit":
		return command{}, errQuit
	case strings.HasPrefix(s, "//"):
		return say(chat.KindText, s[1:])
	case strings.HasPrefix(s, "/"):
		verb, arg, _ := strings.Cut(s[1:], " ")
		return parseCommand(strings.TrimSpace(verb), strings.TrimSpace(arg))
	}
	return say(chat.KindText, s)
}

// parseCommand reads a line that began with a slash.
func parseCommand(verb, arg string) (command, error) {
	switch verb {
	case "quit", "exit":
		return command{}, errQuit
	case "who", "help":
		return command{verb: verb}, nil
	case "me":
		if arg == "" {
			return command{}, errors.New("/me needs words, as in /me waves")
		}
		return say(chat.KindAction, arg)
	case "nick":
		if arg == "" {
			return command{}, errors.New("/nick needs a name, as in /nick alice")
		}
		return command{verb: verb, arg: arg}, nil
	}
	const shown = 20 // bytes: a path pasted by mistake needs no more to be known again
	if len(verb) > shown {
		verb = strings.ToValidUTF8(verb[:shown], "") + "..."
	}
	return command{}, fmt.Errorf("unknown command /%s (hint: /help lists the commands; a second slash before it sends it as text)", verb)
}

// parseObject reads a message that a program wrote. Its text is never a
// command.
func parseObject(line []byte) (command, error) {
	var o struct {
		Text *string `json:"text"`
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&o); err != nil {
		return command{}, fmt.Errorf("not a message object: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return command{}, errors.New("not a message object: something follows it on the line")
	}
	if o.Text == nil || *o.Text == "" {
		return command{}, errors.New(`not a message object: it needs a "text" that is not empty`)
	}
	return say(chat.KindText, *o.Text)
}

func say(kind chat.Kind, s string) (command, error) {
	if len(s) > chat.MaxText {
		return command{}, tooLong(len(s))
	}
	t, err := chat.NewText(s)
	return command{verb: "say", body: chat.Body{Kind: kind, Text: t}}, err
}

func help() []string {
	return []string{
		"each line is a message; //text sends /text",
		"/me WORDS   say what you do        /who   who is here",
		"/nick NAME  change your name       /quit  or exit: leave",
	}
}
