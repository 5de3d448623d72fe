// Package tui is the face for a whole terminal: conversations, a timeline,
// members, and a line to write in.
//
// It knows the words of chat and one interface, Node, which it declares; Attach
// makes one of a client of package api, so it may run in a process that has no
// node, beside other faces. What those open and say is shown like the rest; what
// the person looks at is opened by this face too. Run owns the terminal until it returns, and
// then leaves it as it was, also after a panic.
//
// One goroutine, bubbletea's, owns the model: update.go routes what happens to
// one file per concern, view.go composes a frame. Neither ever waits: calls of
// Node run in goroutines of their own (tasks.go), end with Run, and come back as
// messages. A frame costs as much as the window has rows, whatever the history:
// the timeline holds at most maxWindow messages around what is shown, and wraps
// only those that are shown, once for each width.
//
// Words of others reach a frame through chat.Text or chat.SafeString alone, so
// all escape sequences in a frame are this package's own.
package tui
