package rooms

import (
	"slices"
	"sync/atomic"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
)

// courierQueue is how many messages wait to be handed to those whom gossipsub
// leaves out. More are dropped; catch-up brings them.
const courierQueue = 256

// A courier hands messages to those behind a forwarder who are not in its mesh.
// Gossipsub takes them in only at a heartbeat, up to a second after they came to
// the room, and then does not even offer them what was said before; but they
// may have no other neighbour. So each of them gets each message once.
//
// It is one of gossipsub's tracers, which calls it from its one goroutine.
type courier struct {
	nobody
	service *Service
	// behind are those who depend on us, by topic. What it points to is not
	// changed any more.
	behind atomic.Pointer[map[string][]peer.ID]
	mesh   map[string]map[peer.ID]struct{} // as gossipsub has it
	queue  chan parcel                     // courierQueue
	passed atomic.Uint64
}

// Forwarded is how many messages of forwarded rooms were passed on.
func (s *Service) Forwarded() uint64 {
	if s.courier == nil {
		return 0
	}
	return s.courier.passed.Load()
}

// A parcel is a message and those who are to get it.
type parcel struct {
	topic string
	data  []byte
	to    []peer.ID
}

func newCourier(s *Service) *courier {
	return &courier{service: s, mesh: make(map[string]map[peer.ID]struct{}), queue: make(chan parcel, courierQueue)}
}

// Graft is gossipsub telling that p is in the mesh of a room.
func (c *courier) Graft(p peer.ID, topic string) {
	if c.mesh[topic] == nil {
		c.mesh[topic] = make(map[peer.ID]struct{})
	}
	c.mesh[topic][p] = struct{}{}
}

// Prune is gossipsub telling that p is not in the mesh of a room any more.
func (c *courier) Prune(p peer.ID, topic string) { delete(c.mesh[topic], p) }

// Leave is gossipsub telling that we are not in a room any more.
func (c *courier) Leave(topic string) { delete(c.mesh, topic) }

// OnClosedOutboundStream is gossipsub telling that p is in no mesh any more.
func (c *courier) OnClosedOutboundStream(p peer.ID) {
	for _, mesh := range c.mesh {
		delete(mesh, p)
	}
}

// DeliverMessage is gossipsub telling that it is about to pass on a new message.
// Own ones go to everybody anyway.
func (c *courier) DeliverMessage(m *pubsub.Message) {
	behind := c.behind.Load()
	if behind == nil || m.ReceivedFrom == c.service.host.ID() {
		return
	}
	topic := m.GetTopic()
	those, forwarded := (*behind)[topic]
	if forwarded {
		c.passed.Add(1)
	}
	to := slices.DeleteFunc(slices.Clone(those), func(p peer.ID) bool {
		_, inMesh := c.mesh[topic][p]
		return inMesh || p == m.ReceivedFrom
	})
	if len(to) == 0 {
		return
	}
	select {
	case c.queue <- parcel{topic: topic, data: m.Data, to: to}:
	default:
	}
}

// loop ends with the Service.
func (c *courier) loop() {
	for {
		select {
		case p := <-c.queue:
			if err := c.service.deliverTo(p); err != nil {
				return // closed
			}
		case <-c.service.ctx.Done():
			return
		}
	}
}
