package tui

import (
	"strings"
	"testing"
)

// TestEditor presses keys on a text in which '_' is the cursor.
func TestEditor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, before, keys, want string }{
		{"left", "ab_", "left", "a_b"},
		{"at the begin", "_ab", "left", "_ab"},
		{"emacs left", "ab_", "ctrl+b ctrl+b ctrl+f", "a_b"},
		{"line begin", "one\ntwo_", "ctrl+a", "one\n_two"},
		{"line end", "o_ne\ntwo", "ctrl+e", "one_\ntwo"},
		{"words", "one two_", "alt+b alt+b", "_one two"},
		{"words forth", "_one two", "alt+f", "one_ two"},
		{"backspace", "ab_c", "backspace", "a_c"},
		{"one character of several code points", "a👨‍👩‍👧_", "backspace", "a_"},
		{"delete", "a_bc", "ctrl+d", "a_c"},
		{"cut word and put back", "one two_", "ctrl+w ctrl+a ctrl+y", "two_one "},
		{"cut to the begin", "one t_wo", "ctrl+u", "_wo"},
		{"cut to the end", "one\nt_wo\nx", "ctrl+k", "one\nt_\nx"},
		{"cut word forth", "_one two", "alt+d", "_ two"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var ed editor
			left, right, _ := strings.Cut(c.before, "_")
			ed.set(left)
			at := ed.cur
			ed.insert(right)
			ed.cur = at
			for k := range strings.SplitSeq(c.keys, " ") {
				if !ed.key(k) {
					t.Errorf("%s is no key", k)
				}
			}
			got := strings.Join(ed.text[:ed.cur], "") + "_" + strings.Join(ed.text[ed.cur:], "")
			if got != c.want {
				t.Errorf("%q, then %s: %q, want %q", c.before, c.keys, got, c.want)
			}
		})
	}
}

func TestEditorTakesNoControls(t *testing.T) {
	t.Parallel()
	var ed editor
	ed.insert("a\x1b[31m\x00b\r\nc\rd\u009b\te")
	if got := ed.String(); got != "a[31mb\nc\nd\te" {
		t.Errorf("%q", got)
	}
	if ed.insert(strings.Repeat("x", maxInput)) {
		t.Error("more than a message was taken")
	}
}

func TestEditorView(t *testing.T) {
	t.Parallel()
	var ed editor
	ed.set("hello world")
	rows, x, y := ed.view("> ", 8, 5)
	if strings.Join(rows, "/") != "> hello /world" || x != 5 || y != 1 {
		t.Errorf("%q, %d, %d", rows, x, y)
	}
	ed.set("a\nb\nc\nd")
	rows, x, y = ed.view("> ", 8, 2)
	if strings.Join(rows, "/") != "c/d" || x != 1 || y != 1 {
		t.Errorf("%q, %d, %d", rows, x, y)
	}
	ed.set("x\u202ey")
	if rows, _, _ = ed.view("", 8, 2); rows[0] != "x·y" && rows[0] != "·y" {
		t.Errorf("%q shows what turns the text around", rows)
	}
}

func TestRecalled(t *testing.T) {
	t.Parallel()
	var r recalled
	r.add("one")
	r.add("two")
	r.add("two")
	for _, c := range []struct {
		back bool
		want string
		ok   bool
	}{{true, "two", true}, {true, "one", true}, {true, "", false}, {false, "two", true}, {false, "draft", true}, {false, "", false}} {
		got, ok := "", false
		if c.back {
			got, ok = r.back("draft")
		} else {
			got, ok = r.forth()
		}
		if got != c.want || ok != c.ok {
			t.Errorf("%+v: %q, %t", c, got, ok)
		}
	}
	for range 2 * maxRecalled {
		r.add(strings.Repeat("x", len(r.lines)%3))
		r.add("y")
	}
	if len(r.lines) > maxRecalled {
		t.Errorf("%d lines are remembered", len(r.lines))
	}
}
