package board

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/ui/web/assets"
)

// sampleEvery is how often the node is asked for the plots, whoever looks: the
// step of the finest.
const sampleEvery = 10 * time.Second

// sampleFor feeds the rings until ctx ends. A node that does not answer leaves a
// gap in the plots.
func sampleFor(ctx context.Context, k *keeper, r *rings, log *slog.Logger) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	var s sampler
	for {
		if v, err := k.view(ctx); err == nil {
			r.add(k.now(), s.take(v))
		} else if ctx.Err() == nil {
			log.Debug("no sample for the plots", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// A sampler makes samples of views.
type sampler struct {
	before Counters
	begun  bool
}

// take is what happened since the last call. The first call only says how many
// there are: what was counted before it is not of this period.
func (s *sampler) take(v *view) sample {
	c := v.counters
	out := sample{Online: bounded(uint64(v.counts.Online)), DHT: bounded(uint64(max(0, c.DHT)))}
	if s.begun {
		out.Joins = bounded(grown(s.before.Joins, c.Joins))
		out.Leaves = bounded(grown(s.before.Leaves, c.Leaves))
		out.Messages = bounded(grown(s.before.RelayedMessages, c.RelayedMessages))
		out.Relayed = grown(s.before.RelayedBytes, c.RelayedBytes)
		out.In = grown(s.before.BytesIn, c.BytesIn)
		out.Out = grown(s.before.BytesOut, c.BytesOut)
	}
	s.before, s.begun = c, true
	return out
}

// grown is by how much a counter grew. One that is smaller than before began
// again at zero.
func grown(before, now uint64) uint64 {
	if now < before {
		return now
	}
	return now - before
}

func bounded(n uint64) uint32 { return uint32(min(n, math.MaxUint32)) }

// stats are the answers of /v1/stats, encoded once for each change.
type stats struct {
	rings *rings
	now   func() time.Time

	mu   sync.Mutex
	kept [len(spans)]keptPlot
}

// A keptPlot is an answer, and for which state of the rings and which period.
type keptPlot struct {
	body    *assets.Body
	version int
	from    int64
}

func newStats(r *rings, now func() time.Time) *stats { return &stats{rings: r, now: now} }

// body is the answer for a span by its name; none is the first.
func (s *stats) body(name string) (*assets.Body, error) {
	for i, sp := range spans {
		if name == sp.name || name == "" {
			return s.of(i), nil
		}
	}
	return nil, fmt.Errorf("no span %q; there are hour, day and week", chat.SafeString(name))
}

func (s *stats) of(i int) *assets.Body {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	version := s.rings.version()
	sp := spans[i]
	kept := &s.kept[i]
	if start := startOf(now, sp); kept.body == nil || kept.version != version || kept.from != start {
		*kept = keptPlot{body: encode(plotOf(s.rings, i, now)), version: version, from: start}
	}
	return kept.body
}

// plotJSON is one span in columns: the value at i is that of the period that
// begins i steps after From; null where nothing is known.
type plotJSON struct {
	Span     string    `json:"span"`
	Step     int64     `json:"step_seconds"`
	From     time.Time `json:"from"`
	Online   []*uint64 `json:"online"`
	Joins    []*uint64 `json:"joins"`
	Leaves   []*uint64 `json:"leaves"`
	Messages []*uint64 `json:"relayed_messages"`
	Relayed  []*uint64 `json:"relayed_bytes"`
	In       []*uint64 `json:"in_bytes"`
	Out      []*uint64 `json:"out_bytes"`
	DHT      []*uint64 `json:"dht"`
}

func plotOf(r *rings, i int, now time.Time) plotJSON {
	from, samples := r.span(i, now)
	out := plotJSON{Span: spans[i].name, Step: seconds(spans[i].step), From: time.Unix(from, 0).UTC()}
	for _, s := range samples {
		put := func(column *[]*uint64, value uint64) {
			if s.Start == 0 {
				*column = append(*column, nil)
				return
			}
			*column = append(*column, &value)
		}
		put(&out.Online, uint64(s.Online))
		put(&out.Joins, uint64(s.Joins))
		put(&out.Leaves, uint64(s.Leaves))
		put(&out.Messages, uint64(s.Messages))
		put(&out.Relayed, s.Relayed)
		put(&out.In, s.In)
		put(&out.Out, s.Out)
		put(&out.DHT, uint64(s.DHT))
	}
	return out
}
