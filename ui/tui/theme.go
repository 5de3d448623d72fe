package tui

import (
	"hash/fnv"

	"github.com/charmbracelet/x/ansi"

	"github.com/p2pchat/p2pchat/chat"
)

// A theme is the styles of a screen. Nothing is told by colour alone, so that
// the same screen without colours says as much; the renderer takes colours away
// where the terminal or the person has none of them.
type theme struct {
	bar, strong, dim, alert, hit, qr ansi.Style
	nicks                            []ansi.Style
}

// Colours of the 256-colour palette that can be read on a dark and on a light
// background, and differ from each other.
//
//archtest:constant a table
var (
	darkNicks  = [...]uint8{39, 43, 77, 81, 111, 114, 141, 147, 173, 176, 180, 209, 215, 217}
	lightNicks = [...]uint8{18, 22, 23, 25, 52, 53, 54, 58, 60, 88, 89, 90, 94, 130}
)

func newTheme(dark bool) theme {
	alert, palette := ansi.IndexedColor(160), lightNicks[:]
	if dark {
		alert, palette = ansi.IndexedColor(203), darkNicks[:]
	}
	th := theme{
		bar:    ansi.Style{}.Reverse(true),
		strong: ansi.Style{}.Bold(),
		dim:    ansi.Style{}.Faint(),
		alert:  ansi.Style{}.Bold().ForegroundColor(alert),
		hit:    ansi.Style{}.Reverse(true),
		qr:     ansi.Style{}.ForegroundColor(ansi.IndexedColor(231)).BackgroundColor(ansi.IndexedColor(16)),
	}
	for _, c := range palette {
		th.nicks = append(th.nicks, ansi.Style{}.ForegroundColor(ansi.IndexedColor(c)))
	}
	return th
}

// nick is the style of a peer: the same on every screen of this program.
func (th *theme) nick(p chat.PeerID) ansi.Style {
	h := fnv.New32a()
	_, _ = h.Write(p[:])
	return th.nicks[h.Sum32()%uint32(len(th.nicks))]
}
