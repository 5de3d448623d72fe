package host

import (
	"sync/atomic"

	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	"github.com/prometheus/client_golang/prometheus"
)

// Relayed is how many bytes a seed has passed on between others, over circuits.
func (h *Host) Relayed() uint64 { return h.relayed.Load() }

// A relayMeter counts what the relay service passes on, and tells the tracer of
// libp2p.
type relayMeter struct {
	relay.MetricsTracer
	bytes *atomic.Uint64
}

func newRelayMeter(reg prometheus.Registerer, bytes *atomic.Uint64) relayMeter {
	if reg == nil { // libp2p would take the process's own
		reg = prometheus.NewRegistry()
	}
	return relayMeter{relay.NewMetricsTracer(relay.WithRegisterer(reg)), bytes}
}

// BytesTransferred implements relay.MetricsTracer.
func (m relayMeter) BytesTransferred(n int) {
	m.bytes.Add(uint64(n))
	m.MetricsTracer.BytesTransferred(n)
}
