package direct

import (
	"time"

	"github.com/p2pchat/p2pchat/wire"
)

// What one talk may hold.
const (
	// MaxInFlight is how many segments may be on their way to a peer without
	// its acknowledgement.
	MaxInFlight = 32

	// MaxQueued is how many segments may wait for one peer, those in flight
	// included. Send blocks beyond it. At their longest they take 15 MiB.
	MaxQueued = 256

	// windowSize is how many segments of a peer are remembered, so that one
	// sent again is acknowledged again and nothing else. A peer may repeat at
	// most what it had in flight; this is far more.
	windowSize = 1024
)

// What strangers may cost us.
const (
	// maxInbound is how many streams that strangers opened we serve at once,
	// those without a Hello included. Beyond it the stranger who was silent
	// longest makes room, if that is for silentTime; else the new one is reset.
	maxInbound = 256

	// maxInboundOfPeer bounds the same for one peer. One is in use; the others
	// are room for the one it replaces and for the one not greeted yet.
	maxInboundOfPeer = 4

	// maxResting is how many talks without a stream are remembered for
	// restTime. Beyond it a talk is forgotten as soon as it ends.
	maxResting = 256

	// maxUnknownAcks is how many acknowledgements of segments we do not know a
	// peer may send on one stream. An honest peer repeats at most MaxInFlight
	// for each time the stream was replaced.
	maxUnknownAcks = 1024

	// maxUnsentAcks is how many acknowledgements may wait to be written. A peer
	// that sends more without reading is cut.
	maxUnsentAcks = 4 * wire.MaxAck

	// incomingSize is how many of a peer's segments wait for Receive. When it
	// is full, nothing more is read and the peer has to wait.
	incomingSize = MaxInFlight

	// batchSize is how many segments one call of Receive gets at most.
	batchSize = incomingSize

	// writeBuffer is how much is gathered for one write, in bytes. A frame is
	// never cut in two, so the buffer holds up to one frame more.
	writeBuffer = 64 << 10

	// linkMemory is reserved for each stream: a frame being read, a full write
	// buffer with one frame more, and small things.
	linkMemory = 3*wire.MaxFrame + 16<<10

	// segmentsBurst and segmentsPerSecond bound how many segments and read marks
	// of a peer are looked at, and bytesBurst and bytesPerSecond how many bytes
	// of them: each segment costs the check of a signature. A peer that sends
	// more waits, for its streams are not read meanwhile.
	segmentsBurst     = 4096
	segmentsPerSecond = 512
	bytesBurst        = 64 << 20
	bytesPerSecond    = 8 << 20
	// quotaPause is the least time that it waits.
	quotaPause = 50 * time.Millisecond

	// segmentMemory is how many times its own size a segment takes until it is
	// stored: its bytes, its texts, and what decoding leaves behind.
	segmentMemory = 3
)

// How long things may take.
const (
	// firstRetry is the pause after the first failure; it doubles with each.
	firstRetry = time.Second
	// lastRetry is the longest pause.
	lastRetry = time.Minute
	// stableAfter is how long a talk must last for the pauses to begin anew. An
	// acknowledgement does the same at once.
	stableAfter = 10 * time.Second
	// pokePause is the least time between two attempts made because the peer
	// connected to us, which it can do as often as it likes.
	pokePause = time.Second
	// routineAfter is how long a stream must have lasted for the end of its
	// connection to be routine: a relay ends what it carried enough of, people
	// change networks. The first attempt to get another is made at once then,
	// and counts as no failure.
	routineAfter = time.Second
	// goneGrace is how long such a talk is not reported as ended: most often it
	// goes on before anybody could have missed it.
	goneGrace = 5 * time.Second
	// ackPatience, and twice the time an acknowledgement took lately, is how long
	// a peer may leave all unacknowledged until the connection is asked whether
	// it lives. probePatience, and as much, is what it has to answer. While it
	// answers, the pause doubles, maxPatience times.
	ackPatience   = 3 * time.Second
	probePatience = 2 * time.Second
	maxPatience   = 4
	// maxTrip bounds the time that an acknowledgement is believed to take.
	maxTrip = 5 * time.Second
	// moveAgain is the pause after a failed attempt to move to a direct
	// connection, unless yet another one comes.
	moveAgain = 10 * time.Second
	// unsupportedTries is how often a peer must say that it does not speak the
	// protocol until we believe it: a node that has just started may not have
	// got there yet.
	unsupportedTries = 2

	defaultConnectTimeout = 30 * time.Second
	defaultHelloTimeout   = 10 * time.Second
	defaultWriteTimeout   = 15 * time.Second

	// partingTime is how long a closed stream waits for the other side to close
	// it too, which says that everything has arrived.
	partingTime = 2 * time.Second
	// ackTime is how long a peer that said goodbye has to acknowledge what was
	// on its way to it.
	ackTime = 10 * time.Second
	// silentTime is how long a stranger may say nothing while others want in.
	silentTime = time.Minute
	// flushTime is how long Close lets streams write what they still have.
	flushTime = time.Second
	// restTime is how long an ended talk is remembered, for its window.
	restTime = 10 * time.Minute
	// restRetry is the pause until a talk that somebody is just looking at
	// tries again to end.
	restRetry = time.Second
)

// reportSize is how many events wait for Config.Events. When it is full, the
// talk waits.
const reportSize = 4 * MaxQueued

// postSize is how many events wait for a talk's goroutine. When it is full,
// who posts waits.
const postSize = 16
