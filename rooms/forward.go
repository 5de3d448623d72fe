package rooms

import (
	"maps"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// What is forwarded for others (Config.Forward).
const (
	// maxForwarded is how many rooms a seed forwards, besides those that it is
	// in. All of them are announced in one RPC to every new neighbour, which has
	// to fit into maxRPC. Each costs about 2 KiB, and what was said in it lately.
	maxForwarded = 512

	// maxForwardedOf is how many rooms are forwarded for one neighbour: those
	// that it was in first.
	maxForwardedOf = 32

	// forwardLinger is how long a room is forwarded after the last who needs it
	// is gone: they may be back, and coming and going is told to everybody.
	forwardLinger = time.Minute

	// forwardEvery is how often it is decided anew, because Config.Forward may
	// say something else meanwhile; forwardPause is the least time between two
	// decisions when neighbours come to rooms.
	forwardEvery = time.Second
	forwardPause = 50 * time.Millisecond

	// forwardBurst and forwardPerSecond bound how often we come to rooms and
	// leave them, all of which our neighbours are told: they allow subsPerSecond.
	forwardBurst     = 128
	forwardPerSecond = 12
)

// A schedule decides which rooms are forwarded. It is pure.
type schedule struct {
	wanted  map[string]time.Time // the rooms forwarded, and when they last were
	changes bucket
}

// decide takes the rooms that are needed, each once and the most urgent first,
// and returns which to begin with and which to end, in a fixed order.
func (s *schedule) decide(now time.Time, needed []string) (begin, end []string) {
	var missing []string
	for _, topic := range needed {
		if _, forwarded := s.wanted[topic]; forwarded {
			s.wanted[topic] = now
		} else {
			missing = append(missing, topic)
		}
	}
	idle := s.idle(now)
	for len(idle) > 0 && now.Sub(s.wanted[idle[0]]) >= forwardLinger && s.mayChange(now) {
		delete(s.wanted, idle[0])
		end, idle = append(end, idle[0]), idle[1:]
	}
	for _, topic := range missing {
		full := len(s.wanted) >= maxForwarded
		if full && len(idle) == 0 || !s.mayChange(now) {
			break
		}
		if full {
			delete(s.wanted, idle[0])
			end, idle = append(end, idle[0]), idle[1:]
		}
		s.wanted[topic] = now
		begin = append(begin, topic)
	}
	return begin, end
}

// mayChange reports whether our neighbours can be told one more change.
func (s *schedule) mayChange(now time.Time) bool {
	return s.changes.take(now, 1, forwardPerSecond, forwardBurst)
}

// idle returns the forwarded rooms that nobody needs now, those first that were
// needed least lately.
func (s *schedule) idle(now time.Time) []string {
	var out []string
	for topic, at := range s.wanted {
		if at.Before(now) {
			out = append(out, topic)
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		if c := s.wanted[a].Compare(s.wanted[b]); c != 0 {
			return c
		}
		if a < b {
			return -1
		}
		return 1
	})
	return out
}

// A forwarder forwards rooms of others. Its loop owns all but the channels.
type forwarder struct {
	service  *Service
	schedule schedule
	rooms    map[string]*forwarded
	beacons  beaconGate

	// subscribed holds one: a neighbour changed its subscriptions.
	subscribed chan struct{}
	// releases asks to leave a room that this node wants to be in itself.
	releases chan release
}

// A release is a room to leave, and what is closed when that is done.
type release struct {
	topic string
	done  chan struct{}
}

func newForwarder(s *Service) *forwarder {
	return &forwarder{
		service:    s,
		schedule:   schedule{wanted: make(map[string]time.Time)},
		rooms:      make(map[string]*forwarded),
		subscribed: make(chan struct{}, 1),
		releases:   make(chan release),
	}
}

// note makes the loop decide anew. It never waits.
func (f *forwarder) note() {
	select {
	case f.subscribed <- struct{}{}:
	default: // it is going to anyway
	}
}

// loop ends with the Service, whose end ends all rooms.
func (f *forwarder) loop() {
	tick := time.NewTicker(forwardEvery)
	defer tick.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	var subscribed <-chan struct{} // nil while we pause
	for {
		select {
		case <-subscribed:
		case <-tick.C:
		case <-pause.C:
			subscribed = f.subscribed
			continue
		case r := <-f.releases:
			f.end(r.topic)
			delete(f.schedule.wanted, r.topic)
			close(r.done)
			continue
		case <-f.service.ctx.Done():
			return
		}
		f.look(time.Now())
		subscribed = nil
		pause.Reset(forwardPause)
	}
}

// look begins and ends what is due.
func (f *forwarder) look(now time.Time) {
	begin, end := f.schedule.decide(now, f.needed())
	for _, topic := range end {
		f.end(topic)
	}
	for _, topic := range begin {
		f.begin(topic)
	}
}

// needed returns the rooms of those for whom we forward, but for those that we
// are in, which need no more, and tells the courier who is behind us.
func (f *forwarder) needed() (out []string) {
	s := f.service
	s.mu.Lock()
	own := maps.Clone(s.rooms)
	s.mu.Unlock()
	behind := make(map[string][]peer.ID)
	for _, p := range s.guard.everybody() {
		if !s.cfg.Forward(p) {
			continue
		}
		for _, topic := range s.guard.roomsOf(p, maxForwardedOf, func(string, bool) bool { return true }) {
			if behind[topic] == nil && own[topic] == nil {
				out = append(out, topic)
			}
			behind[topic] = append(behind[topic], p)
		}
	}
	s.courier.behind.Store(&behind)
	return out
}

func (f *forwarder) begin(topic string) {
	r, err := f.service.forward(topic, &f.beacons)
	if err != nil {
		f.service.cfg.log().Debug("forward room", "topic", topic, "err", err)
		delete(f.schedule.wanted, topic)
		return
	}
	f.rooms[topic] = r
}

func (f *forwarder) end(topic string) {
	if r := f.rooms[topic]; r != nil {
		r.close()
		delete(f.rooms, topic)
	}
}

// release leaves a room that the node wants to be in itself.
func (f *forwarder) release(topic string) {
	r := release{topic: topic, done: make(chan struct{})}
	select {
	case f.releases <- r:
		<-r.done
	case <-f.service.ctx.Done():
	}
}
