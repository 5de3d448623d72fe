package direct

import (
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// An event is something that happened.
type event interface{ event() }

type (
	// evQueued: this node wants to send a segment.
	evQueued struct{ seg *chat.Segment }
	// evOpened: this node wants a talk, now.
	evOpened struct{}
	// evHungUp: this node wants none any more.
	evHungUp struct{}
	// evLinked: there is a new stream, or another than before.
	evLinked struct {
		nick chat.Text
		sent time.Time
		byUs bool
	}
	// evUnlinked: there is none any more. cut says that its connection broke.
	evUnlinked struct {
		err error
		cut bool
	}
	// evFailed: an attempt to connect failed.
	evFailed struct {
		err         error
		unsupported bool
	}
	// evWritten: these were written to the stream.
	evWritten struct{ ids []chat.SegmentID }
	// evAcked: the peer has these.
	evAcked struct{ ids []chat.SegmentID }
	// evDropped: this node does not want to send a segment any more.
	evDropped struct{ id chat.SegmentID }
	// evRead: a person was shown everything up to this.
	evRead struct{ id chat.SegmentID }
	// evGoodbye: the peer ended the talk.
	evGoodbye struct{}
	// evRefused: the peer does not want to talk.
	evRefused struct{ reason chat.Text }
	// evReachable: the peer has just connected to us.
	evReachable struct{}
	// evTimer: the time of a wakeAt has come.
	evTimer struct{}
)

func (evQueued) event()    {}
func (evOpened) event()    {}
func (evHungUp) event()    {}
func (evLinked) event()    {}
func (evUnlinked) event()  {}
func (evFailed) event()    {}
func (evWritten) event()   {}
func (evAcked) event()     {}
func (evDropped) event()   {}
func (evRead) event()      {}
func (evGoodbye) event()   {}
func (evRefused) event()   {}
func (evReachable) event() {}
func (evTimer) event()     {}

// An effect is something to do.
type effect interface{ effect() }

type (
	// doConnect: try to get a stream; evLinked or evFailed answers.
	doConnect struct{}
	// doCancel: the attempt is not needed any more, and nothing shall answer.
	doCancel struct{}
	// doSend: hand these to the present stream.
	doSend struct{ segs []*chat.Segment }
	// doWake: answer with evTimer at that time. It replaces an earlier one.
	doWake struct{ at time.Time }
	// doReport: tell the user of the package.
	doReport struct{ ev Event }
)

func (doConnect) effect() {}
func (doCancel) effect()  {}
func (doSend) effect()    {}
func (doWake) effect()    {}
func (doReport) effect()  {}
