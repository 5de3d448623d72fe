package wire

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/p2pchat/p2pchat/chat"
)

// The data of a body is, by its kind (PROTOCOL.md, section 4):
//
//	text, action, topic    UTF-8
//	reply, edit, reaction  32 bytes of target, then UTF-8
//	delete                 32 bytes of target
//	any other              not looked into
//
// There is nothing between, and nothing stands in two ways.

// bodyData is the wire form of a body that passes Check.
func bodyData(b chat.Body) []byte {
	switch {
	case !b.Kind.Known():
		return b.Data
	case b.Kind.HasTarget():
		return append(bytes.Clone(b.Target[:]), b.Text.Raw()...)
	default:
		return []byte(b.Text.Raw())
	}
}

// parseBody is the inverse of bodyData, for a stranger's bytes.
func parseBody(kind chat.Kind, data []byte) (chat.Body, error) {
	b := chat.Body{Kind: kind}
	if !kind.Known() {
		b.Data = data
		return b, b.Check()
	}
	if kind.HasTarget() {
		n := copy(b.Target[:], data)
		if n < len(b.Target) {
			return b, fmt.Errorf("%w: a message of kind %d with %d bytes", chat.ErrMalformed, kind, n)
		}
		data = data[n:]
	}
	if !utf8.Valid(data) {
		return b, fmt.Errorf("%w: a text that is not UTF-8", chat.ErrMalformed)
	}
	var err error
	if b.Text, err = chat.NewText(string(data)); err != nil {
		return b, err
	}
	return b, b.Check()
}
