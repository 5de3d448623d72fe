package invite

import (
	"strings"
	"testing"

	"rsc.io/qr"
)

func TestQRHoldsTheText(t *testing.T) {
	text := usual().String()
	lines, err := QR(text)
	if err != nil {
		t.Fatal(err)
	}
	code, err := qr.Encode(strings.ToUpper(text), qr.L)
	if err != nil {
		t.Fatal(err)
	}
	size := code.Size + 2*quietZone
	if len(lines) != (size+1)/2 {
		t.Fatalf("%d lines for %d dots", len(lines), size)
	}
	for y, l := range lines {
		cells := []rune(l)
		if len(cells) != size {
			t.Fatalf("line %d has %d characters, want %d", y, len(cells), size)
		}
		for x, c := range cells {
			for half, white := range []string{"█▀", "█▄"} {
				if code.Black(x-quietZone, 2*y+half-quietZone) == strings.ContainsRune(white, c) {
					t.Fatalf("line %d, character %d is %q", y, x, c)
				}
			}
		}
	}
	t.Logf("%d by %d characters with 1 seed", size, len(lines))
	if size > 80 {
		t.Errorf("%d wide: too wide for a terminal", size)
	}
}

func TestQRIsSmallerInUpperCase(t *testing.T) {
	text := usual().String()
	upper, err := QR(text)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := qr.Encode(text, qr.L)
	if err != nil {
		t.Fatal(err)
	}
	if len(upper) >= (plain.Size+2*quietZone+1)/2 {
		t.Errorf("%d lines, and in lower case %d dots", len(upper), plain.Size)
	}
}

func TestQRTooLong(t *testing.T) {
	if _, err := QR(strings.Repeat("x", 5000)); err == nil {
		t.Error("5000 characters fit into a QR code")
	}
	if _, err := QR(Prefix + strings.Repeat("a", MaxText-len(Prefix))); err != nil {
		t.Errorf("the longest invite: %v", err)
	}
}

func TestPaint(t *testing.T) {
	got := Paint([]string{"█ ", " ▄"})
	if strings.Join(got, "|") != "\x1b[97;40m█ \x1b[0m|\x1b[97;40m ▄\x1b[0m" {
		t.Errorf("%q", got)
	}
}

func TestQROfOtherTexts(t *testing.T) {
	lines, err := QR("p2pchat join lobby")
	if err != nil || len(lines) == 0 {
		t.Errorf("%d lines, %v", len(lines), err)
	}
}
