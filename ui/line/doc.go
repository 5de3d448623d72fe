// Package line is the face for pipes, scripts and plain terminals: each line of
// input is a message, each message of others is a line of output, and what
// concerns the state of things goes to a second stream, as netcat does it. With
// JSON, one object a line says everything (see json.go). Tail is the smaller face
// that only shows messages, of any number of conversations.
//
// The node has other faces, and its events are about all of them: what this one
// shows, see focus.go; that nothing is shown twice, or missed unnoticed, shown.go and
// missed.go; that only what was said here counts at the end, tally.go.
//
// It knows the node only through two small interfaces, Chat and Events. Run has
// one goroutine that shows events, one that reads the input, and talks in the
// caller's; a screen that is slow never holds up the node, nor a message on its
// way out the screen.
package line
