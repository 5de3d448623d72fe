package node

import (
	"context"
	"io/fs"
	"maps"
	"sync"
	"time"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/p2pchat/p2pchat/chat"
)

// This file holds the words of a diagnosis and its order. What is looked at is in
// diagnose_gather.go and diagnose_peer.go; what that means is judged, without
// looking, in diagnose_judge.go and diagnose_summary.go.

// A CheckStatus is how one check of a diagnosis came out.
type CheckStatus string

// The states of a check. They are stable: scripts rely on them.
const (
	CheckOK   CheckStatus = "ok"
	CheckWarn CheckStatus = "warn" // it works, but not as it could
	CheckFail CheckStatus = "fail"
	CheckSkip CheckStatus = "skip" // not looked at, and why
)

// The names of checks. They are stable; new ones may come.
const (
	checkFolder       = "folder"
	checkHistory      = "history"
	checkListen       = "listen"
	checkSeed         = "seed" // one for each
	checkRelay        = "relay"
	checkReach        = "reachability"
	checkPortMapping  = "port-mapping"
	checkDHT          = "dht"
	checkMDNS         = "mdns" // one for each interface
	checkClock        = "clock"
	checkPeerID       = "peer-id"
	checkPeerAddrs    = "peer-addresses"
	checkPeerDial     = "peer-dial" // one for each address
	checkPeerConnect  = "peer-connect"
	checkPeerPunch    = "peer-punch"
	checkPeerProtocol = "peer-protocols"
	checkPeerPing     = "peer-ping"
)

// A Check is one thing that was looked at. All texts are one line and safe to be
// shown.
type Check struct {
	Name   string
	Status CheckStatus
	// Saw is what was seen, Advice what to do about it; that is empty if Status is
	// CheckOK.
	Saw, Advice string
	// Detail has more, by name. It may be nil.
	Detail map[string]string
}

// with adds a detail, unless it is empty. Others chose parts of many.
func (c Check) with(name, value string) Check {
	if value = chat.SafeString(value); value == "" {
		return c
	}
	c.Detail = maps.Clone(c.Detail)
	if c.Detail == nil {
		c.Detail = make(map[string]string)
	}
	c.Detail[name] = value
	return c
}

// An Outcome is what a whole diagnosis comes to.
type Outcome string

// The outcomes. They are stable: scripts rely on them.
const (
	Healthy     Outcome = "healthy"
	Degraded    Outcome = "degraded"    // something is not as it could be
	Unreachable Outcome = "unreachable" // the peer that was asked for was not reached
)

// A Diagnosis is what a Diagnose comes to.
type Diagnosis struct {
	Outcome Outcome
	// Text is, for somebody who knows nothing of networks, how things stand and
	// what to do: one sentence or two.
	Text string
	// Counts says how many checks came out how.
	Counts map[CheckStatus]int
}

// FolderFacts are what a data folder looks like to whoever opened it.
type FolderFacts struct {
	Dir  string
	Mode fs.FileMode
	// Err is why the folder, or the key in it, cannot be used.
	Err error
	// InUse says that a node runs on the folder, and Holder which process.
	InUse  bool
	Holder string
	// HistoryErr is why the history cannot be used; fs.ErrNotExist if there is
	// none yet, context.DeadlineExceeded if it was not looked through in time.
	// HistorySize is its size in bytes.
	HistoryErr  error
	HistorySize int64
	// Free is how many bytes are free, if FreeKnown.
	Free      uint64
	FreeKnown bool
}

// defaultDiagnoseWait is how long a diagnosis waits for what takes a while.
const defaultDiagnoseWait = 10 * time.Second

// DiagnoseOptions say what to look at. The zero value looks at the node itself.
type DiagnoseOptions struct {
	// Peer is whom to reach, and Addrs where it may be. If Peer is zero and At is
	// set, it is who listens there.
	Peer  chat.PeerID
	Addrs []ma.Multiaddr
	At    ma.Multiaddr
	// Wait bounds the waiting for seeds and their answers, and then that for the
	// peer. If zero, 10 seconds.
	Wait time.Duration
	// Folder is the data folder. If nil, it is not looked at.
	Folder *FolderFacts
	// ListenErr is why the node does not listen, if it should.
	ListenErr error
}

func (o DiagnoseOptions) wait() time.Duration {
	if o.Wait > 0 {
		return o.Wait
	}
	return defaultDiagnoseWait
}

func (o DiagnoseOptions) withPeer() bool { return !o.Peer.IsZero() || len(o.At) > 0 }

// Diagnose looks at everything a chat needs, calls told for each check as soon as
// it is known, one at a time, and says what it comes to. The node should have
// just been started. The error is that of ctx.
func (n *Node) Diagnose(ctx context.Context, o DiagnoseOptions, told func(Check)) (Diagnosis, error) {
	d := diagnosing{Node: n, o: o, told: told, end: time.Now().Add(o.wait())}
	d.view.counts = make(map[CheckStatus]int)
	for _, look := range []func(context.Context){
		d.folder, d.listen, d.askSeeds, d.relays, d.reach, d.dht, d.lan, d.clock, d.reachPeer,
	} {
		if ctx.Err() != nil {
			break
		}
		look(ctx)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return summarize(d.view), ctx.Err()
}

// diagnosing is a Diagnose at work. Only what mu guards is used by more than one
// goroutine.
type diagnosing struct {
	*Node
	o   DiagnoseOptions
	end time.Time // of all waiting but that for the peer

	mu   sync.Mutex
	told func(Check)
	view view
}

// tell shows a check and keeps what the summary needs of it.
func (d *diagnosing) tell(c Check) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c.Saw, c.Advice = chat.SafeString(c.Saw), chat.SafeString(c.Advice)
	d.view.counts[c.Status]++
	d.view.worst = worse(d.view.worst, c)
	if d.told != nil {
		d.told(c)
	}
}

// worse is the first that failed or, if none did, the first that warned. An
// address of a peer that does not answer is no trouble by itself.
func worse(worst, c Check) Check {
	trouble := c.Name != checkPeerDial && (c.Status == CheckWarn || c.Status == CheckFail)
	if trouble && (worst.Name == "" || worst.Status == CheckWarn && c.Status == CheckFail) {
		return c
	}
	return worst
}

// until waits until done, at most for a time, and never beyond end.
func (d *diagnosing) until(ctx context.Context, most time.Duration, done func() bool) bool {
	return await(ctx, min(most, time.Until(d.end)), done)
}

// diagnoseEvery is how often await looks.
const diagnoseEvery = 10 * time.Millisecond

// await waits until done reports true, at most for a time, and tells whether it
// did.
func await(ctx context.Context, most time.Duration, done func() bool) bool {
	for end := time.Now().Add(most); ; {
		switch {
		case done():
			return true
		case ctx.Err() != nil || !time.Now().Before(end):
			return false
		}
		timer := time.NewTimer(diagnoseEvery)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}
