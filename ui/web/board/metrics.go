package board

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// metricsType is the media type of Prometheus's text format.
const metricsType = "text/plain; version=0.0.4; charset=utf-8"

// maxMetrics is how much, in bytes, is taken of the metrics of others.
const maxMetrics = 4 << 20

// metrics answers /metrics: our figures, and behind them those of Config. They
// are gathered once in snapshotEvery, as everything else is.
type metrics struct {
	cfg    Config
	keeper *keeper

	mu   sync.Mutex // held while one gathers; the others wait for the result
	at   time.Time
	text []byte
}

func newMetrics(cfg Config, keeper *keeper) *metrics { return &metrics{cfg: cfg, keeper: keeper} }

// ServeHTTP answers with the metrics. When the node does not answer, its
// figures are absent, which is what Prometheus takes as unknown.
func (m *metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text := m.gathered(r)
	w.Header().Set("Content-Type", metricsType)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(text) // a scraper that left comes again
}

func (m *metrics) gathered(r *http.Request) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.cfg.now()()
	if age := now.Sub(m.at); m.text != nil && age >= 0 && age < snapshotEvery {
		return m.text
	}
	// One gathers for all who wait: it must not end because this one left.
	ctx := context.WithoutCancel(r.Context())
	var b bytes.Buffer
	if v, err := m.keeper.view(ctx); err == nil {
		v.writeMetrics(&b, m.cfg.Version)
	}
	m.appendOthers(ctx, &b)
	m.at, m.text = now, b.Bytes()
	return m.text
}

func (v *view) writeMetrics(b *bytes.Buffer, version string) {
	one := func(name, kind, help string, value uint64) {
		fmt.Fprintf(b, "# HELP p2pchat_%s %s\n# TYPE p2pchat_%s %s\np2pchat_%s %d\n", name, help, name, kind, name, value)
	}
	fmt.Fprintf(b, "# HELP p2pchat_build_info The program's version.\n# TYPE p2pchat_build_info gauge\np2pchat_build_info{version=%q} 1\n", version)
	one("people_online", "gauge", "People online who may be seen.", uint64(v.counts.Online))
	one("seeds", "gauge", "Seeds known.", uint64(v.counts.Seeds))
	fmt.Fprintf(b, "# HELP p2pchat_connections Connections this node knows of.\n# TYPE p2pchat_connections gauge\n"+
		"p2pchat_connections{path=\"direct\"} %d\np2pchat_connections{path=\"relayed\"} %d\n", v.counts.Direct, v.counts.Relayed)
	one("dht_peers", "gauge", "Peers in the hash table's routing table.", uint64(max(0, v.counts.DHT)))
	one("joins_total", "counter", "People who came online.", v.counters.Joins)
	one("leaves_total", "counter", "People who went offline.", v.counters.Leaves)
	one("relayed_messages_total", "counter", "Messages passed on for others.", v.counters.RelayedMessages)
	one("relayed_bytes_total", "counter", "Bytes passed on for others.", v.counters.RelayedBytes)
	one("received_bytes_total", "counter", "Bytes received.", v.counters.BytesIn)
	one("sent_bytes_total", "counter", "Bytes sent.", v.counters.BytesOut)
}

// appendOthers adds what Config.Metrics answers, if it answers well.
func (m *metrics) appendOthers(ctx context.Context, b *bytes.Buffer) {
	if m.cfg.Metrics == nil {
		return
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil)
	if err != nil {
		return
	}
	got := &capture{header: http.Header{}, status: http.StatusOK}
	m.cfg.Metrics.ServeHTTP(got, r)
	if got.status == http.StatusOK && !got.cut && got.header.Get("Content-Encoding") == "" {
		b.Write(got.body.Bytes())
	}
}

// A capture is a ResponseWriter that keeps an answer of at most maxMetrics.
type capture struct {
	header http.Header
	status int
	body   bytes.Buffer
	cut    bool
}

// Header returns the answer's header.
func (c *capture) Header() http.Header { return c.header }

// WriteHeader sets the status.
func (c *capture) WriteHeader(status int) { c.status = status }

// Write keeps p if there is room.
func (c *capture) Write(p []byte) (int, error) {
	if c.body.Len()+len(p) > maxMetrics {
		c.cut = true
		return len(p), nil
	}
	return c.body.Write(p)
}
