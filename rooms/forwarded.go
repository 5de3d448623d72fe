package rooms

import (
	"context"
	"fmt"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// A forwarded is a room in which we pass on what others say, without being a
// member. It keeps nothing of what is said, has no roster and no goroutine.
type forwarded struct {
	service   *Service
	conv      chat.ConversationID
	topicName string
	topic     *pubsub.Topic
	stop      pubsub.RelayCancelFunc
	gate      *beaconGate
	growth    bucket // of the authors of beacons; the gate guards it
}

// forward begins to forward a room.
func (s *Service) forward(topic string, gate *beaconGate) (r *forwarded, err error) {
	conv, ok := conversationOf(topic)
	if !ok {
		return nil, fmt.Errorf("no conversation has the topic %q", topic)
	}
	r = &forwarded{service: s, conv: conv, topicName: topic, gate: gate}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	s.guard.allow(topic, true)
	if err := s.ps.RegisterTopicValidator(topic, r.validate, pubsub.WithValidatorInline(true)); err != nil {
		return nil, err
	}
	if r.topic, err = s.ps.Join(topic); err != nil {
		return nil, err
	}
	if err := r.topic.SetScoreParams(topicScoreParams()); err != nil {
		return nil, err
	}
	r.stop, err = r.topic.Relay()
	return r, err
}

// close undoes forward.
func (r *forwarded) close() {
	if r.stop != nil {
		r.stop()
	}
	log := r.service.cfg.log()
	if r.topic != nil {
		if err := r.topic.Close(); err != nil {
			log.Debug("close topic", "err", err)
		}
	}
	if err := r.service.ps.UnregisterTopicValidator(r.topicName); err != nil {
		log.Debug("remove validator", "err", err)
	}
	r.service.guard.allow(r.topicName, false)
}

// validate judges a message as Room.validate does, but with less memory of the
// authors of beacons.
func (r *forwarded) validate(_ context.Context, from peer.ID, m *pubsub.Message) pubsub.ValidationResult {
	s := r.service
	typ, author, err := wire.Peek(m.Data)
	if err != nil {
		return s.reject(from, err)
	}
	if typ == wire.TypeBeacon {
		return r.validateBeacon(from, author, m.Data)
	}
	if r.conv == chat.PresenceID() {
		return s.reject(from, errPresence)
	}
	if _, err := wire.OpenSegment(r.conv, m.Data); err != nil {
		return s.reject(from, err)
	}
	return pubsub.ValidationAccept
}

func (r *forwarded) validateBeacon(from peer.ID, author chat.PeerID, data []byte) pubsub.ValidationResult {
	if !r.gate.admits(time.Now(), r, author) {
		return pubsub.ValidationIgnore
	}
	b, err := wire.OpenBeacon(r.conv, data)
	if err != nil {
		return r.service.reject(from, err)
	}
	if !r.gate.judge(time.Now(), r, b) {
		return pubsub.ValidationIgnore
	}
	return pubsub.ValidationAccept
}
