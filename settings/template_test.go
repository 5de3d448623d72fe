package settings

import (
	"regexp"
	"strings"
	"testing"
)

func TestTemplate(t *testing.T) {
	text := Template()
	if s := load(t, Sources{File: file(t, text)}); len(lines(s)) != 0 {
		t.Errorf("as it is, it sets %q", lines(s))
	}
	dropped := regexp.MustCompile(`(?m)^#([^ ])`).ReplaceAllString(text, "$1")
	s, usual := load(t, Sources{File: file(t, dropped)}), load(t, Sources{})
	for i, e := range s.Entries() {
		if e.Key == "seeds" {
			if !strings.Contains(dropped, "\nseeds = []\n") {
				t.Error("no seeds in it")
			}
		} else if !strings.HasPrefix(e.Origin, "file ") {
			t.Errorf("%s is not in it", e.Key)
		}
		if want := usual.Entries()[i]; e.String() != want.String() {
			t.Errorf("%s, and the default is %s", e, want)
		}
	}
	for i, l := range strings.Split(text, "\n") {
		if len(l) > 100 {
			t.Errorf("line %d is %d long", i+1, len(l))
		}
	}
	t.Log("\n" + text)
}
