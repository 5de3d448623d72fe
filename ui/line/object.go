package line

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/p2pchat/p2pchat/chat"
)

// An inputObject is a line of input that a program wrote (README.md, "For
// scripts"): a text, also with reply_to, or one of the others.
type inputObject struct {
	Text    *string `json:"text"`
	ReplyTo *string `json:"reply_to"`
	Edit    *string `json:"edit"`
	Delete  *string `json:"delete"`
	React   *string `json:"react"`
	Topic   *string `json:"topic"`
	Read    *string `json:"read"`
}

// ParseObject reads an object that a program wrote to be sent outside of any screen:
// one of those that the line face reads, but for "read", and with the
// "conversation" it is for, or "" if it names none. A message is named by its whole
// ID.
func ParseObject(line []byte) (conv string, body chat.Body, err error) {
	var o struct {
		Conversation string `json:"conversation"`
		inputObject
	}
	if err := decodeObject(line, &o); err != nil {
		return "", body, err
	}
	if o.Read != nil {
		return "", body, errors.New(`not a message object: a "read" cannot be sent`)
	}
	c, err := o.command()
	if err != nil || !c.body.Kind.HasTarget() {
		return o.Conversation, c.body, err
	}
	var target chat.MessageID
	if err := target.UnmarshalText([]byte(c.ref)); err != nil {
		return "", body, fmt.Errorf("not a message object: %w", err)
	}
	body, err = c.resolve(target)
	return o.Conversation, body, err
}

// parseObject reads a message that a program wrote. Its text is never a
// command.
func parseObject(line []byte) (command, error) {
	var o inputObject
	if err := decodeObject(line, &o); err != nil {
		return command{}, err
	}
	return o.command()
}

func decodeObject(line []byte, into any) error {
	if !utf8.Valid(line) {
		return fmt.Errorf("%w: not valid UTF-8", chat.ErrBadText)
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("not a message object: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("not a message object: something follows it on the line")
	}
	return nil
}

// command is what an object asks for.
func (o inputObject) command() (command, error) {
	if o.Read != nil {
		return parseRead(o)
	}
	kind, ref := chat.KindText, (*string)(nil)
	for _, field := range []struct {
		ref  *string
		kind chat.Kind
	}{{o.ReplyTo, chat.KindReply}, {o.Edit, chat.KindEdit}, {o.Delete, chat.KindDelete}, {o.React, chat.KindReaction}, {o.Topic, chat.KindTopic}} {
		if field.ref == nil {
			continue
		}
		if ref != nil {
			return command{}, errors.New(`not a message object: only one of "reply_to", "edit", "delete", "react" and "topic" can be in it`)
		}
		kind, ref = field.kind, field.ref
	}
	bare := kind == chat.KindDelete || kind == chat.KindTopic
	switch {
	case bare && o.Text != nil:
		return command{}, errors.New(`not a message object: a "delete" or a "topic" has no "text"`)
	case kind == chat.KindReaction && o.Text == nil:
		return command{}, errors.New(`not a message object: it needs a "text", also if that is empty to take the reaction back`)
	case !bare && kind != chat.KindReaction && (o.Text == nil || *o.Text == ""):
		return command{}, errors.New(`not a message object: it needs a "text" that is not empty`)
	case kind == chat.KindTopic:
		return newTopic(*o.Topic)
	case kind == chat.KindText:
		return say(kind, *o.Text)
	case !isRef(*ref):
		return command{}, errors.New("not a message object: a message is named by its ID")
	case kind == chat.KindDelete:
		return about(kind, *ref, "")
	default:
		return about(kind, *ref, *o.Text)
	}
}

// parseRead reads up to which message a person has read.
func parseRead(o inputObject) (command, error) {
	if o != (inputObject{Read: o.Read}) {
		return command{}, errors.New(`not a message object: beside a "read" nothing can be in it`)
	}
	if !isRef(*o.Read) {
		return command{}, errors.New("not a message object: a message is named by its ID")
	}
	return command{verb: "read", ref: *o.Read}, nil
}
