package main

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// openTerminal makes a terminal: what is written to tty comes out of screen.
func openTerminal() (screen, tty *os.File, err error) {
	// Without O_NONBLOCK its reader could not be closed while it waits.
	fd, err := syscall.Open("/dev/ptmx", syscall.O_RDWR|syscall.O_CLOEXEC|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("open /dev/ptmx: %w", err)
	}
	screen = os.NewFile(uintptr(fd), "screen")
	var number, locked int32
	for _, ask := range []struct {
		request uintptr
		arg     *int32
	}{{syscall.TIOCGPTN, &number}, {syscall.TIOCSPTLCK, &locked}} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), ask.request, uintptr(unsafe.Pointer(ask.arg))); errno != 0 {
			screen.Close()
			return nil, nil, fmt.Errorf("make a terminal: %w", errno)
		}
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		screen.Close()
		return nil, nil, err
	}
	return screen, tty, nil
}
