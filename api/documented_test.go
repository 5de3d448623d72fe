package api

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// section is the text of PROTOCOL.md, section 11.
func section(t testing.TB) string {
	t.Helper()
	doc, err := os.ReadFile("../PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(doc), "\n## 11 ")
	if !ok {
		t.Fatal("PROTOCOL.md has no section 11")
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// The commands that the section begins with do what they say.
func TestCommandsOfTheProtocol(t *testing.T) {
	s, _ := exampleNode(t)
	command := regexp.MustCompile(`(?m)^    \$S (?:-d '([^']+)' )?'?http://p2pchat([^\s']+)'?$`)
	all := command.FindAllStringSubmatch(section(t), -1)
	if len(all) < 4 {
		t.Fatalf("only %d commands are understood", len(all))
	}
	for _, c := range all {
		method, body, path := "GET", c[1], c[2]
		if body != "" {
			method = "POST"
		}
		if status, answer := curl(t, s, method, path, body); status != 200 {
			t.Errorf("%s %s %s: %d %s", method, path, body, status, answer)
		}
	}
}

// Every request that is answered, and every code of an error, is documented.
func TestProtocolHasAllRequestsAndCodes(t *testing.T) {
	text := section(t)
	var src []byte
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(f, "_test.go") {
			src = append(src, b...)
		}
	}
	names := regexp.MustCompile(`\{(conversation|message|peer)\}`)
	routes := regexp.MustCompile(`"((?:GET|PUT|POST|DELETE) /v1/[a-z/{}]+)"`).FindAllSubmatch(src, -1)
	if len(routes) < 20 {
		t.Fatalf("only %d routes were found", len(routes))
	}
	for _, m := range routes {
		route := names.ReplaceAllStringFunc(string(m[1]), func(s string) string {
			return map[string]string{"{conversation}": "C", "{message}": "ID", "{peer}": "PEER"}[s]
		})
		method, path, _ := strings.Cut(route, " ")
		short := strings.Replace(strings.Replace(path, "/v1/conversations/C/messages/ID/", ".../ID/", 1), "/v1/conversations/C/", ".../C/", 1)
		if !documents(text, path) && !documents(text, short) {
			t.Errorf("%s %s is not in section 11", method, path)
		}
	}
	_, codes, _ := strings.Cut(text, "Codes: `")
	codes, _, _ = strings.Cut(codes, "`")
	for _, m := range regexp.MustCompile(`Code: "([a-z-]+)"`).FindAllSubmatch(src, -1) {
		if !bytes.Contains([]byte(" "+codes+" "), []byte(" "+string(m[1])+" ")) {
			t.Errorf("code %s is not in section 11", m[1])
		}
	}
	for _, f := range faults() {
		if !strings.Contains(" "+codes+" ", " "+f.code+" ") {
			t.Errorf("code %s is not in section 11", f.code)
		}
	}
	for _, code := range strings.Fields(codes) {
		if !bytes.Contains(src, []byte(`"`+code+`"`)) {
			t.Errorf("code %s is in section 11, and nowhere else", code)
		}
	}
}

// documents reports whether a path stands in the text, as a whole.
func documents(text, path string) bool {
	return regexp.MustCompile(regexp.QuoteMeta(path) + "[^A-Za-z/]").MatchString(text)
}
