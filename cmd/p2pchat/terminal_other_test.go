//go:build !linux

package main

import (
	"errors"
	"fmt"
	"os"
)

// openTerminal makes no terminal: how is different in every system.
func openTerminal() (screen, tty *os.File, err error) {
	return nil, nil, fmt.Errorf("make a terminal: %w", errors.ErrUnsupported)
}
