package line

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/p2pchat/p2pchat/chat"
)

// A command is what one line asks for.
type command struct {
	verb string // "say", "who", "nick", "topic", "read", "net", "help", "" for an empty line
	arg  string
	body chat.Body
	// ref names the message that body is about, for the kinds that need one; see
	// recall.pick.
	ref string
}

// parse reads a line as a person writes it, or, if objects is set, as a
// program does: {"text": "..."}.
func parse(line []byte, objects bool) (command, error) {
	if !utf8.Valid(line) {
		return command{}, fmt.Errorf("%w: not valid UTF-8", chat.ErrBadText)
	}
	s := string(line)
	if objects && strings.HasPrefix(s, "{") {
		return parseObject(line)
	}
	switch {
	case strings.TrimSpace(s) == "":
		return command{}, nil
	case strings.TrimRight(s, " \t") == "exit":
		return command{}, errQuit
	case strings.HasPrefix(s, "//"):
		return say(chat.KindText, s[1:])
	case strings.HasPrefix(s, "/"):
		verb, arg, _ := strings.Cut(s[1:], " ")
		return parseCommand(strings.TrimSpace(verb), strings.TrimSpace(arg))
	}
	return say(chat.KindText, s)
}

// parseCommand reads a line that began with a slash.
func parseCommand(verb, arg string) (command, error) {
	switch verb {
	case "quit", "exit":
		return command{}, errQuit
	case "who", "net", "help":
		return command{verb: verb}, nil
	case "reply", "edit", "del", "react":
		return parseAbout(verb, arg)
	case "topic":
		if arg == "" {
			return command{verb: verb}, nil
		}
		return newTopic(unlessNone(arg))
	case "me":
		if arg == "" {
			return command{}, errors.New("/me needs words, as in /me waves")
		}
		return say(chat.KindAction, arg)
	case "nick":
		if arg == "" {
			return command{}, errors.New("/nick needs a name, as in /nick alice")
		}
		return command{verb: verb, arg: arg}, nil
	}
	const shown = 20 // bytes: a path pasted by mistake needs no more to be known again
	if len(verb) > shown {
		verb = strings.ToValidUTF8(verb[:shown], "") + "..."
	}
	return command{}, fmt.Errorf("unknown command /%s (hint: /help lists the commands; a second slash before it sends it as text)", verb)
}

func say(kind chat.Kind, s string) (command, error) {
	t, err := newText(s)
	return command{verb: "say", body: chat.Body{Kind: kind, Text: t}}, err
}

func newText(s string) (chat.Text, error) {
	if len(s) > chat.MaxText {
		return chat.Text{}, tooLong(len(s))
	}
	return chat.NewText(s)
}

// none stands for a text that is empty: it takes back or clears.
const none = "-"

func unlessNone(arg string) string {
	if arg == none {
		return ""
	}
	return arg
}

// parseAbout reads a command about another message, which may be named first.
func parseAbout(verb, arg string) (command, error) {
	ref, text, _ := strings.Cut(arg, " ")
	if !isRef(ref) {
		ref, text = "", arg
	}
	text = strings.TrimSpace(text)
	switch {
	case verb == "del" && text != "":
		return command{}, errors.New("/del needs nothing, or a message, as in /del #2 (hint: /help says how messages are named)")
	case verb == "del":
		return about(chat.KindDelete, ref, "")
	case verb == "react" && text == "":
		return command{}, errors.New("/react needs an emoji, as in /react 👍, or - to take it back")
	case verb == "react":
		return about(chat.KindReaction, ref, unlessNone(text))
	case text == "":
		return command{}, fmt.Errorf("/%s needs words, as in /%s so it is", verb, verb)
	case verb == "edit":
		return about(chat.KindEdit, ref, text)
	default:
		return about(chat.KindReply, ref, text)
	}
}

// about makes a command of a message about another one, and refuses what would
// be refused of any.
func about(kind chat.Kind, ref, s string) (command, error) {
	t, err := newText(s)
	if err != nil {
		return command{}, err
	}
	c := command{verb: "say", body: chat.Body{Kind: kind, Text: t}, ref: ref}
	_, err = c.resolve(chat.MessageID{1})
	return c, err
}

// resolve is the body about target.
func (c command) resolve(target chat.MessageID) (chat.Body, error) {
	switch c.body.Kind {
	case chat.KindReply:
		return chat.NewReply(target, c.body.Text)
	case chat.KindEdit:
		return chat.NewEdit(target, c.body.Text)
	case chat.KindDelete:
		return chat.NewDelete(target)
	case chat.KindReaction:
		return chat.NewReaction(target, c.body.Text)
	default:
		return c.body, nil
	}
}

func newTopic(s string) (command, error) {
	t, err := newText(s)
	if err != nil {
		return command{}, err
	}
	body, err := chat.NewTopic(t)
	return command{verb: "say", body: body}, err
}

func help() []string {
	return []string{
		"each line is a message; //text sends /text",
		"/me WORDS   say what you do        /who   who is here",
		"/nick NAME  change your name       /net   how you are connected",
		"/quit  or exit: leave",
		"/reply [MSG] WORDS  answer         /react [MSG] EMOJI  or - to take it back",
		"/edit [MSG] WORDS   change yours   /del [MSG]  take yours back",
		"/topic [WORDS]      show or set what the room is about; - clears it",
		"MSG is #2 for the last but one, or 6 or more digits of an ID; else it is the last:",
		"of yours to edit and delete, of others to answer and react",
	}
}
