package tui

import (
	"strings"
	"testing"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/chat"
)

func TestWrap(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text  string
		first, rest int
		limit       int
		want        string
		left        int
	}{
		{"empty", "", 10, 10, 9, "", 0},
		{"fits", "one two", 10, 10, 9, "one two", 0},
		{"words", "one two three", 8, 8, 9, "one two/three", 0},
		{"exact", "one four", 8, 8, 9, "one four", 0},
		{"space at the end", "eight888 x", 8, 8, 9, "eight888/x", 0},
		{"long word", "abcdefghijklmnopqr", 8, 8, 9, "abcdefgh/ijklmnop/qr", 0},
		{"word then long", "ab cdefghijklmn", 8, 8, 9, "ab/cdefghij/klmn", 0},
		{"first is shorter", "one two three", 4, 9, 9, "one/two three", 0},
		{"newlines", "a\n\nb", 8, 8, 9, "a//b", 0},
		{"wide", "日本語日本", 8, 8, 9, "日本語日/本", 0},
		{"wide at the edge", "a日本語日本", 8, 8, 9, "a日本語/日本", 0},
		{"too narrow", "日本語日本", 0, 0, 9, "/日本語日/本", 0},
		{"limit", "a\nb\nc\nd", 8, 8, 2, "a/b", 3},
		{"limit in a line", "aaaaaaaabbbbbbbbcccc", 8, 8, 2, "aaaaaaaa/bbbbbbbb", 4},
		{"marks stay", strings.Repeat("e\u0301", 9), 8, 8, 9, strings.Repeat("e\u0301", 8) + "/e\u0301", 0},
		{"no end", "a" + strings.Repeat("\u0903", 100), 8, 8, 9, "\ufffd", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rows, left := meter{}.wrap(c.text, c.first, c.rest, c.limit)
			var got []string
			for _, r := range rows {
				got = append(got, r.text)
			}
			if s := strings.Join(got, "/"); s != c.want || left != c.left {
				t.Errorf("wrap(%q) = %q, %d; want %q, %d", c.text, s, left, c.want, c.left)
			}
		})
	}
}

// Whatever is written, no row is wider than its column, none measures wrong, and
// nothing but white space is lost.
func TestWrapAny(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune("ab \n日👍👨‍👩‍👧e\u0301ש🏳️‍🌈"))))
		txt, err := chat.NewText(raw.Draw(t, "text"))
		if err != nil {
			t.Skip()
		}
		mt := meter{rapid.SampledFrom([]ansi.Method{ansi.WcWidth, ansi.GraphemeWidth}).Draw(t, "method")}
		first, rest := rapid.IntRange(0, 30).Draw(t, "first"), rapid.IntRange(0, 30).Draw(t, "rest")
		rows, left := mt.wrap(txt.Safe(), first, rest, 10_000)
		if left != 0 {
			t.Fatalf("%d bytes left", left)
		}
		var all strings.Builder
		for i, r := range rows {
			limit := max(rest, minWrap)
			if i == 0 {
				limit = first
			}
			if w := mt.method.StringWidth(r.text); w != r.cells || r.cells > limit {
				t.Fatalf("row %q has %d cells, says %d, of %d", r.text, w, r.cells, limit)
			}
			all.WriteString(r.text)
		}
		drop := func(s string) string { return strings.NewReplacer(" ", "", "\n", "").Replace(s) }
		if drop(all.String()) != drop(mt.tame(txt.Safe())) {
			t.Fatalf("%q became %q", txt.Safe(), all.String())
		}
	})
}

// The renderer measures as we do, or columns would not stand.
func TestMeterIsTheRenderers(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"a", "日", "👍", "👨‍👩‍👧", "🏳️‍🌈", "e\u0301", "שלום", "مرحبا", "1️⃣", "❤️", "🇩🇪", "क्षि", "½", "…", "│"} {
		for _, method := range []ansi.Method{ansi.WcWidth, ansi.GraphemeWidth} {
			buf := uv.NewScreenBuffer(20, 1)
			buf.Method = method
			uv.NewStyledString(s+"|").Draw(buf, buf.Bounds())
			end := 0
			for end < 20 && (buf.CellAt(end, 0) == nil || buf.CellAt(end, 0).Content != "|") {
				end++
			}
			if got := (meter{method}).width(s); got != end {
				t.Errorf("%q, method %d: %d cells, and the renderer takes %d", s, method, got, end)
			}
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{
		{"hello", 5, "hello"},
		{"hello", 4, "hel…"},
		{"hello", 1, "…"},
		{"hello", 0, ""},
		{"日本語", 6, "日本語"},
		{"日本語", 5, "日本…"},
		{"日本語", 4, "日…"},
		{"日本語", 2, "…"},
	} {
		got, n := meter{}.cut(c.text, c.limit)
		if got != c.want || n != ansi.WcWidth.StringWidth(c.want) {
			t.Errorf("cut(%q, %d) = %q, %d; want %q", c.text, c.limit, got, n, c.want)
		}
	}
}
