package api

import "bytes"

// An sseEvent is one event of a stream, as its bytes say (server-sent events, in
// the HTML standard).
type sseEvent struct {
	id, name string
	data     []byte
}

// field takes one line of a stream, without its end, and reports whether it was
// the empty one that ends an event.
func (e *sseEvent) field(line []byte) (whole bool) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "":
		return len(line) == 0 // or it is a comment
	case "id":
		e.id = string(value)
	case "event":
		e.name = string(value)
	case "data":
		e.data = append(e.data, value...)
	}
	return false
}
