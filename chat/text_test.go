package chat_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/chat"
)

func mustText(s string) chat.Text {
	t, err := chat.NewText(s)
	if err != nil {
		panic(err)
	}
	return t
}

// hurts says what in s could steer a terminal or mislead a reader, or "". It is
// written from the list of what may never be shown, not from the code.
func hurts(s string, lines bool) string {
	if !utf8.ValidString(s) {
		return "not UTF-8"
	}
	runes := []rune(s)
	at := func(i int) rune {
		if i < 0 || i >= len(runes) {
			return 0
		}
		return runes[i]
	}
	emoji := func(r rune) bool { // as far as zero width may stand beside it
		return r >= 0x1f000 && r < 0x1fb00 || r >= 0x2100 && r < 0x2c00 || strings.ContainsRune("©®‼⁉〰〽㊗㊙", r)
	}
	marks := 0
	for i, r := range runes {
		between := func(lo, hi rune) bool { return r >= lo && r <= hi }
		switch {
		case r == '\n' && lines:
		case r < 0x20, between(0x7f, 0x9f):
			return fmt.Sprintf("control %U", r)
		case r == 0x61c, between(0x200e, 0x200f), between(0x202a, 0x202e), between(0x2066, 0x2069):
			return fmt.Sprintf("bidi %U", r)
		case between(0x2028, 0x2029), between(0xfff9, 0xfffb):
			return fmt.Sprintf("separator %U", r)
		case r == 0x200d:
			before := at(i - 1)
			if before == 0xfe0f {
				before = at(i - 2)
			}
			if !emoji(before) || !emoji(at(i+1)) {
				return "joiner outside an emoji"
			}
		case between(0xfe0e, 0xfe0f):
			digit := strings.ContainsRune("0123456789#*", at(i-1)) && at(i+1) == 0x20e3
			if !emoji(at(i-1)) && !digit {
				return "variation selector outside an emoji"
			}
		case r == 0xad, r == 0x34f, between(0x115f, 0x1160), between(0x17b4, 0x17b5), between(0x180b, 0x180f),
			between(0x200b, 0x200c), between(0x2060, 0x206f), r == 0x2800, r == 0x3164, r == 0xfeff, r == 0xffa0,
			between(0xfe00, 0xfe0d), between(0xe0000, 0x10ffff), between(0x1bca0, 0x1bca3), between(0x1d173, 0x1d17a):
			return fmt.Sprintf("invisible %U", r)
		}
		if unicode.In(r, unicode.Mn, unicode.Me) && r != 0xfe0e && r != 0xfe0f {
			if marks++; marks > 4 {
				return "a stack of marks"
			}
		} else if !unicode.Is(unicode.Mc, r) {
			marks = 0
		}
	}
	return ""
}

// checkSafe holds for every string.
func checkSafe(t interface{ Fatalf(string, ...any) }, s string) {
	safe := chat.SafeString(s)
	if bad := hurts(safe, false); bad != "" {
		t.Fatalf("SafeString(%+q) = %+q: %s", s, safe, bad)
	}
	if again := chat.SafeString(safe); again != safe {
		t.Fatalf("SafeString(%+q) = %+q, and once more %+q", s, safe, again)
	}
}

// checkText holds for every text.
func checkText(t interface{ Fatalf(string, ...any) }, s string) {
	checkSafe(t, s)
	text, err := chat.NewText(s)
	if err != nil {
		if utf8.ValidString(s) && len(s) <= chat.MaxText {
			t.Fatalf("NewText(%+q): %v", s, err)
		}
		return
	}
	if text.Raw() != s || text.Len() != len(s) || text.Empty() != (s == "") {
		t.Fatalf("%+q is kept as %+q of %d bytes", s, text.Raw(), text.Len())
	}
	if text != mustText(text.Raw()) {
		t.Fatalf("%+q is not equal to itself", s)
	}
	safe, one := text.Safe(), text.Line()
	for _, c := range []struct {
		got   string
		lines bool
	}{{safe, true}, {one, false}, {text.String(), false}} {
		if bad := hurts(c.got, c.lines); bad != "" {
			t.Fatalf("%+q is shown as %+q: %s", s, c.got, bad)
		}
	}
	if again := mustText(safe).Safe(); again != safe {
		t.Fatalf("Safe(%+q) = %+q, and once more %+q", s, safe, again)
	}
	if again := mustText(one).Line(); again != one || one != chat.SafeString(s) {
		t.Fatalf("Line(%+q) = %+q, and once more %+q", s, one, again)
	}

	data, err := json.Marshal(text)
	if err != nil {
		t.Fatalf("%+q: %v", s, err)
	}
	if bad := hurts(string(data), false); bad != "" {
		t.Fatalf("%+q in JSON is %+q: %s", s, data, bad)
	}
	var back string
	if err := json.Unmarshal(data, &back); err != nil || back != s {
		t.Fatalf("%+q came back from JSON as %+q, %v", s, back, err)
	}
	if strings.ContainsAny(string(data), "\u200d\ufe0e\ufe0f") {
		t.Fatalf("%+q in JSON is %+q: zero width", s, data)
	}
}

// nasty draws what strangers send: everything above mixed with plain text.
func nasty() *rapid.Generator[string] {
	part := rapid.OneOf(
		rapid.String(),
		rapid.SampledFrom([]string{
			"\x1b[2J", "\u009b31m", "\r", "\b", "\a", "\x00", "\x7f", "\n", "\t", "\u202e", "\u2066", "\u061c", "\u200f",
			"\u200b", "\u200c", "\u200d", "\ufeff", "\u2060", "\u2028", "\u2029", "\u00ad", "\u034f", "\u3164", "\u2800",
			"\ufe00", "\ufe0e", "\ufe0f", "\U000e0041", "\U000e0100", "\u20e3", "1", "#", "👨", "👩", "🏽", "🇩", "❤", "↔", "\u0301",
			"\u0302\u0303\u0304", "\u093f", "\u2003", "\U0001faff", `\x`, `"`, `\`, "é", "א", "ก้",
		}),
		rapid.Map(rapid.IntRange(1, 9), func(n int) string { return "e" + strings.Repeat("\u0301", n) }),
	)
	return rapid.Map(rapid.SliceOfN(part, 0, 12), func(parts []string) string { return strings.Join(parts, "") })
}

func TestTextNeverHurts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkText(t, nasty().Draw(t, "text")) })
}

// Every character of the planes in use, but for the letters of East Asia, stands
// where it could do harm: alone, in an emoji sequence, on a stack of marks.
func TestEveryCharacter(t *testing.T) {
	for r := range rune(0xe1000) {
		if inUse := r < 0x20000 && utf8.ValidRune(r) || r >= 0xe0000; inUse && (r < 0x3100 || !unicode.IsLetter(r)) {
			s := string(r)
			checkSafe(t, s+"👨"+s+"\u200d"+s+"👩e\u0301\u0301\u0301\u0301"+s+"\u0301")
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{
		"hello", "a\tb\nc\r\n", "\x1b]0;title\a", "👨\u200d👩\u200d👧", "1\ufe0f\u20e3", "👨\u200d\U0001fafd",
		"❤\ufe0f\u200d🔥", "e\u0301\u0302\u0303\u0304\u0305", `\x41`, "\xff\xc2", "🏴\U000e0067\U000e007f", "\u0301",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkText(t, s) })
}

// What people write is shown as they wrote it.
func TestTextKeepsLanguagesAndEmoji(t *testing.T) {
	for name, s := range map[string]string{
		"ASCII":              "Hello, world! #1 <b>&amp;</b> \"\\",
		"backslash":          `\x41`,
		"typography":         "“quoted” – it’s… 10 €",
		"no-break space":     "10\u00a0km",
		"umlauts":            "Grüße, Ærø, Łódź",
		"decomposed":         "Gru\u0308ße",
		"Vietnamese":         "Tiếng Việt",
		"Vietnamese, apart":  "Tie\u0302\u0301ng Vie\u0323\u0302t",
		"Greek":              "Ἀθῆναι",
		"Hebrew":             "שָׁלוֹם עֲלֵיכֶם",
		"Arabic":             "السَّلَامُ عَلَيْكُمْ",
		"Devanagari":         "नमस्ते, स्त्री शक्ति",
		"Tamil":              "வணக்கம் க்ஷௌ",
		"Thai":               "สวัสดีครับ น้ำ ผู้",
		"Tibetan":            "བཀྲ་ཤིས་བདེ་ལེགས།",
		"Khmer":              "សួស្តី",
		"Chinese":            "你好，世界\u3000。",
		"Japanese":           "こんにちは、ガガ",
		"Korean":             "안녕하세요",
		"Korean, apart":      "\u1112\u1161\u11ab",
		"emoji":              "🎉🙂",
		"heart":              "❤\ufe0f",
		"heart as text":      "❤\ufe0e",
		"heart on fire":      "❤\ufe0f\u200d🔥",
		"family":             "👨\u200d👩\u200d👧\u200d👦",
		"family by skin":     "👨🏿\u200d🦰 and 👩🏽\u200d🚀",
		"detective":          "🕵\ufe0f\u200d♀\ufe0f",
		"couple":             "👩\u200d❤\ufe0f\u200d💋\u200d👨",
		"rainbow flag":       "🏳\ufe0f\u200d🌈",
		"pirate flag":        "🏴\u200d☠\ufe0f",
		"flags":              "🇩🇪🇯🇵",
		"keycaps":            "1\ufe0f\u20e3 #\ufe0f\u20e3 *\ufe0f\u20e3 2\u20e3",
		"old symbols":        "©\ufe0f ™\ufe0f ℹ\ufe0f ‼\ufe0f 〰\ufe0f ㊗\ufe0f ↔\ufe0f",
		"four marks":         "e\u0301\u0302\u0303\u0304!",
		"replacement itself": "\ufffd",
	} {
		text := mustText(s)
		if text.Line() != s || text.Safe() != s {
			t.Errorf("%s: %+q is shown as %+q and %+q", name, s, text.Line(), text.Safe())
		}
		if chat.SafeString(s) != s {
			t.Errorf("%s: %+q as a stranger's word is %+q", name, s, chat.SafeString(s))
		}
	}
}

func TestTextDropsWhatHurts(t *testing.T) {
	for _, c := range []struct{ name, in, line string }{
		{"colour", "\x1b[31mred\x1b[0m", "[31mred[0m"},
		{"C1 introducer", "\u009b31mred", "31mred"},
		{"title", "\x1b]0;owned\a", "]0;owned"},
		{"carriage return", "good\rbad", "goodbad"},
		{"backspace, bell, NUL, DEL", "a\b\a\x00\x7fb", "ab"},
		{"lines", "a\nb\r\nc", "a b c"},
		{"tab", "a\tb", "a b"},
		{"separators", "a\u2028b\u2029c", "a b c"},
		{"wide and narrow spaces", "a\u2003b\u202fc", "a b c"},
		{"bidi override", "\u202eevil\u202c", "evil"},
		{"bidi isolates", "\u2066a\u2069\u200e\u200f\u061c", "a"},
		{"zero width", "pay\u200bpal\u200c\u2060\ufeff", "paypal"},
		{"joiner between letters", "a\u200db", "ab"},
		{"joiner at the end", "👨\u200d", "👨"},
		{"joiner before a letter", "👨\u200da", "👨a"},
		{"joiner before what is dropped", "👨\u200d\u2800👩", "👨👩"},
		{"two joiners", "👨\u200d\u200d👩", "👨\u200d👩"},
		{"selectors in a row", "❤\ufe0f\ufe0f\ufe0f", "❤\ufe0f"},
		{"selector on a letter", "a\ufe0f", "a"},
		{"selector on a digit", "1\ufe0f", "1"},
		{"hidden message in selectors", "a\ufe01\ufe02\U000e0100\U000e01ef", "a"},
		{"tags", "x\U000e0068\U000e0069", "x"},
		{"fillers", "a\u3164\uffa0\u115f\u2800b", "ab"},
		{"grapheme joiner", "a\u034fb", "ab"},
		{"private use", "a\ue000\U000f0000b", "ab"},
		{"unassigned", "a\U0001faff\u0378b", "ab"},
		{"stack of marks", "e\u0301\u0302\u0303\u0304\u0305\u0306!", "e\u0301\u0302\u0303\u0304!"},
		{"stack in parts", "e\u0301\u0302\u0303\u0304\u200b\u0305", "e\u0301\u0302\u0303\u0304"},
	} {
		text := mustText(c.in)
		if got := text.Line(); got != c.line {
			t.Errorf("%s: %+q on one line is %+q, want %+q", c.name, c.in, got, c.line)
		}
		if got := text.Raw(); got != c.in {
			t.Errorf("%s: %+q is kept as %+q", c.name, c.in, got)
		}
	}
	if got := mustText("a\n\tb\r\n").Safe(); got != "a\n b\n" {
		t.Errorf("several lines are %+q", got)
	}
	if got := chat.SafeString("not\xff UTF\xc2-8\xe2\x80"); got != "not UTF-8" {
		t.Errorf("a stranger's bytes are %+q", got)
	}
}

// However a Text gets into a format, no raw byte of it comes out. fmt prints
// unexported fields without asking their methods: that is the hard case.
func TestTextCannotBePrintedByAccident(t *testing.T) {
	type hidden struct{ t chat.Text }
	type nested struct {
		Text chat.Text
		deep hidden
		list []chat.Text
		byID map[string]chat.Text
		any  any
		ptr  *chat.Text
	}
	var formats []string
	for _, verb := range "vsqxXdtbocUeEfFgGpT" {
		for _, flag := range []string{"", "+", "#", " ", "-30", "0"} {
			formats = append(formats, "%"+flag+string(verb))
		}
	}
	for _, evil := range []string{"\x1b[2J", "\u009b2J", "\u202e", "\u2066", "\u061c", "\u200f", "\u2028", "\n", "\r", "\x7f", "\U000e0041"} {
		text := mustText("a" + evil + "b")
		bad := string([]rune(evil)[0])
		values := map[string]any{
			"text":    text,
			"pointer": &text,
			"body":    chat.Body{Kind: chat.KindText, Text: text},
			"segment": &chat.Segment{Bodies: []chat.Body{{Kind: chat.KindText, Text: text}}},
			"beacon":  &chat.Beacon{Nick: text},
			"message": chat.Message{Nick: text, Text: text},
			"hidden":  hidden{text},
			"nested":  nested{text, hidden{text}, []chat.Text{text}, map[string]chat.Text{"k": text}, hidden{text}, &text},
			"slice":   []hidden{{text}},
			"map":     map[hidden]hidden{{text}: {text}},
			"array":   [1]chat.Text{text},
		}
		for name, v := range values {
			for _, format := range formats {
				if out := fmt.Sprintf(format, v); strings.Contains(out, bad) {
					t.Errorf("%s of %q with %s: %q", name, evil, format, out)
				}
			}
			if out := fmt.Sprint(v, v); strings.Contains(out, bad) {
				t.Errorf("%s of %q by Sprint: %q", name, evil, out)
			}
			var log strings.Builder
			slog.New(slog.NewTextHandler(&log, nil)).Info("got", "value", v)
			slog.New(slog.NewJSONHandler(&log, nil)).Info("got", "value", v)
			if lines := strings.Split(log.String(), "\n"); len(lines) != 3 || strings.Contains(strings.Join(lines, ""), bad) {
				t.Errorf("%s of %q in a log: %q", name, evil, log.String())
			}
		}
	}
	text := mustText("\x1b[2J\u009b\u202e\n!")
	for format, want := range map[string]string{
		"%v": "[2J !", "%s": "[2J !", "%q": `"[2J !"`, "%+v": "[2J !", "%#v": `chat.Text("[2J !")`,
	} {
		if got := fmt.Sprintf(format, text); got != want {
			t.Errorf("%s gives %q, want %q", format, got, want)
		}
	}
	if got, want := fmt.Sprintf("%+v", hidden{mustText("grüß dich")}), "{t:{kept:grüß dich}}"; got != want {
		t.Errorf("a harmless text deep inside is %q, want %q", got, want)
	}
}

func TestTextsCompare(t *testing.T) {
	texts := []chat.Text{{}, mustText("a"), mustText("b"), mustText("\n"), mustText(`\x0a`), mustText(`\x`)}
	for i, a := range texts {
		for j, b := range texts {
			if (a == b) != (i == j) {
				t.Errorf("%q == %q is %v", a.Raw(), b.Raw(), a == b)
			}
		}
	}
}

func TestTextLimits(t *testing.T) {
	if _, err := chat.NewText(strings.Repeat("x", chat.MaxText)); err != nil {
		t.Errorf("the longest text: %v", err)
	}
	if _, err := chat.NewText(strings.Repeat("x", chat.MaxText+1)); !errors.Is(err, chat.ErrTooLong) {
		t.Errorf("one more: %v, want ErrTooLong", err)
	}
	for _, s := range []string{"\xff", "a\xc3", "\xed\xa0\x80" /* a surrogate */, "\xc0\x80" /* overlong */} {
		if _, err := chat.NewText(s); !errors.Is(err, chat.ErrBadText) {
			t.Errorf("%q: %v, want ErrBadText", s, err)
		}
	}
}

func TestNick(t *testing.T) {
	for in, want := range map[string]string{
		"bob": "bob", " bob\n": "bob", "Bob Ross": "Bob Ross", "שלמה": "שלמה", "❤\ufe0f": "❤\ufe0f", "e\u0301": "e\u0301",
		strings.Repeat("x", 32): strings.Repeat("x", 32), "!": "!",
	} {
		if got, err := chat.NewNick(in); err != nil || got.Raw() != want {
			t.Errorf("NewNick(%q) = %q, %v; want %q", in, got.Raw(), err, want)
		}
	}
	for name, in := range map[string]string{
		"empty": "", "space": " \t", "wide space": "\u3000", "two lines": "a\nb", "tab": "a\tb", "escape": "\x1b[31mbob",
		"bidi": "\u202ebob", "zero width": "bo\u200bb", "invisible": "\u3164", "only a mark": "\u0301", "marks": "\u0301 \u0301",
		"stack": "e" + strings.Repeat("\u0301", 5), "not UTF-8": "bob\xff", "long": strings.Repeat("x", 33),
		"long in bytes": strings.Repeat("é", 17), "very long": strings.Repeat("x", chat.MaxText+1), "joiner at the end": "👨\u200d",
	} {
		if _, err := chat.NewNick(in); !errors.Is(err, chat.ErrBadNick) {
			t.Errorf("%s: %v, want ErrBadNick", name, err)
		}
	}
}

func TestAppendJSON(t *testing.T) {
	for in, want := range map[string]string{
		"":                                `""`,
		"plain":                           `"plain"`,
		`"\`:                              `"\"\\"`,
		"a\nb\tc":                         `"a\nb\tc"`,
		"\x1b[0m\x7f\u009b":               `"\u001b[0m\u007f\u009b"`,
		"\u202e":                          `"\u202e"`,
		"שלום é 🎉":                        `"שלום é 🎉"`,
		"\U000e0041":                      `"\udb40\udc41"`,
		"👨\u200d👩":                        `"👨\u200d👩"`,
		"e\u0301\u0301\u0301\u0301\u0301": "\"e\u0301\u0301\u0301\u0301\\u0301\"",
	} {
		if got := string(chat.AppendJSON([]byte("x"), in)); got != "x"+want {
			t.Errorf("AppendJSON(%+q) = %s, want x%s", in, got, want)
		}
	}
}

func BenchmarkNewText(b *testing.B) {
	for name, s := range map[string]string{
		"ascii": strings.Repeat("hello ", 17), "hebrew": strings.Repeat("שלום ", 11), "lines": strings.Repeat("hello\n", 17),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(s)))
			for b.Loop() {
				if _, err := chat.NewText(s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkLine(b *testing.B) {
	for name, s := range map[string]string{
		"ascii": strings.Repeat("hello ", 17), "hebrew": strings.Repeat("שלום ", 11), "emoji": strings.Repeat("👨\u200d👩 ", 9),
	} {
		b.Run(name, func(b *testing.B) {
			text := mustText(s)
			b.ReportAllocs()
			b.SetBytes(int64(len(s)))
			for b.Loop() {
				if text.Line() == "" {
					b.Fatal("empty")
				}
			}
		})
	}
}
