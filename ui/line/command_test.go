package line

import (
	"errors"
	"strings"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
)

func TestParse(t *testing.T) {
	t.Parallel()
	id := idOf(1).String()
	long := strings.Repeat("x", chat.MaxText+1)
	for _, c := range []struct {
		line    string
		objects bool
		want    string // verb and argument, "action" or "text" and the text, or an error's words
	}{
		{line: "hello", want: "text hello"},
		{line: "  indented  ", want: "text   indented  "},
		{line: "//me is a path", want: "text /me is a path"},
		{line: "///", want: "text //"},
		{line: "", want: ""},
		{line: " \t ", want: ""},
		{line: "exit", want: "quit"},
		{line: "exit  ", want: "quit"},
		{line: " exit", want: "text  exit"},
		{line: "exit now", want: "text exit now"},
		{line: "/quit", want: "quit"},
		{line: "/exit", want: "quit"},
		{line: "/quit see you", want: "quit"},
		{line: "/me waves", want: "action waves"},
		{line: "/me  waves ", want: "action waves"},
		{line: "/me", want: "/me needs words, as in /me waves"},
		{line: "/nick  bob ", want: "nick bob"},
		{line: "/nick", want: "/nick needs a name, as in /nick alice"},
		{line: "/who", want: "who"},
		{line: "/net", want: "net"},
		{line: "/help me", want: "help"},
		{line: "/", want: "unknown command / (hint: "},
		{line: "/WHO", want: "unknown command /WHO (hint: "},
		{line: "/etc/passwd", want: "unknown command /etc/passwd (hint: "},
		{line: "/" + long, want: "unknown command /xxxxxxxxxxxxxxxxxxxx... (hint: "},
		{line: "/reply yes it is", want: "reply | yes it is"},
		{line: "/reply #2 yes", want: "reply #2 | yes"},
		{line: "/reply 01ab00 yes", want: "reply 01ab00 | yes"},
		{line: "/reply 01AB00 yes", want: "reply 01AB00 | yes"},
		{line: "/reply 01ab0 yes", want: "reply | 01ab0 yes"},
		{line: "/reply #lobby is it", want: "reply | #lobby is it"},
		{line: "/reply #1", want: "/reply needs words"},
		{line: "/reply", want: "/reply needs words, as in /reply so it is"},
		{line: "/reply " + long[33:], want: "reply | " + long[33:]},
		{line: "/reply " + long[32:], want: "too long: 32737 bytes, and at most 32736 are allowed"},
		{line: "/edit  better ", want: "edit | better"},
		{line: "/edit #3 better", want: "edit #3 | better"},
		{line: "/edit", want: "/edit needs words"},
		{line: "/del", want: "delete |"},
		{line: "/del #2", want: "delete #2 |"},
		{line: "/del 01ab00ff", want: "delete 01ab00ff |"},
		{line: "/del it", want: "/del needs nothing, or a message, as in /del #2"},
		{line: "/del #2 now", want: "/del needs nothing"},
		{line: "/react 👍", want: "reaction | 👍"},
		{line: "/react #2 👍", want: "reaction #2 | 👍"},
		{line: "/react #2 -", want: "reaction #2 |"},
		{line: "/react -", want: "reaction |"},
		{line: "/react", want: "/react needs an emoji"},
		{line: "/react #2", want: "/react needs an emoji"},
		{line: "/react " + long[:33], want: "too long: 33 bytes, and at most 32 are allowed"},
		{line: "/react \u200b", want: "not a usable text: a reaction needs visible characters"},
		{line: "/topic", want: "topic"},
		{line: "/topic what we do ", want: "set topic | what we do"},
		{line: "/topic -", want: "set topic |"},
		{line: "/topic " + long[:257], want: "too long: 257 bytes, and at most 256 are allowed"},
		{line: "a\xffb", want: "not a usable text: not valid UTF-8"},
		{line: long, want: "too long: 32769 bytes, and at most 32768 are allowed"},
		{line: long[1:], want: "text " + long[1:]},
		{line: `{"text":"plain"}`, want: `text {"text":"plain"}`},

		{objects: true, line: `{"text":"a\nb"}`, want: "text a\nb"},
		{objects: true, line: `{"text":"exit"}`, want: "text exit"},
		{objects: true, line: `{"text":"/who"}`, want: "text /who"},
		{objects: true, line: `{ "text" : " " } `, want: "text  "},
		{objects: true, line: "exit", want: "quit"},
		{objects: true, line: "plain", want: "text plain"},
		{objects: true, line: "/me waves", want: "action waves"},
		{objects: true, line: `{"text":""}`, want: `not a message object: it needs a "text"`},
		{objects: true, line: `{}`, want: `not a message object: it needs a "text"`},
		{objects: true, line: `{"text":null}`, want: `not a message object: it needs a "text"`},
		{objects: true, line: `{"text":1}`, want: "not a message object: json: "},
		{objects: true, line: `{"text":"a","to":"b"}`, want: `not a message object: json: unknown field "to"`},
		{objects: true, line: `{"text":"a"}}`, want: "not a message object: something follows"},
		{objects: true, line: `{"text":"a"}]`, want: "not a message object: something follows"},
		{objects: true, line: `{"text":"a"} x`, want: "not a message object: something follows"},
		{objects: true, line: `{"text":"a"}{"text":"b"}`, want: "not a message object: something follows"},
		{objects: true, line: `{"text":"a","reply_to":"` + id + `"}`, want: "reply " + id + " | a"},
		{objects: true, line: `{"text":"a","reply_to":"01ab00"}`, want: "reply 01ab00 | a"},
		{objects: true, line: `{"edit":"` + id + `","text":"a\nb"}`, want: "edit " + id + " | a\nb"},
		{objects: true, line: `{"delete":"` + id + `"}`, want: "delete " + id + " |"},
		{objects: true, line: `{"react":"` + id + `","text":"👍"}`, want: "reaction " + id + " | 👍"},
		{objects: true, line: `{"react":"` + id + `","text":"-"}`, want: "reaction " + id + " | -"},
		{objects: true, line: `{"react":"` + id + `","text":""}`, want: "reaction " + id + " |"},
		{objects: true, line: `{"react":"` + id + `"}`, want: `not a message object: it needs a "text", also if that is empty`},
		{objects: true, line: `{"react":"` + id + `","text":"` + long[:33] + `"}`, want: "too long: 33 bytes"},
		{objects: true, line: `{"topic":"what we do"}`, want: "set topic | what we do"},
		{objects: true, line: `{"topic":"-"}`, want: "set topic | -"},
		{objects: true, line: `{"topic":""}`, want: "set topic |"},
		{objects: true, line: `{"topic":"a","text":"b"}`, want: `not a message object: a "delete" or a "topic" has no "text"`},
		{objects: true, line: `{"delete":"` + id + `","text":"b"}`, want: `not a message object: a "delete" or a "topic" has no "text"`},
		{objects: true, line: `{"edit":"` + id + `"}`, want: `not a message object: it needs a "text"`},
		{objects: true, line: `{"edit":"` + id + `","text":""}`, want: `not a message object: it needs a "text"`},
		{objects: true, line: `{"edit":"` + id + `","delete":"` + id + `"}`, want: "not a message object: only one of "},
		{objects: true, line: `{"delete":""}`, want: "not a message object: a message is named by its ID"},
		{objects: true, line: `{"delete":"01ab0"}`, want: "not a message object: a message is named by its ID"},
		{objects: true, line: `{"delete":"` + id + `0"}`, want: "not a message object: a message is named by its ID"},
		{objects: true, line: `{"text":"a","reply_to":"x"}`, want: "not a message object: a message is named by its ID"},
		{objects: true, line: `{"text":`, want: "not a message object: unexpected EOF"},
		{objects: true, line: `{`, want: "not a message object: "},
		{objects: true, line: `{"text":"` + long + `"}`, want: "too long: 32769 bytes"},
	} {
		got := words(parse([]byte(c.line), c.objects))
		if strings.HasPrefix(got, c.want) && (got == c.want || !strings.HasPrefix(got, "text ")) && (c.want == "") == (got == "") {
			continue
		}
		t.Errorf("parse(%.60q, %v) = %.80q, want %.80q", c.line, c.objects, got, c.want)
	}
}

// words puts the result of parse into one string.
func words(c command, err error) string {
	switch {
	case errors.Is(err, errQuit):
		return "quit"
	case err != nil:
		return err.Error()
	case c.verb == "say" && c.body.Kind == chat.KindAction:
		return "action " + c.body.Text.Raw()
	case c.verb == "say" && c.body.Kind != chat.KindText:
		name := map[chat.Kind]string{
			chat.KindReply: "reply", chat.KindEdit: "edit", chat.KindDelete: "delete", chat.KindReaction: "reaction", chat.KindTopic: "set topic",
		}[c.body.Kind]
		return strings.TrimSpace(strings.TrimSpace(name+" "+c.ref) + " | " + c.body.Text.Raw())
	case c.verb == "say":
		return "text " + c.body.Text.Raw()
	}
	return strings.TrimSpace(c.verb + " " + c.arg)
}
