package rooms

import (
	"context"
	"errors"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// validate judges a message before gossipsub delivers it or passes it on. It
// uses the CPU only, and checks what is cheap before it verifies a signature.
// What it opened stays in ValidatorData.
//
// It ignores only what is stale or too much. What cannot be judged yet (a
// segment whose parents are unknown, or whose time has not come) is accepted:
// gossipsub would not look at it again for two minutes.
func (r *Room) validate(_ context.Context, from peer.ID, m *pubsub.Message) pubsub.ValidationResult {
	if from == r.service.host.ID() {
		return pubsub.ValidationAccept // we have just signed it
	}
	typ, author, err := wire.Peek(m.Data)
	if err != nil {
		return r.service.reject(from, err)
	}
	if typ == wire.TypeBeacon {
		return r.validateBeacon(from, author, m)
	}
	if r.conv == chat.PresenceID() {
		return r.service.reject(from, errPresence)
	}
	s, err := wire.OpenSegment(r.conv, m.Data)
	if err != nil {
		return r.service.reject(from, err)
	}
	m.ValidatorData = s
	return pubsub.ValidationAccept
}

func (r *Room) validateBeacon(from peer.ID, author chat.PeerID, m *pubsub.Message) pubsub.ValidationResult {
	now := time.Now()
	r.mu.Lock()
	admitted := r.roster.admits(now, author)
	r.mu.Unlock()
	if !admitted {
		return pubsub.ValidationIgnore
	}
	b, err := wire.OpenBeacon(r.conv, m.Data)
	if err != nil {
		return r.service.reject(from, err)
	}
	r.mu.Lock()
	news := r.roster.judge(now, b)
	r.mu.Unlock()
	if !news {
		return pubsub.ValidationIgnore
	}
	m.ValidatorData = b
	return pubsub.ValidationAccept
}

// errPresence says why a segment in the presence room is invalid.
var errPresence = errors.New("nobody can speak in the presence room")

func (s *Service) reject(from peer.ID, err error) pubsub.ValidationResult {
	s.guard.invalid(from)
	s.cfg.log().Debug("message rejected", "from", from, "err", err)
	return pubsub.ValidationReject
}
