package board

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/ui/web/assets"
)

// Limits on what one page shows; what is more is left out and counted.
const (
	MaxPeople = 5000
	MaxLinks  = 20000
	// MaxRooms and MaxAddrs are for each person.
	MaxRooms = 16
	MaxAddrs = 8
	// MaxName is how many characters of a name are shown.
	MaxName = 64
)

// A view is a snapshot made ready to be shown: bounded, in order, safe, and
// encoded when first asked for.
type view struct {
	counts   counts
	counters Counters
	people   []personJSON
	links    []linkJSON
	self     string
	names    map[chat.PeerID]string // the IDs of Self and those online as text, which is dear to make
	// peers and graph are the answers of /v1/peers and /v1/map.
	peers, graph func() *assets.Body
}

// counts are the live figures on top of the page.
type counts struct {
	Online  int `json:"online"`
	Seeds   int `json:"seeds"`
	Direct  int `json:"direct"`
	Relayed int `json:"relayed"`
	DHT     int `json:"dht"`
	// Hidden is how many people and connections are more than a page shows.
	Hidden int `json:"hidden,omitempty"`
}

type personJSON struct {
	Nick   string          `json:"nick"`
	Peer   string          `json:"peer"`
	Online bool            `json:"online"`
	Since  time.Time       `json:"since"`
	Seed   bool            `json:"seed"`
	Rooms  []chat.RoomName `json:"rooms"`
	Addrs  []string        `json:"addrs,omitempty"`
}

type linkJSON struct {
	A       string    `json:"a"`
	B       string    `json:"b"`
	Relayed bool      `json:"relayed"`
	RTT     float64   `json:"rtt_ms,omitempty"`
	Since   time.Time `json:"since"`
}

func newView(snap Snapshot, addrs bool) *view {
	v := &view{counters: snap.Counters, names: make(map[chat.PeerID]string, len(snap.People)+1)}
	if !snap.Self.IsZero() {
		v.self = snap.Self.String()
		v.names[snap.Self] = v.self
	}
	v.addPeople(snap.People, addrs)
	v.addLinks(snap.Links)
	v.counts.DHT = snap.Counters.DHT
	v.peers = sync.OnceValue(func() *assets.Body {
		return encode(struct {
			Self   string       `json:"self"`
			Counts counts       `json:"counts"`
			Peers  []personJSON `json:"peers"`
		}{v.self, v.counts, v.people})
	})
	v.graph = sync.OnceValue(func() *assets.Body { return encode(v.graphJSON()) })
	return v
}

// addPeople takes people in the order of their keys, so that equal snapshots
// make equal answers.
func (v *view) addPeople(people []Person, addrs bool) {
	people = slices.Clone(people)
	slices.SortStableFunc(people, func(a, b Person) int { return a.Peer.Compare(b.Peer) })
	people = slices.CompactFunc(people, func(a, b Person) bool { return a.Peer == b.Peer })
	for _, p := range people {
		if p.Online {
			v.counts.Online++
		}
		if p.Seed {
			v.counts.Seeds++
		}
	}
	if len(people) > MaxPeople {
		v.counts.Hidden += len(people) - MaxPeople
		people = people[:MaxPeople]
	}
	v.people = make([]personJSON, 0, len(people)) // never null in the answer
	for _, p := range people {
		shown := personOf(p, addrs)
		if p.Online {
			v.names[p.Peer] = shown.Peer
		}
		v.people = append(v.people, shown)
	}
}

func personOf(p Person, addrs bool) personJSON {
	out := personJSON{
		Nick: shownName(p.Nick), Peer: p.Peer.String(), Online: p.Online,
		Since: p.Since.UTC().Truncate(time.Second), Seed: p.Seed, Rooms: []chat.RoomName{},
	}
	out.Rooms = append(out.Rooms, p.Rooms[:min(len(p.Rooms), MaxRooms)]...)
	if addrs {
		for _, a := range p.Addrs[:min(len(p.Addrs), MaxAddrs)] {
			out.Addrs = append(out.Addrs, chat.SafeString(a))
		}
	}
	return out
}

// shownName is a stranger's name as it may be seen: on one line, bounded.
func shownName(name chat.Text) string {
	n := 0
	line := name.Line()
	for i := range line {
		if n++; n > MaxName {
			return line[:i] + "…"
		}
	}
	return line
}

func (v *view) addLinks(links []Link) {
	v.links = make([]linkJSON, 0, min(len(links), MaxLinks))
	for _, l := range links {
		a, b := v.names[l.A], v.names[l.B]
		if a == "" || b == "" || a == b {
			continue
		}
		if l.Relayed {
			v.counts.Relayed++
		} else {
			v.counts.Direct++
		}
		if len(v.links) == MaxLinks {
			v.counts.Hidden++
			continue
		}
		v.links = append(v.links, linkJSON{a, b, l.Relayed, rounded(l.RTT), l.Since.UTC().Truncate(time.Second)})
	}
	slices.SortFunc(v.links, func(a, b linkJSON) int { return cmp.Or(cmp.Compare(a.A, b.A), cmp.Compare(a.B, b.B)) })
}

// rounded is a round trip in milliseconds with two digits that count: more would
// make a new answer each second and tell nobody anything.
func rounded(rtt time.Duration) float64 {
	ms := float64(rtt) / float64(time.Millisecond)
	if ms <= 0 {
		return 0
	}
	scale := math.Pow(10, 1-math.Floor(math.Log10(ms)))
	return math.Round(ms*scale) / scale
}

// graphJSON is the answer of /v1/map. Its nodes are the people online, and the
// node that tells even if it is nobody's.
func (v *view) graphJSON() any {
	type node struct {
		Peer string `json:"peer"`
		Nick string `json:"nick"`
		Seed bool   `json:"seed"`
	}
	nodes := make([]node, 0, len(v.people)+1)
	known := v.self == ""
	for _, p := range v.people {
		if p.Online {
			known = known || p.Peer == v.self
			nodes = append(nodes, node{p.Peer, p.Nick, p.Seed})
		}
	}
	if !known {
		nodes = append(nodes, node{Peer: v.self, Seed: true})
	}
	return struct {
		Self  string     `json:"self"`
		Nodes []node     `json:"nodes"`
		Links []linkJSON `json:"links"`
	}{v.self, nodes, v.links}
}

// encode makes an answer of JSON, which can fail for no value of ours.
func encode(value any) *assets.Body {
	text, err := json.Marshal(value)
	if err != nil {
		text = []byte(`{}`)
	}
	return assets.NewBody("application/json", append(text, '\n'))
}
