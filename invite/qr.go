package invite

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// quietZone is the white border of a QR code, in its own dots. The
// standard has four; two are enough on a screen, whose lines are few.
const quietZone = 2

// QR draws text as a QR code, two dots to a character, all lines of one width.
// White is drawn as a block and black as a space: black on white if the terminal
// shows light on dark, and inverted otherwise (see Paint). Invites are put in upper
// case, which takes a third less space.
func QR(text string) (lines []string, err error) {
	if Is(text) {
		text = strings.ToUpper(squeeze(text))
	}
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return nil, fmt.Errorf("draw a QR code: %w", err)
	}
	// Black gives false outside the code, so that the border is white.
	white := func(x, y int) bool { return !code.Black(x-quietZone, y-quietZone) }
	size := code.Size + 2*quietZone
	for y := 0; y < size; y += 2 {
		var b strings.Builder
		for x := range size {
			b.WriteString(cell(white(x, y), white(x, y+1)))
		}
		lines = append(lines, b.String())
	}
	return lines, nil
}

// cell is one character with a white or black dot above another.
func cell(up, down bool) string {
	switch {
	case up && down:
		return "█"
	case up:
		return "▀"
	case down:
		return "▄"
	}
	return " "
}

// Paint makes the lines of QR white on black by colour codes of the terminal, so
// that scanners read the code on dark and on light backgrounds.
func Paint(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = "\x1b[97;40m" + l + "\x1b[0m"
	}
	return out
}
