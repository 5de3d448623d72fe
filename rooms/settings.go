package rooms

import (
	"crypto/sha256"
	"log/slog"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/p2pchat/p2pchat/wire"
)

// Gossipsub's settings that are part of the protocol, or differ from its
// defaults (PROTOCOL.md, section 5).
const (
	// messageIDSize is how much of the hash of a message names it. 160 bits are
	// enough against forged collisions that would hide a message.
	messageIDSize = 20

	// maxRPC is the longest RPC: the longest envelope and what stands around it.
	maxRPC = wire.MaxFrame + 1<<10
	// maxControl is the longest control part of an RPC: what a neighbour can
	// make us parse for nothing.
	maxControl = 32 << 10

	// The mesh is leaner than gossipsub's (6, 5 to 12): what we say ourselves
	// goes to every connected member at once, so the mesh only has to reach
	// those that we are not connected to. Measured (see BenchmarkDelivery): two
	// copies less of 5.5 to 7, and a fifth of the bytes.
	meshDegree = 4
	meshLow    = 3
	meshHigh   = 6
	meshScore  = 2
	meshOut    = 1

	// Those behind a forwarder may have no other neighbour, and ask to be in its
	// mesh (graft). It takes them all: forwardHigh, above which gossipsub would
	// throw most of them out, is more connections than a host allows.
	forwardDegree = 8
	forwardHigh   = 4096

	// What was said lately is offered (IHAVE) at two heartbeats, and not three,
	// to 3 neighbours outside the mesh or a tenth of them, and not to 6 or a
	// quarter: they mostly have it, and catch-up brings whatever is missing.
	meshLazy       = 3
	meshLazyShare  = 0.1
	meshLazyRounds = 2

	// validateQueue is how many messages wait for their signature to be checked.
	// When it is full, more are dropped, and Handler.Lost is called.
	validateQueue = 256

	// validateWorkers check signatures. One keeps the order in which messages
	// came, and its 16,000 a second are more than a room can say.
	validateWorkers = 1
)

// Scores: who passes on what is invalid is soon not listened to any more, and
// forgiven after a while. Being useful in quiet rooms earns little, so that no
// credit can be saved up for an attack: at most maxCredit, worth two invalid
// messages.
const (
	maxCredit      = 20
	invalidPenalty = -10 // times the square of the number of invalid messages
	invalidMemory  = 10 * time.Minute
	spamPenalty    = -10 // gossipsub's P7: broken promises, grafting too soon
	spamAllowed    = 6
	spamMemory     = 2 * time.Minute

	gossipThreshold  = -20 // no gossip with those below
	publishThreshold = -40 // nothing of ours to those below
	grayThreshold    = -80 // nothing taken from those below

	// neverAcceptPX: peers are found by discovery, not named by strangers.
	neverAcceptPX = 1e6

	scoreInterval = 5 * time.Second
	scoreToZero   = 0.01
	// scoreRetained is how long the score of a peer that left is kept, against
	// coming back with a clean one.
	scoreRetained = 5 * time.Minute
)

// protocols are those we speak, the newest first. The mesh of 1.0 and floodsub
// have no scores and no back-off.
func protocols() []protocol.ID {
	return []protocol.ID{pubsub.GossipSubID_v13, pubsub.GossipSubID_v12, pubsub.GossipSubID_v11}
}

// features is gossipsub's own table, but for one line: gossipsub keeps track of
// the extensions of every peer, and forgets them only if its protocol has
// extensions. We use none; saying that all have them makes it always forget.
func features(f pubsub.GossipSubFeature, p protocol.ID) bool {
	if f == pubsub.GossipSubFeatureExtensions {
		return true
	}
	return pubsub.GossipSubDefaultFeatures(f, p)
}

// messageID names a message: the same bytes in two rooms are two messages.
func messageID(m *pb.Message) string {
	h := sha256.New()
	h.Write([]byte(m.GetTopic()))
	h.Write(m.GetData())
	return string(h.Sum(nil)[:messageIDSize])
}

func meshOf(forwards bool) pubsub.GossipSubParams {
	mesh := pubsub.DefaultGossipSubParams()
	mesh.D, mesh.Dlo, mesh.Dhi = meshDegree, meshLow, meshHigh
	if forwards {
		mesh.D, mesh.Dlo, mesh.Dhi = forwardDegree, forwardDegree, forwardHigh
	}
	mesh.Dscore, mesh.Dout = meshScore, meshOut
	mesh.Dlazy, mesh.GossipFactor, mesh.HistoryGossip = meshLazy, meshLazyShare, meshLazyRounds
	mesh.Connectors = 0 // they dial peers that strangers name
	return mesh
}

func (s *Service) options() []pubsub.Option {
	silent := slog.New(slog.DiscardHandler)
	options := []pubsub.Option{
		// Its logger would write to the standard error, with strangers' bytes.
		pubsub.WithLogger(silent),
		pubsub.WithRPCLogger(silent),
		pubsub.WithGossipSubProtocols(protocols(), features),
		pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign),
		pubsub.WithNoAuthor(),
		pubsub.WithMessageIdFn(messageID),
		pubsub.WithGossipSubParams(meshOf(s.forwarder != nil)),
		pubsub.WithFloodPublish(true),
		pubsub.WithPeerExchange(false),
		pubsub.WithMaxMessageSize(maxRPC),
		pubsub.WithMaxControlMessageSize(maxControl),
		pubsub.WithPeerOutboundQueueSize(outboundQueue),
		pubsub.WithValidateQueueSize(validateQueue),
		pubsub.WithValidateWorkers(validateWorkers),
		pubsub.WithSubscriptionFilter(s.guard),
		pubsub.WithAppSpecificRpcInspector(s.inspect),
		pubsub.WithRawTracer(s.flow),
		pubsub.WithPeerScore(scoreParams(), &pubsub.PeerScoreThresholds{
			GossipThreshold:   gossipThreshold,
			PublishThreshold:  publishThreshold,
			GraylistThreshold: grayThreshold,
			AcceptPXThreshold: neverAcceptPX,
		}),
	}
	if s.courier != nil {
		options = append(options, pubsub.WithRawTracer(s.courier))
	}
	return options
}

func decay(d time.Duration) float64 {
	return pubsub.ScoreParameterDecayWithBase(d, scoreInterval, scoreToZero)
}

func scoreParams() *pubsub.PeerScoreParams {
	return &pubsub.PeerScoreParams{
		Topics:           make(map[string]*pubsub.TopicScoreParams),
		TopicScoreCap:    maxCredit,
		AppSpecificScore: func(peer.ID) float64 { return 0 },
		// No P6: whole schools share an address.
		IPColocationFactorWeight:  0,
		BehaviourPenaltyWeight:    spamPenalty,
		BehaviourPenaltyThreshold: spamAllowed,
		BehaviourPenaltyDecay:     decay(spamMemory),
		DecayInterval:             scoreInterval,
		DecayToZero:               scoreToZero,
		RetainScore:               scoreRetained,
	}
}

// topicScoreParams must be set at every join: gossipsub does not score a topic
// without them. P3, the expected rate of messages, stays off: rooms are quiet.
func topicScoreParams() *pubsub.TopicScoreParams {
	return &pubsub.TopicScoreParams{
		SkipAtomicValidation:           true, // P3 is zero
		TopicWeight:                    1,
		TimeInMeshWeight:               0.01,
		TimeInMeshQuantum:              time.Second,
		TimeInMeshCap:                  500,
		FirstMessageDeliveriesWeight:   0.5,
		FirstMessageDeliveriesDecay:    decay(invalidMemory),
		FirstMessageDeliveriesCap:      20,
		InvalidMessageDeliveriesWeight: invalidPenalty,
		InvalidMessageDeliveriesDecay:  decay(invalidMemory),
	}
}
