package chat

import (
	"slices"
)

// A Post is a message as its author sent it, in its place.
type Post struct {
	Place
	Author PeerID
	Body   Body
}

// A Shown is a message as all others have left it.
type Shown struct {
	// Post is the message itself. The text of its body is the newest one, and
	// empty if it is deleted.
	Post
	// Edited is set if the text is not the first one.
	Edited bool
	// Deleted is set if the author has taken the message back.
	Deleted bool
	// Reactions are in the order of the oldest of each, as are the authors.
	Reactions []Reaction
}

// A Timeline says how a conversation's messages are to be shown after the edits,
// deletions, reactions and topics in it (PROTOCOL.md, section 4). In which order
// they are added makes no difference, nor does adding one twice. Each keeps at
// most one entry, and none costs more than a few look-ups. The zero value is
// empty and ready; it is not for several goroutines at once.
type Timeline struct {
	posts map[MessageID]*state
	topic Post
}

// A state is what is known about one message, which itself may not be here yet.
type state struct {
	here bool
	post Post
	// changes are the newest edit or deletion by each author, or, once the
	// message is here, by its own only.
	changes map[PeerID]Post
	// reactions are the newest by each author, also those that take one back.
	reactions map[PeerID]Post
}

// Add applies a message. Its body must pass Check.
func (t *Timeline) Add(p Post) {
	switch p.Body.Kind {
	case KindEdit, KindDelete:
		s := t.about(p.Body.Target)
		if !s.here || s.changedBy(p.Author) {
			newest(&s.changes, p)
		}
	case KindReaction:
		s := t.about(p.Body.Target)
		if !s.here || s.post.Body.Kind.IsText() {
			newest(&s.reactions, p)
		}
	case KindTopic:
		if t.topic.Body.Kind == 0 || t.topic.Compare(p.Place) < 0 {
			t.topic = p
		}
	}
	t.about(p.ID).arrive(p)
}

// about is the state of message id.
func (t *Timeline) about(id MessageID) *state {
	s := t.posts[id]
	if s == nil {
		if t.posts == nil {
			t.posts = make(map[MessageID]*state)
		}
		s = new(state)
		t.posts[id] = s
	}
	return s
}

// arrive takes the message itself, and drops what others had no right to.
func (s *state) arrive(p Post) {
	s.here, s.post = true, p
	for author := range s.changes {
		if !s.changedBy(author) {
			delete(s.changes, author)
		}
	}
	if !p.Body.Kind.IsText() {
		s.reactions = nil
	}
}

// changedBy reports whether p may edit and delete the message, which is here.
func (s *state) changedBy(p PeerID) bool {
	return s.post.Author == p && s.post.Body.Kind.IsText()
}

// newest keeps p if its author has nothing newer among posts.
func newest(posts *map[PeerID]Post, p Post) {
	old, ok := (*posts)[p.Author]
	if ok && old.Compare(p.Place) >= 0 {
		return
	}
	if *posts == nil {
		*posts = make(map[PeerID]Post)
	}
	(*posts)[p.Author] = p
}

// Shown returns how message id is to be shown, and false while it is not here.
// Messages whose kind is not IsText are shown as they are.
func (t *Timeline) Shown(id MessageID) (Shown, bool) {
	s := t.posts[id]
	if s == nil || !s.here {
		return Shown{}, false
	}
	out := Shown{Post: s.post}
	if change, ok := s.changes[s.post.Author]; ok {
		out.Body.Text = change.Body.Text
		out.Edited = change.Body.Kind == KindEdit
		out.Deleted = change.Body.Kind == KindDelete
	}
	if !out.Deleted {
		out.Reactions = gather(s.reactions)
	}
	return out, true
}

// gather puts equal reactions together.
func gather(byAuthor map[PeerID]Post) (all []Reaction) {
	var posts []Post
	for _, p := range byAuthor {
		if !p.Body.Text.Empty() {
			posts = append(posts, p)
		}
	}
	slices.SortFunc(posts, func(a, b Post) int { return a.Compare(b.Place) })
	index := make(map[Text]int)
	for _, p := range posts {
		i, ok := index[p.Body.Text]
		if !ok {
			i = len(all)
			index[p.Body.Text] = i
			all = append(all, Reaction{Text: p.Body.Text})
		}
		all[i].By = append(all[i].By, p.Author)
	}
	return all
}

// Topic returns the message that set the topic, and false if there is none or it
// was cleared.
func (t *Timeline) Topic() (Post, bool) {
	return t.topic, !t.topic.Body.Text.Empty()
}
