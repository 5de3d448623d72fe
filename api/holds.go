package api

import (
	"sync"

	"github.com/p2pchat/p2pchat/chat"
)

// nobody is the face of who does not say which it is: what it opens stays open
// until somebody leaves without a face too.
const nobody = ""

// holds says which face has which conversation open, so that one face that
// leaves does not take the room from the others.
type holds struct {
	mu sync.Mutex
	by map[chat.Conversation]map[string]bool
}

// open notes that a face has a conversation open, and reports whether it is the
// first.
func (h *holds) open(conv chat.Conversation, face string) (first bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.by == nil {
		h.by = make(map[chat.Conversation]map[string]bool)
	}
	faces := h.by[conv]
	if faces == nil {
		faces = make(map[string]bool)
		h.by[conv] = faces
	}
	first = len(faces) == 0
	faces[face] = true
	return first
}

// leave notes that a face has not, and reports whether none has any more. Who
// does not say which face it is leaves for all.
func (h *holds) leave(conv chat.Conversation, face string) (last bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.leaveLocked(conv, face)
}

func (h *holds) leaveLocked(conv chat.Conversation, face string) (last bool) {
	faces := h.by[conv]
	delete(faces, face)
	if face != nobody && len(faces) > 0 {
		return false
	}
	delete(h.by, conv)
	return true
}

// has reports whether a face has anything open.
func (h *holds) has(face string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, faces := range h.by {
		if faces[face] {
			return true
		}
	}
	return false
}

// gone notes that a face has ended, and returns what nobody has open any more.
func (h *holds) gone(face string) (left []chat.Conversation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for conv, faces := range h.by {
		if faces[face] && h.leaveLocked(conv, face) {
			left = append(left, conv)
		}
	}
	return left
}

// all are the conversations that are open.
func (h *holds) all() map[chat.Conversation]bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make(map[chat.Conversation]bool, len(h.by))
	for conv := range h.by {
		out[conv] = true
	}
	return out
}
