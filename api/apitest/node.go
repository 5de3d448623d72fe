package apitest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/node"
)

// A Node has the methods of a node and gives its events, as api.Node and
// api.Events. Its identity is Person(0).
type Node struct {
	// Log is the history, and Folder the data folder; nobody holds its lock.
	Log    *history.Memory
	Folder *identity.Folder

	mu    sync.Mutex
	how   Behaviour
	dead  bool
	open  map[chat.Conversation]int
	name  chat.Text
	read  []chat.MessageID
	said  int
	addrs []peer.AddrInfo
	seeds []peer.AddrInfo
	queue []chat.Event
	wake  chan struct{}
	clock chat.Time
	chain chat.Chain

	members map[chat.Conversation][]chat.Member
	holders map[chat.MessageID][]chat.PeerID
	shown   map[chat.PeerID][]chat.RoomName
	network node.Network
}

// A Behaviour says how a Node does what it is asked. The zero value stores what is
// said, and has it held by nobody.
type Behaviour struct {
	// Refuse, if it is not empty, is why what is said is not stored.
	Refuse string
	// Silent has nothing become of what is said.
	Silent bool
	// Left is how many messages nobody holds, when Settle is given up.
	Left int
}

// New makes a Node with an empty history and a data folder that goes with the
// test. Its first event is Ready.
func New(t testing.TB) *Node {
	t.Helper()
	folder, err := identity.Open(t.TempDir() + "/data")
	if err != nil {
		t.Fatal(err)
	}
	return newNode(folder, history.NewMemory(history.Config{Self: Person(0)}), 0)
}

// Heir is the Node that the next process has on the same folder and history. The
// one before should be dead.
func (f *Node) Heir() *Node {
	f.mu.Lock()
	defer f.mu.Unlock()
	return newNode(f.Folder, f.Log, f.said)
}

func newNode(folder *identity.Folder, log *history.Memory, said int) *Node {
	f := &Node{
		Log: log, Folder: folder, said: said, open: make(map[chat.Conversation]int), wake: make(chan struct{}, 1),
		members: make(map[chat.Conversation][]chat.Member), holders: make(map[chat.MessageID][]chat.PeerID),
		shown: make(map[chat.PeerID][]chat.RoomName),
	}
	f.Happen(chat.Ready{Peer: f.Self(), Addrs: f.Addrs()})
	return f
}

// Behave changes how the Node does what it is asked.
func (f *Node) Behave(how Behaviour) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.how = how
}

// Die lets nothing be stored any more, as when the process ends.
func (f *Node) Die() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = true
}

// Self implements api.Node.
func (f *Node) Self() chat.PeerID { return Person(0) }

// Addrs implements api.Node.
func (f *Node) Addrs() []string {
	return []string{"/ip4/127.0.0.1/tcp/4001/p2p/" + f.Self().String()}
}

// Name implements api.Node: who was not met is called "peer" and its short ID.
func (f *Node) Name(p chat.PeerID) chat.Text {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.nameOf(p)
}

// nameOf is Name; f.mu is held.
func (f *Node) nameOf(p chat.PeerID) chat.Text {
	if p == f.Self() {
		return f.name
	}
	for _, all := range f.members {
		for _, m := range all {
			if m.Peer == p && !m.Nick.Empty() {
				return m.Nick
			}
		}
	}
	return mustText("peer " + p.Short())
}

// SetName implements api.Node.
func (f *Node) SetName(name chat.Text) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.name = name
}

// Join implements api.Node.
func (f *Node) Join(ctx context.Context, room chat.RoomName) error {
	return f.opens(ctx, chat.InRoom(room))
}

// Dial implements api.Node.
func (f *Node) Dial(ctx context.Context, p chat.PeerID) error { return f.opens(ctx, chat.With(p)) }

func (f *Node) opens(ctx context.Context, conv chat.Conversation) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open[conv]++
	return f.Log.Name(ctx, conv)
}

// Leave implements api.Node.
func (f *Node) Leave(_ context.Context, conv chat.Conversation) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.open, conv)
	return nil
}

// Opened is how often a conversation was opened since it was left.
func (f *Node) Opened(conv chat.Conversation) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open[conv]
}

// Say implements api.Node.
func (f *Node) Say(_ context.Context, conv chat.Conversation, d chat.Draft) error {
	f.mu.Lock()
	isOpen, dead, how := f.open[conv] > 0, f.dead, f.how
	f.mu.Unlock()
	switch {
	case dead:
	case !isOpen:
		return fmt.Errorf("say in %s: %w", conv, chat.ErrNotFound)
	case how.Silent:
	case how.Refuse != "":
		f.Happen(chat.Refused{Conversation: conv, Key: d.Key, Reason: how.Refuse})
	default:
		if m := f.Write(conv, f.Self(), d); m.Author == f.Self() {
			f.Happen(m)
		}
	}
	return nil
}

// Settle implements api.Node.
func (f *Node) Settle(ctx context.Context, _ chat.Conversation) (int, error) {
	f.mu.Lock()
	left := f.how.Left
	f.mu.Unlock()
	if left == 0 {
		return 0, nil
	}
	<-ctx.Done()
	return left, ctx.Err()
}

// MarkRead implements api.Node.
func (f *Node) MarkRead(_ chat.Conversation, id chat.MessageID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.read = append(f.read, id)
}

// AddAddrs implements api.Node.
func (f *Node) AddAddrs(info peer.AddrInfo) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.addrs = append(f.addrs, info)
}

// AddSeeds implements api.Seeder.
func (f *Node) AddSeeds(seeds []peer.AddrInfo) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seeds = append(f.seeds, seeds...)
}

// PeerAt implements api.Node: Person(3) answers everywhere.
func (f *Node) PeerAt(context.Context, ma.Multiaddr) (chat.PeerID, error) { return Person(3), nil }

// Asked is what was marked as read, and where peers were said to be.
func (f *Node) Asked() (read []chat.MessageID, addrs []peer.AddrInfo) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.read, f.addrs
}

// Seeds are those that AddSeeds was told.
func (f *Node) Seeds() []peer.AddrInfo {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seeds
}

// Count is how many messages were stored, by all processes of the folder.
func (f *Node) Count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.said
}

// Diagnose implements api.Node: one finding, and a verdict.
func (f *Node) Diagnose(_ context.Context, o node.DiagnoseOptions, told func(node.Check)) (node.Diagnosis, error) {
	told(node.Check{Name: "seed", Status: node.CheckOK, Saw: "all", Detail: map[string]string{"wait": o.Wait.String()}})
	return node.Diagnosis{Outcome: node.Degraded, Text: "so so", Counts: map[node.CheckStatus]int{node.CheckOK: 1}}, nil
}

// Happen makes events happen.
func (f *Node) Happen(evs ...chat.Event) {
	f.mu.Lock()
	f.queue = append(f.queue, evs...)
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Next implements api.Events.
func (f *Node) Next(ctx context.Context) ([]chat.Event, error) {
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
