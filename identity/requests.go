package identity

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	requestsFile = "requests.json"
	// maxRequests is how many requests are open at once; beyond, the oldest is
	// dropped. The messages themselves stay in the history.
	maxRequests = 100
	// maxFirstWords is how much of a stranger's first message is kept, in bytes.
	maxFirstWords = 200
	// maxRequestCount is where the count of a stranger's messages stops.
	maxRequestCount = 1_000_000
	// maxRequestsFile is the most bytes of requests.json that are read: more than
	// maxRequests of the longest need.
	maxRequestsFile = 256 << 10
)

// A Request is a peer of whom the user said nothing yet, and who wrote first.
type Request struct {
	Peer chat.PeerID
	// Nick is what the peer calls itself, if anything.
	Nick chat.Text
	// First and Last are when it wrote, to the second.
	First, Last time.Time
	// Count is how many messages it wrote.
	Count int
	// Text is the first words of the first message, safe on one line, at most 200
	// bytes.
	Text chat.Text
}

// Requests are the open requests: requests.json. As with Contacts, all methods
// may be called by several goroutines and processes; each change is made on what
// is in the file at that time, and each answer heeds the file as it is. Only
// peers who are StandingUnknown have requests, whoever says something about them.
type Requests struct {
	folder   *Folder
	contacts *Contacts
}

// Requests opens the folder's requests. The error wraps ErrDamaged or ErrNewer.
func (f *Folder) Requests() (*Requests, error) {
	contacts, err := f.Contacts()
	if err != nil {
		return nil, err
	}
	r := &Requests{f, contacts}
	if _, err := r.load(); err != nil {
		return nil, err
	}
	return r, nil
}

// Note counts one message of p, and tells whether it is p's first. The nick last
// noted and the first message's text are kept. Of a peer who is not
// StandingUnknown nothing is noted. Each Note that changes something waits for the disk.
func (r *Requests) Note(p chat.PeerID, nick, text chat.Text, at time.Time) (first bool, err error) {
	if p.IsZero() {
		return false, fmt.Errorf("%w: it is empty", chat.ErrBadPeerID)
	}
	if r.contacts.Standing(p) != StandingUnknown {
		return false, nil
	}
	err = r.change(func(list []Request) []Request {
		list, first = noteRequest(list, Request{p, nick, at, at, 1, text})
		return list
	})
	return first && err == nil, err
}

// List returns the open requests, the newest first.
func (r *Requests) List() ([]Request, error) {
	list, err := r.load()
	return r.open(list), err
}

// Remove closes the request of p, if there is one.
func (r *Requests) Remove(p chat.PeerID) error {
	return r.change(func(list []Request) []Request {
		return slices.DeleteFunc(list, func(q Request) bool { return q.Peer == p })
	})
}

// open drops those about whom the user said something meanwhile.
func (r *Requests) open(list []Request) []Request {
	return slices.DeleteFunc(list, func(q Request) bool { return r.contacts.Standing(q.Peer) != StandingUnknown })
}

func (r *Requests) load() ([]Request, error) {
	list, _, err := load(r.folder, requestsFile, maxRequestsFile, decodeRequests)
	return list, err
}

// change lets decide change the requests in the file, and writes them.
func (r *Requests) change(decide func([]Request) []Request) error {
	return r.folder.edit(func() error {
		old, err := r.load()
		if err != nil {
			return err
		}
		list := tidyRequests(decide(r.open(slices.Clone(old))))
		if slices.Equal(list, old) {
			return nil
		}
		data, err := encodeRequests(list)
		if err != nil {
			return err
		}
		return r.folder.replace(requestsFile, data)
	})
}

// noteRequest adds what q says to the request of its peer, or begins one.
func noteRequest(list []Request, q Request) (_ []Request, first bool) {
	i := slices.IndexFunc(list, func(k Request) bool { return k.Peer == q.Peer })
	if i < 0 {
		return append(list, q), true
	}
	k := &list[i]
	k.Count += q.Count
	if q.Last.After(k.Last) {
		k.Last = q.Last
	}
	if !q.Nick.Empty() {
		k.Nick = q.Nick
	}
	return list, false
}

// tidyRequests puts a list into the form that is kept: each field within its
// limits, the newest first, the oldest dropped.
func tidyRequests(list []Request) []Request {
	for i := range list {
		q := &list[i]
		q.First, q.Last = q.First.UTC().Truncate(time.Second), q.Last.UTC().Truncate(time.Second)
		if q.Last.Before(q.First) {
			q.Last = q.First
		}
		q.Count = min(max(q.Count, 1), maxRequestCount)
		q.Nick, q.Text = tidyNick(q.Nick), firstWords(q.Text)
	}
	slices.SortStableFunc(list, func(a, b Request) int {
		return cmp.Or(b.First.Compare(a.First), a.Peer.Compare(b.Peer))
	})
	return slices.Clip(list[:min(len(list), maxRequests)])
}

// tidyNick is the nick, or none if chat.NewNick would refuse it.
func tidyNick(nick chat.Text) chat.Text {
	if err := checkNick(nick.Raw()); err != nil {
		return chat.Text{}
	}
	return nick
}

// firstWords is the beginning of a text as one safe line. The file is looked at
// by people, so not even there is a stranger's text as it came.
func firstWords(t chat.Text) chat.Text {
	s := t.Line()
	if len(s) > maxFirstWords {
		const dots = "…"
		s = chat.SafeString(strings.ToValidUTF8(s[:maxFirstWords-len(dots)], "")) + dots // without half an emoji
	}
	words, err := chat.NewText(s)
	if err != nil {
		return chat.Text{}
	}
	return words
}

// The file's form.
type (
	requestsData struct {
		Version  int           `json:"version"`
		Requests []requestData `json:"requests"`
	}
	requestData struct {
		Peer  chat.PeerID `json:"peer"`
		Nick  string      `json:"nick,omitzero"`
		First time.Time   `json:"first"`
		Last  time.Time   `json:"last"`
		Count int         `json:"count"`
		Text  string      `json:"text,omitzero"`
	}
)

func encodeRequests(list []Request) ([]byte, error) {
	file := requestsData{Version: fileVersion, Requests: make([]requestData, 0, len(list))}
	for _, q := range list {
		file.Requests = append(file.Requests, requestData{q.Peer, q.Nick.Raw(), q.First, q.Last, q.Count, q.Text.Raw()})
	}
	return encodeJSON(file)
}

// decodeRequests reads requests.json; tidyRequests applies the limits.
func decodeRequests(data []byte) ([]Request, error) {
	var file requestsData
	if err := decodeJSON(data, &file); err != nil {
		return nil, err
	}
	list := make([]Request, 0, len(file.Requests))
	peers := make(map[chat.PeerID]bool, len(file.Requests))
	for i, d := range file.Requests {
		switch {
		case d.Peer.IsZero():
			return nil, fmt.Errorf("request %d has no peer ID", i+1)
		case peers[d.Peer]:
			return nil, fmt.Errorf("%s is in it twice", d.Peer)
		}
		peers[d.Peer] = true
		nick, err1 := chat.NewText(d.Nick)
		text, err2 := chat.NewText(d.Text)
		if err := cmp.Or(err1, err2); err != nil {
			return nil, err
		}
		list = append(list, Request{d.Peer, nick, d.First, d.Last, d.Count, text})
	}
	return tidyRequests(list), nil
}
