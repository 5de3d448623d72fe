package catchup

import (
	"time"

	"github.com/p2pchat/p2pchat/wire"
)

// MaxPush is how many segments one run hands over to the other side.
const MaxPush = 4096

// Limits that have no reason to differ between tests and use.
const (
	// maxFetch is how many segments one Fetch asks for.
	maxFetch = 8 * wire.MaxWant
	// maxBeacons is how many beacons one run brings.
	maxBeacons = 256
	// segmentsFrame is how many bytes of envelopes one frame carries, unless a
	// single one is longer: a slow link must carry a frame within frameTime.
	segmentsFrame = 32 << 10
	// slowestLink is the bytes per second that a link should carry: a frame has
	// frameTime, and as long as what was written before it takes.
	slowestLink = 4 << 10
	// slowestAnswer is the bytes per second that a partner must deliver on the
	// whole, and patience what it may take longer than that.
	slowestAnswer = 1 << 10
	patience      = 20 * time.Second
	// batchBytes and batchSegments are how much is collected before it is verified
	// at once, but for one frame.
	batchBytes    = 256 << 10
	batchSegments = 512
	// verifiedAhead is how many verified batches wait while others are stored, and
	// storeTogether how many of those are given to Accept at once. More in one
	// commit cost less, but what is said meanwhile waits for it.
	verifiedAhead = 3
	storeTogether = 3
	// pipelineBatches is how many batches a run that we call has in memory: one
	// that is read, one that is verified, those that wait and those that are stored.
	pipelineBatches = 1 + 1 + verifiedAhead + storeTogether
	// getBatch is how many segments are taken from the log at a time.
	getBatch = 64
	// ordersAhead is how many questions for segments are under way at once: the
	// answer to the second begins when that to the first ends.
	ordersAhead = 2
	// rangesAhead is how many questions about ranges are.
	rangesAhead = 2
	// runMemory is what a run may hold when we are called: frames in and out, a
	// batch, questions. callMemory is the same when we call, with pipelineBatches
	// and what is known to differ.
	runMemory  = 768 << 10
	callMemory = pipelineBatches*(batchBytes+wire.MaxFrame) + 1<<20
	// maxHeld is what we believe of how many segments another holds; it is only
	// shown.
	maxHeld = 1 << 30
)

// limits bound what runs may cost. Only tests change them.
type limits struct {
	// runs bounds runs in progress in each direction.
	runs int
	// runsTo bounds runs in progress with one peer that we called: further
	// ones wait.
	runsTo int
	// runsFrom bounds runs in progress in which one peer called us: further
	// ones are refused. It is above runsTo because a caller notices the end of
	// a run before we do.
	runsFrom int
	// runEvery and runBurst bound how often one peer may call us: a new run
	// every runEvery, and runBurst at once after a silence.
	runEvery time.Duration
	runBurst int
	// rounds bounds the exchanges of ranges. One more is free for every
	// itemsPerRound segments that ranges listed, up to roundsCap.
	rounds        int
	itemsPerRound int
	roundsCap     int
	// work bounds what one run makes either side read and hash of its own log, in
	// keys. The called side earns its caller so much per workEvery, and lends
	// workBurst; beyond, it waits for its answers.
	work      int
	workEvery time.Duration
	workBurst time.Duration
	// bytes bounds what one run reads, and what it writes. A run that reaches it
	// ends and is not complete.
	bytes int64
	// undelivered is how many segments a partner may announce and then not have:
	// it may have pruned them meanwhile.
	undelivered int
	// frameTime bounds each read and each write of a frame (see slowestLink), and
	// runTime the whole.
	frameTime time.Duration
	runTime   time.Duration
}

func defaultLimits() limits {
	return limits{
		runs:          32,
		runsTo:        2,
		runsFrom:      4,
		runEvery:      250 * time.Millisecond,
		runBurst:      32,
		rounds:        16,
		itemsPerRound: 64,
		roundsCap:     128,
		work:          1 << 22,
		workEvery:     5 * time.Microsecond,
		workBurst:     4 * time.Second,
		bytes:         64 << 20,
		undelivered:   64,
		frameTime:     10 * time.Second,
		runTime:       2 * time.Minute,
	}
}

// roundsFor is how many rounds a run may take in which ranges listed items.
func (l limits) roundsFor(items int) int {
	return min(l.rounds+items/l.itemsPerRound, l.roundsCap)
}

// questionsFor is how many questions of any kind a caller may ask in a run that
// moved so many items and segments. A slow link takes few segments at a time.
func (l limits) questionsFor(items, segments int) int {
	return l.roundsFor(items) + segments + 4
}

// A window is how many segments are asked for, or handed over, at a time: as
// many as the link carries in a second or so. More would fill the buffers below,
// hold up the chat on the same connection, and let its keep-alives time out.
type window int

const (
	firstWindow = 64
	quickAnswer = time.Second
	slowAnswer  = 3 * time.Second
)

// next follows from how long the last exchange took.
func (w window) next(took time.Duration) window {
	switch {
	case took < quickAnswer:
		return min(2*w, wire.MaxWant)
	case took > slowAnswer:
		return max(w/2, 1)
	default:
		return w
	}
}
