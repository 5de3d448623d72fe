package line

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/p2pchat/p2pchat/chat"
)

func TestLineReader(t *testing.T) {
	t.Parallel()
	full := strings.Repeat("y", maxLine)
	for _, c := range []struct {
		in   string
		want []string
	}{
		{"", nil},
		{"one", []string{"one"}},
		{"one\ntwo\n", []string{"one", "two"}},
		{"one\r\n\ntwo\r", []string{"one", "", "two"}},
		{"a\rb\n", []string{"a\rb"}},
		{full + "\nnext", []string{full, "next"}},
		{full + "y\nnext", []string{"too long 262145", "next"}},
		{full + full + full + "\nnext\n", []string{"too long 786432", "next"}},
		{"next\n" + full + "y", []string{"next", "too long 262145"}},
	} {
		for how, in := range map[string]io.Reader{
			"at once": strings.NewReader(c.in),
			"halves":  iotest.HalfReader(strings.NewReader(c.in)),
		} {
			got := readAll(t, in)
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%.20q %s: got %.80q, want %.80q", c.in, how, got, c.want)
			}
		}
	}
}

// readAll reads lines to the end of the input.
func readAll(t testing.TB, in io.Reader) (lines []string) {
	r := newLineReader(in)
	for n := 1; ; n++ {
		line, err := r.next()
		switch {
		case errors.Is(err, io.EOF):
			return lines
		case errors.Is(err, chat.ErrTooLong):
			var size, most int
			if _, err := fmt.Sscanf(err.Error(), "too long: %d bytes, and at most %d are allowed", &size, &most); err != nil {
				t.Fatalf("%v", err)
			}
			lines = append(lines, fmt.Sprintf("too long %d", size))
		case err != nil:
			t.Fatalf("line %d: %v", n, err)
		case len(line) > maxLine:
			t.Fatalf("line %d has %d bytes", n, len(line))
		default:
			lines = append(lines, string(line))
		}
		if r.n != n {
			t.Fatalf("line %d is numbered %d", n, r.n)
		}
	}
}

func TestLineReaderTellsOtherErrors(t *testing.T) {
	t.Parallel()
	r := newLineReader(io.MultiReader(strings.NewReader("one\ntw"), iotest.ErrReader(errors.New("broken"))))
	if line, err := r.next(); string(line) != "one" || err != nil {
		t.Fatalf("first line: %q, %v", line, err)
	}
	if _, err := r.next(); err == nil || err.Error() != "broken" {
		t.Fatalf("after it: %v, want the reader's error", err)
	}
}

// A line costs no more memory than it may have.
func TestLineReaderMemory(t *testing.T) {
	r := newLineReader(io.LimitReader(zeros{}, 1<<26))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := r.next()
	runtime.ReadMemStats(&after)
	if !errors.Is(err, chat.ErrTooLong) {
		t.Fatalf("a line of 64 MiB: %v", err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 8*maxLine {
		t.Errorf("a line of 64 MiB allocated %d bytes", got)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func FuzzLines(f *testing.F) {
	for _, s := range []string{"a\nb", "a\r\n\n", "exit", `{"text":"x"}` + "\n/me y", "\xff\n//", "/reply #1 x\n/edit 0123ab y\n/del\n/react z\n/topic t", `{"react":"01ab00","text":""}`} {
		f.Add([]byte(s), 3)
	}
	f.Fuzz(func(t *testing.T, in []byte, chunk int) {
		lines := readAll(t, &chunks{in, max(1, chunk)})
		want := strings.Split(strings.TrimSuffix(string(in), "\n"), "\n")
		if len(in) == 0 {
			want = nil
		}
		if len(lines) != len(want) {
			t.Fatalf("%d lines, want %d", len(lines), len(want))
		}
		for i, l := range lines {
			if len(want[i]) <= maxLine && l != strings.TrimSuffix(want[i], "\r") {
				t.Fatalf("line %d is %q, want %q", i+1, l, want[i])
			}
			for _, objects := range []bool{false, true} {
				c, err := parse([]byte(l), objects)
				if err == nil && c.verb == "say" {
					body, err := c.resolve(chat.MessageID{1})
					if err == nil {
						err = body.Check()
					}
					if err != nil {
						t.Fatalf("%q became a message that cannot be sent: %v", l, err)
					}
				}
				if err == nil && c.verb == "say" && !objects && !strings.HasPrefix(l, "/") && c.body.Text.Raw() != l {
					t.Fatalf("%q became %q", l, c.body.Text.Raw())
				}
			}
		}
	})
}

// chunks reads a few bytes at a time.
type chunks struct {
	b []byte
	n int
}

func (c *chunks) Read(b []byte) (int, error) {
	if len(c.b) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), c.n)], c.b)
	c.b = c.b[n:]
	return n, nil
}
