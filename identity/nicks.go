package identity

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

const (
	nicksFile = "nicks.json"
	// maxNicks is how many peers' nicks are remembered; the last heard are kept.
	maxNicks = 4_000
	// maxNicksFile is the most bytes of nicks.json that are read: more than
	// maxNicks of the longest need.
	maxNicksFile = 2 << 20
	// heardEvery is how exactly it is kept when a peer was heard: else a busy room
	// would have the file written again and again.
	heardEvery = time.Hour
)

// Nicks are what peers called themselves when they were last heard: nicks.json, a
// cache, so that what they wrote can be shown with it when they are gone. Methods
// may be called by several goroutines; a damaged file is begun anew.
type Nicks struct {
	folder *Folder

	// mu guards all below; nothing waits while it is locked.
	mu      sync.Mutex
	list    map[chat.PeerID]nickData
	changed bool
}

// Nicks opens the folder's nicks. A file that cannot be understood counts as
// none; the error is that of a file that cannot be read.
func (f *Folder) Nicks() (*Nicks, error) {
	list, err := loadNicks(f)
	if err != nil {
		return nil, err
	}
	return &Nicks{folder: f, list: list}, nil
}

// Of is the nick that p was last heard with, if any.
func (n *Nicks) Of(p chat.PeerID) chat.Text {
	n.mu.Lock()
	defer n.mu.Unlock()
	nick, err := chat.NewNick(n.list[p].Nick)
	if err != nil {
		return chat.Text{}
	}
	return nick
}

// Note remembers the nick of a peer that was heard, and when, to the hour. What
// chat.NewNick would refuse is not remembered. It touches no disk: see Save.
func (n *Nicks) Note(p chat.PeerID, nick chat.Text, at time.Time) {
	if p.IsZero() || checkNick(nick.Raw()) != nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	d := nickData{p, nick.Raw(), at.UTC().Truncate(heardEvery)}
	if n.list[p] == d {
		return
	}
	n.list[p], n.changed = d, true
	if len(n.list) > 2*maxNicks {
		n.list = newestNicks(n.list)
	}
}

// Save writes what was noted since the last time, if anything.
func (n *Nicks) Save() error {
	n.mu.Lock()
	if !n.changed {
		n.mu.Unlock()
		return nil
	}
	n.changed = false
	n.list = newestNicks(n.list)
	file := nicksData{Version: fileVersion}
	for _, d := range n.list {
		file.Nicks = append(file.Nicks, d)
	}
	n.mu.Unlock()
	slices.SortFunc(file.Nicks, compareNicks)
	data, err := encodeJSON(file)
	if err == nil {
		err = n.folder.WriteFile(nicksFile, data)
	}
	if err != nil {
		n.mu.Lock()
		n.changed = true
		n.mu.Unlock()
		return fmt.Errorf("save nicks: %w", err)
	}
	return nil
}

// newestNicks are the maxNicks that were heard last.
func newestNicks(all map[chat.PeerID]nickData) map[chat.PeerID]nickData {
	var list []nickData
	for _, d := range all {
		list = append(list, d)
	}
	slices.SortFunc(list, compareNicks)
	list = list[:min(len(list), maxNicks)]
	kept := make(map[chat.PeerID]nickData, len(list))
	for _, d := range list {
		kept[d.Peer] = d
	}
	return kept
}

// compareNicks puts the last heard first.
func compareNicks(a, b nickData) int {
	if c := b.Heard.Compare(a.Heard); c != 0 {
		return c
	}
	return a.Peer.Compare(b.Peer)
}

// The file's form.
type (
	nicksData struct {
		Version int        `json:"version"`
		Nicks   []nickData `json:"nicks"`
	}
	nickData struct {
		Peer  chat.PeerID `json:"peer"`
		Nick  string      `json:"nick"`
		Heard time.Time   `json:"heard"`
	}
)

func loadNicks(f *Folder) (map[chat.PeerID]nickData, error) {
	list, _, err := load(f, nicksFile, maxNicksFile, decodeNicks)
	if errors.Is(err, ErrDamaged) || errors.Is(err, ErrNewer) {
		list, err = nil, nil // they come again with the next beacons
	}
	if list == nil {
		list = make(map[chat.PeerID]nickData)
	}
	return list, err
}

// decodeNicks reads nicks.json, and leaves out what makes no sense.
func decodeNicks(data []byte) (map[chat.PeerID]nickData, error) {
	var file nicksData
	if err := decodeJSON(data, &file); err != nil {
		return nil, err
	}
	list := make(map[chat.PeerID]nickData, len(file.Nicks))
	for _, d := range file.Nicks {
		if !d.Peer.IsZero() && checkNick(d.Nick) == nil {
			d.Heard = d.Heard.UTC()
			list[d.Peer] = d
		}
	}
	return newestNicks(list), nil
}
