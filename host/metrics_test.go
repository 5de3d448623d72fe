package host

import (
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// What a seed relays is counted with and without anybody who reads metrics.
func TestRelayMeter(t *testing.T) {
	for _, reg := range []prometheus.Registerer{nil, prometheus.NewRegistry()} {
		var bytes atomic.Uint64
		m := newRelayMeter(reg, &bytes)
		m.BytesTransferred(700)
		m.BytesTransferred(300)
		if n := bytes.Load(); n != 1000 {
			t.Errorf("%d bytes were counted, want 1000", n)
		}
	}
}
