package api

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"go.uber.org/goleak"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/node"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// within bounds every wait of these tests.
const within = 20 * time.Second

// peerN is a peer ID for tests.
func peerN(n int) chat.PeerID {
	seed := sha256.Sum256(fmt.Appendf(nil, "api test %d", n))
	p, err := chat.PeerIDFromKey(ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
	if err != nil {
		panic(err)
	}
	return p
}

func text(t testing.TB, s string) chat.Text {
	t.Helper()
	x, err := chat.NewText(s)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// A fakeNode is a Node and its Events: what is said is stored and comes back.
type fakeNode struct {
	self chat.PeerID
	log  *history.Memory
	// refuse has drafts not stored, silent has nothing become of them.
	refuse string
	silent bool
	dead   bool // as silent, from one moment on
	left   int

	mu     sync.Mutex
	open   map[chat.Conversation]int
	name   chat.Text
	read   []chat.MessageID
	said   int
	addrs  []peer.AddrInfo
	queue  []chat.Event
	wake   chan struct{}
	chains chat.Chain
	last   map[chat.Conversation]chat.SegmentID
	clock  chat.Time
}

func newFake() *fakeNode {
	self := peerN(0)
	f := &fakeNode{
		self: self, log: history.NewMemory(history.Config{Self: self}), open: make(map[chat.Conversation]int),
		wake: make(chan struct{}, 1), last: make(map[chat.Conversation]chat.SegmentID),
	}
	f.happen(chat.Ready{Peer: self, Addrs: f.Addrs()})
	return f
}

func (f *fakeNode) Self() chat.PeerID { return f.self }

func (f *fakeNode) Addrs() []string {
	return []string{"/ip4/127.0.0.1/tcp/4001/p2p/" + f.self.String()}
}

func (f *fakeNode) Name(p chat.PeerID) chat.Text {
	if p == f.self {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.name
	}
	t, _ := chat.NewText("peer " + p.Short())
	return t
}

func (f *fakeNode) SetName(name chat.Text) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.name = name
}

func (f *fakeNode) Join(ctx context.Context, room chat.RoomName) error {
	return f.opens(ctx, chat.InRoom(room))
}

func (f *fakeNode) Dial(ctx context.Context, p chat.PeerID) error { return f.opens(ctx, chat.With(p)) }

func (f *fakeNode) opens(ctx context.Context, conv chat.Conversation) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open[conv]++
	return f.log.Name(ctx, conv)
}

func (f *fakeNode) Leave(_ context.Context, conv chat.Conversation) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.open, conv)
	return nil
}

func (f *fakeNode) opened(conv chat.Conversation) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open[conv]
}

func (f *fakeNode) Say(_ context.Context, conv chat.Conversation, d chat.Draft) error {
	f.mu.Lock()
	isOpen, dead := f.open[conv] > 0, f.dead
	f.mu.Unlock()
	switch {
	case dead:
	case !isOpen:
		return fmt.Errorf("say in %s: %w", conv, chat.ErrNotFound)
	case f.silent:
	case f.refuse != "":
		f.happen(chat.Refused{Conversation: conv, Key: d.Key, Reason: f.refuse})
	default:
		if m := f.write(conv, f.self, d); m.Author == f.self {
			f.happen(m)
		}
	}
	return nil
}

// write stores a message of an author, and returns its event.
func (f *fakeNode) write(conv chat.Conversation, author chat.PeerID, d chat.Draft) chat.Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead {
		return chat.Message{}
	}
	f.said++
	f.clock = chat.TimeOf(time.Now()).After(f.clock)
	s := &chat.Segment{
		Author: author, Conversation: conv.ID(f.self), Chain: f.chains, Seq: uint64(f.said), Time: f.clock, Bodies: []chat.Body{d.Body},
		Envelope: fmt.Appendf(nil, "envelope %d", f.said),
	}
	binary.BigEndian.PutUint64(s.ID[:], uint64(f.said))
	s.ID = sha256.Sum256(s.ID[:])
	store := f.log.Append
	if author == f.self {
		store = f.log.AppendOwn
	}
	if _, err := store(context.Background(), s); err != nil {
		panic(err)
	}
	return chat.Message{
		Conversation: conv, ID: s.MessageID(0), Author: author, Time: s.Time.Wall(), Clock: s.Time, Kind: d.Body.Kind,
		Target: d.Body.Target, Text: d.Body.Text, Mine: author == f.self, Key: d.Key,
	}
}

// hear has somebody else say something.
func (f *fakeNode) hear(t testing.TB, conv chat.Conversation, from int, words string) chat.Message {
	t.Helper()
	m := f.write(conv, peerN(from), chat.Draft{Body: chat.Body{Kind: chat.KindText, Text: text(t, words)}})
	f.happen(m)
	return m
}

// asked is what was marked as read, and where peers were said to be.
func (f *fakeNode) asked() (read []chat.MessageID, addrs []peer.AddrInfo) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.read, f.addrs
}

func (f *fakeNode) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.said
}

func (f *fakeNode) Settle(ctx context.Context, _ chat.Conversation) (int, error) {
	if f.left == 0 {
		return 0, nil
	}
	<-ctx.Done()
	return f.left, ctx.Err()
}

func (f *fakeNode) Members(_ context.Context, conv chat.Conversation) ([]chat.Member, error) {
	if !conv.IsPresence() && f.opened(conv) == 0 {
		return nil, fmt.Errorf("members of %s: %w", conv, chat.ErrNotFound)
	}
	return []chat.Member{{Conversation: conv, Peer: peerN(1), Nick: f.Name(peerN(1)), Online: true, Since: time.UnixMilli(1e12)}}, nil
}

func (f *fakeNode) MarkRead(_ chat.Conversation, id chat.MessageID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.read = append(f.read, id)
}

func (f *fakeNode) Peers(ctx context.Context) ([]node.Peer, error) {
	m, err := f.Members(ctx, chat.Presence())
	return []node.Peer{{Member: m[0], How: "direct", Addr: "/ip4/127.0.0.1/tcp/1", RTT: 1500 * time.Microsecond}}, err
}

func (f *fakeNode) Connections(context.Context) ([]node.Connection, error) {
	return []node.Connection{{
		Peer: peerN(1), Role: node.RoleMember, Local: "/ip4/127.0.0.1/tcp/1", Remote: "/ip4/127.0.0.1/tcp/2\x1b[31m",
		Relayed: true, Via: peerN(2), Transport: "tcp", Opened: time.UnixMilli(1e12), In: 1, Out: 2, Streams: []string{">/x"},
	}}, nil
}

func (f *fakeNode) Diagnose(_ context.Context, o node.DiagnoseOptions, told func(node.Check)) (node.Diagnosis, error) {
	told(node.Check{Name: "seed", Status: node.CheckOK, Saw: "all", Detail: map[string]string{"wait": o.Wait.String()}})
	return node.Diagnosis{Outcome: node.Degraded, Text: "so so", Counts: map[node.CheckStatus]int{node.CheckOK: 1}}, nil
}

func (f *fakeNode) AddAddrs(info peer.AddrInfo) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.addrs = append(f.addrs, info)
}

func (f *fakeNode) PeerAt(context.Context, ma.Multiaddr) (chat.PeerID, error) { return peerN(3), nil }

// Holders implements Holders.
func (f *fakeNode) Holders(context.Context, chat.Conversation, chat.MessageID) ([]chat.PeerID, error) {
	return []chat.PeerID{peerN(1), peerN(4)}, nil
}

// happen makes events happen.
func (f *fakeNode) happen(evs ...chat.Event) {
	f.mu.Lock()
	f.queue = append(f.queue, evs...)
	f.mu.Unlock()
	signal(f.wake)
}

func (f *fakeNode) Next(ctx context.Context) ([]chat.Event, error) {
	for {
		f.mu.Lock()
		evs := f.queue
		f.queue = nil
		f.mu.Unlock()
		if len(evs) > 0 {
			return evs, nil
		}
		select {
		case <-f.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// folderOf makes a data folder whose lock is held.
func folderOf(t testing.TB, dir string) *identity.Folder {
	t.Helper()
	folder, err := identity.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// serve serves a fake node.
func serve(t testing.TB, f *fakeNode) *Server {
	t.Helper()
	return serveIn(t, f, folderOf(t, t.TempDir()+"/data"))
}

func serveIn(t testing.TB, f *fakeNode, folder *identity.Folder) *Server {
	t.Helper()
	s, err := Serve(context.Background(), Config{Node: f, Events: f, History: f.log, Folder: folder, Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// attach dials a server.
func attach(t testing.TB, s *Server, o Options) *Client {
	t.Helper()
	c, err := Dial(context.Background(), s.cfg.Folder.Dir(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// listenTo begins a stream that the test ends.
func listenTo(t testing.TB, c *Client) *Stream {
	t.Helper()
	s, err := c.Events(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// await reads events until one fits, and returns all.
func await(t testing.TB, s *Stream, what string, fits func(chat.Event) bool) (all []chat.Event) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	for {
		evs, err := s.Next(ctx)
		if err != nil {
			t.Fatalf("no %s: %v; of %d events the last are %.2000v", what, err, len(all), fmt.Sprint(all[max(0, len(all)-5):]))
		}
		all = append(all, evs...)
		for _, ev := range evs {
			if fits(ev) {
				return all
			}
		}
	}
}

func saysText(words string) func(chat.Event) bool {
	return func(ev chat.Event) bool {
		m, ok := ev.(chat.Message)
		return ok && m.Text.Raw() == words
	}
}

func hasCode(code chat.NoticeCode) func(chat.Event) bool {
	return func(ev chat.Event) bool {
		n, ok := ev.(chat.Notice)
		return ok && n.Code == code
	}
}

// until polls until a condition holds.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within time:", what)
		}
	}
}
