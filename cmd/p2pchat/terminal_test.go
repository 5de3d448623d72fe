package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
)

// withoutReturns drops the carriage returns that a terminal adds.
type withoutReturns struct{ w io.Writer }

func (w withoutReturns) Write(b []byte) (int, error) {
	if _, err := w.w.Write(bytes.ReplaceAll(b, []byte("\r"), nil)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Only who looks at a screen is a person: not a file, nor what swallows all.
func TestTerminal(t *testing.T) {
	t.Parallel()
	screen, tty, err := openTerminal()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer screen.Close()
	defer tty.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, c := range []struct {
		what any
		want bool
	}{{tty, true}, {null, false}, {new(bytes.Buffer), false}, {nil, false}} {
		if got := terminal(c.what); got != c.want {
			t.Errorf("terminal(%T) = %t", c.what, got)
		}
	}
}
