package line

import (
	"strings"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
)

func TestParseObject(t *testing.T) {
	t.Parallel()
	id := idOf(1).String()
	for _, c := range []struct {
		line, conv string
		kind       chat.Kind
		text, err  string
	}{
		{line: `{"text":"/me waves"}`, kind: chat.KindText, text: "/me waves"},
		{line: `{"conversation":"lobby","text":"a\nb"}`, conv: "lobby", kind: chat.KindText, text: "a\nb"},
		{line: `{"text":"yes","reply_to":"` + id + `","conversation":"x"}`, conv: "x", kind: chat.KindReply, text: "yes"},
		{line: `{"edit":"` + id + `","text":"b"}`, kind: chat.KindEdit, text: "b"},
		{line: `{"delete":"` + id + `"}`, kind: chat.KindDelete},
		{line: `{"react":"` + id + `","text":""}`, kind: chat.KindReaction},
		{line: `{"topic":"x"}`, kind: chat.KindTopic, text: "x"},
		{line: `{"read":"` + id + `"}`, err: `not a message object: a "read" cannot be sent`},
		{line: `{"delete":"#1"}`, err: "not a message object: a message ID has 64 hexadecimal digits"},
		{line: `{"text":"x","to":"y"}`, err: `not a message object: json: unknown field "to"`},
		{line: `{"text":"x"} {}`, err: "not a message object: something follows it on the line"},
		{line: `hello`, err: "not a message object: invalid character"},
		{line: `{"text":""}`, err: `not a message object: it needs a "text" that is not empty`},
		{line: "{\"text\":\"\xff\"}", err: "not a usable text: not valid UTF-8"},
	} {
		conv, body, err := ParseObject([]byte(c.line))
		switch {
		case c.err != "":
			if err == nil || !strings.HasPrefix(err.Error(), c.err) {
				t.Errorf("%s: %v, want %s", c.line, err, c.err)
			}
		case err != nil || conv != c.conv || body.Kind != c.kind || body.Text.Raw() != c.text || body.Kind.HasTarget() != (body.Target == idOf(1)):
			t.Errorf("%s is %q, %+v, %v", c.line, conv, body, err)
		}
	}
	// The screen has one conversation, and objects for it name none.
	if _, err := parseObject([]byte(`{"conversation":"lobby","text":"x"}`)); err == nil {
		t.Error("the screen takes a conversation")
	}
}
