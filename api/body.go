package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// These are the bodies of requests. Fields not named here are refused.
type (
	openBody struct {
		Room string `json:"room,omitempty"`
		// Peer is whom to talk to, and Addrs where it may be. At is a host:port
		// whose peer is not known.
		Peer  string   `json:"peer,omitempty"`
		Addrs []string `json:"addrs,omitempty"`
		At    string   `json:"at,omitempty"`
		// Invite says all of this.
		Invite string `json:"invite,omitempty"`
		// NewKey accepts that another peer than before answers there.
		NewKey bool `json:"new_key,omitempty"`
	}
	draftBody struct {
		Text    *string `json:"text,omitempty"`
		Action  bool    `json:"action,omitempty"`
		ReplyTo *string `json:"reply_to,omitempty"`
		Edit    *string `json:"edit,omitempty"`
		Delete  *string `json:"delete,omitempty"`
		React   *string `json:"react,omitempty"`
		Topic   *string `json:"topic,omitempty"`
		// Key is given back in the event.
		Key string `json:"key,omitempty"`
		// Wait is "accepted", which is the default, or "handed": then the answer does
		// not wait until the message is stored.
		Wait string `json:"wait,omitempty"`
	}
	readBody struct {
		Message chat.MessageID `json:"message"`
	}
	waitBody struct {
		// Wait is how long to wait at most, in milliseconds.
		Wait int64 `json:"wait_ms,omitempty"`
	}
	nameBody struct {
		Name string `json:"name"`
	}
	answerBody struct {
		Answer string `json:"answer"`
	}
	contactBody struct {
		Name     *string `json:"name,omitempty"`
		Verified *bool   `json:"verified,omitempty"`
		Blocked  *bool   `json:"blocked,omitempty"`
		Accepted *bool   `json:"accepted,omitempty"`
		Ignored  *bool   `json:"ignored,omitempty"`
	}
	diagnoseBody struct {
		Peer  string   `json:"peer,omitempty"`
		Addrs []string `json:"addrs,omitempty"`
		At    string   `json:"at,omitempty"`
		Wait  int64    `json:"wait_ms,omitempty"`
	}
)

const (
	waitAccepted = "accepted"
	waitHanded   = "handed"
	// maxWait is the longest time that a client can have a request wait.
	maxWait = 10 * time.Minute
	// maxGivenAddrs is how many addresses a request can name.
	maxGivenAddrs = 32
)

// parse reads a body; nothing is like {}.
func parse(b []byte, into any) error {
	if len(bytes.TrimSpace(b)) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return badRequest("the body: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return badRequest("the body: something follows the object")
	}
	return nil
}

// wait reads a number of milliseconds.
func (w waitBody) wait(otherwise time.Duration) (time.Duration, error) {
	switch d := time.Duration(w.Wait) * time.Millisecond; {
	case w.Wait == 0:
		return otherwise, nil
	case w.Wait < 0 || w.Wait > int64(maxWait/time.Millisecond):
		return 0, badRequest("wait_ms is 1 to %d", maxWait/time.Millisecond)
	default:
		return d, nil
	}
}

// body is what a draft says.
func (d draftBody) body() (chat.Body, error) {
	if len(d.Key) > MaxDraftKey {
		return chat.Body{}, badRequest("key has %d bytes, and at most %d are allowed", len(d.Key), MaxDraftKey)
	}
	if d.Wait != "" && d.Wait != waitAccepted && d.Wait != waitHanded {
		return chat.Body{}, badRequest(`wait is "accepted" or "handed"`)
	}
	kind, ref, err := d.kind()
	if err != nil {
		return chat.Body{}, err
	}
	if kind == chat.KindTopic {
		text, err := chat.NewText(*ref)
		if err != nil {
			return chat.Body{}, err
		}
		return chat.NewTopic(text)
	}
	var text chat.Text
	if d.Text != nil {
		if text, err = chat.NewText(*d.Text); err != nil {
			return chat.Body{}, err
		}
	}
	if ref == nil {
		b := chat.Body{Kind: kind, Text: text}
		return b, b.Check()
	}
	var target chat.MessageID
	if err := target.UnmarshalText([]byte(*ref)); err != nil {
		return chat.Body{}, badRequest("%w", err)
	}
	return bodyAbout(kind, target, text)
}

// kind finds out what a draft is, and what it is about.
func (d draftBody) kind() (kind chat.Kind, ref *string, err error) {
	kind = chat.KindText
	if d.Action {
		kind = chat.KindAction
	}
	for _, f := range []struct {
		ref  *string
		kind chat.Kind
	}{{d.ReplyTo, chat.KindReply}, {d.Edit, chat.KindEdit}, {d.Delete, chat.KindDelete}, {d.React, chat.KindReaction}, {d.Topic, chat.KindTopic}} {
		if f.ref == nil {
			continue
		}
		if ref != nil || d.Action {
			return 0, nil, badRequest(`only one of "action", "reply_to", "edit", "delete", "react" and "topic" can be there`)
		}
		kind, ref = f.kind, f.ref
	}
	bare := kind == chat.KindDelete || kind == chat.KindTopic
	switch {
	case bare && d.Text != nil:
		return 0, nil, badRequest(`a "delete" or a "topic" has no "text"`)
	case kind == chat.KindReaction && d.Text == nil:
		return 0, nil, badRequest(`it needs a "text", also if that is empty to take the reaction back`)
	case !bare && kind != chat.KindReaction && (d.Text == nil || *d.Text == ""):
		return 0, nil, badRequest(`it needs a "text" that is not empty`)
	}
	return kind, ref, nil
}

func bodyAbout(kind chat.Kind, target chat.MessageID, text chat.Text) (chat.Body, error) {
	switch kind {
	case chat.KindReply:
		return chat.NewReply(target, text)
	case chat.KindEdit:
		return chat.NewEdit(target, text)
	case chat.KindReaction:
		return chat.NewReaction(target, text)
	default:
		return chat.NewDelete(target)
	}
}

// draftOf is the inverse of body.
func draftOf(b chat.Body) (d draftBody, err error) {
	text, target := b.Text.Raw(), b.Target.String()
	switch b.Kind {
	case chat.KindText:
		d.Text = &text
	case chat.KindAction:
		d.Text, d.Action = &text, true
	case chat.KindReply:
		d.Text, d.ReplyTo = &text, &target
	case chat.KindEdit:
		d.Text, d.Edit = &text, &target
	case chat.KindDelete:
		d.Delete = &target
	case chat.KindReaction:
		d.Text, d.React = &text, &target
	case chat.KindTopic:
		d.Topic = &text
	default:
		err = badRequest("a message of kind %d cannot be sent", b.Kind)
	}
	return d, err
}
