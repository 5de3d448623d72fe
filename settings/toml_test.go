package settings

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFileErrors(t *testing.T) {
	for _, tc := range []struct{ content, want string }{
		{"\nmdsn = true", " line 2: mdsn: there is no such setting (hint: did you mean mdns?)"},
		{"no_mdns = true", " line 1: no_mdns: there is no such setting (hint: did you mean mdns?)"},
		{"no_history = true", " line 1: no_history: there is no such setting (hint: did you mean history?)"},
		{"Name = 'x'", " line 1: Name: there is no such setting (hint: did you mean name?)"},
		{"read-marks = true", " line 1: read-marks: there is no such setting (hint: did you mean read_marks?)"},
		{"bell = []", " line 1: bell: there is no such setting (hint: did you mean notify.bell?)"},
		{"[notify]\n\nmdns = true", " line 3: notify.mdns: there is no such setting (hint: put mdns above the line [notify])"},
		{"[notify.bell]\nx = 1", " line 1: notify.bell: is a section and not a list of texts, as in [\"a\", \"b\"]"},
		{"[[notify]]\nbell = []", " line 1: notify: there is no such setting"},
		{"[notify]\nbell.x = 1", " line 2: notify.bell.x: there is no such setting (hint: did you mean notify.bell?)"},
		{"[notify.sub]", " line 1: notify.sub: there is no such setting"},
		{"notify = 1", " line 1: notify: there is no such setting"},
		{"'notify.bell' = ['mention']", " line 1: \"notify.bell\": there is no such setting"},
		{"[other]\nx = 1", " line 1: other: there is no such setting (hint: the settings are name, seeds"},
		{"completely = 'different'", " line 1: completely: there is no such setting (hint: the settings are name, seeds"},
		{"'\\u001b[31m' = 1", " line 1: "},
		{"\"\\u001b[31m\" = 1", " line 1: "},
		{strings.Repeat("x", 300) + " = 1", " line 1: " + strings.Repeat("x", 80) + "...: there is no such"},
		{"\n\nmdns = 1", " line 3: mdns: is a number and not true or false"},
		{"mdns = 'yes'", " line 1: mdns: is a text and not true or false"},
		{"name = true", " line 1: name: is true or false and not a text in quotes"},
		{"name = 1979-05-27", " line 1: name: is a date or time and not a text in quotes"},
		{"seeds = 'x'", " line 1: seeds: is a text and not a list of texts, as in [\"a\", \"b\"]"},
		{"rooms = ['a', 1]", " line 1: rooms: has a number in it and not texts alone"},
		{"rooms = [['a']]", " line 1: rooms: has a list in it and not texts alone"},
		{"name = 'x'\nrooms = [\n'a',\n'b c']", " line 2: rooms: \"b c\": not a usable room name: it may not contain ' '"},
		{"name = 'a'\nname = 'b'", " line 2: not TOML: Key 'name' has already been defined."},
		{"name = 'a'\n\nmdns", " line 3: not TOML: "},
		{"name = ", " line 1: not TOML: "},
		{"\x00", " line 1: not TOML: "},
	} {
		path := file(t, tc.content)
		_, err := Load(Sources{File: path})
		if err == nil || !strings.HasPrefix(err.Error(), "file "+path+tc.want) {
			t.Errorf("%q:\n%v, want\nfile %s%s", tc.content, err, path, tc.want)
		}
		if err != nil && (strings.ContainsAny(err.Error(), "\n\x1b\x00") || len(err.Error()) > 600) {
			t.Errorf("not one short safe line: %q", err)
		}
	}
}

func TestFileForms(t *testing.T) {
	for _, content := range []string{
		"[notify]\nbell = ['mention']",
		"notify.bell = ['mention']",
		"notify = {bell = ['mention']}",
		"\ufeffnotify.bell = [\"mention\",]\r\n",
		"\"notify\".'bell' = ['''mention''']",
	} {
		s := load(t, Sources{File: file(t, content)})
		if len(s.Bell) != 1 || s.Bell[0] != Mention || s.Origin("notify.bell").Line == 0 {
			t.Errorf("%q: %v from %v", content, s.Bell, s.Origin("notify.bell"))
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add(Template())
	f.Add("name = 'x'\n[notify]\nbell=['mention']")
	f.Add("notify = {bell = []}\nrooms.x = [1]")
	f.Add("[[a]]\n[a.b]\n'c.d'.e = 1979-05-27T00:00:00Z")
	all := keys()
	f.Fuzz(func(t *testing.T, content string) {
		some, err := parse(all, "f", []byte(content))
		s := &Settings{origins: make(map[string][]Origin)}
		for _, g := range some {
			if g.origin.Line < 1 || g.origin.Line > strings.Count(content, "\n")+1 {
				t.Errorf("%s in line %d", g.key.name, g.origin.Line)
			}
			if err == nil {
				err = s.take(g)
			}
		}
		if err == nil {
			return
		}
		line := err.Error()
		if !utf8.ValidString(line) || strings.ContainsAny(line, "\n\r\x1b") || !strings.HasPrefix(line, "file f line ") {
			t.Errorf("%q", line)
		}
	})
}
