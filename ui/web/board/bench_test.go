package board

import (
	"io"
	"net/http"
	"runtime"
	"testing"
	"time"
)

// BenchmarkPeers is viewers who ask for 1,000 people over loopback, each on a
// connection of its own; "unchanged" holds the newest answer already. heap-MB is
// what the process holds more than before, client included, after a collection.
func BenchmarkPeers(b *testing.B) {
	for _, kind := range []string{"gzip", "plain", "unchanged"} {
		b.Run(kind, func(b *testing.B) {
			source := &fakeSource{snap: town(b, 1000, time.Now())}
			s := serve(b, source)
			before := heap()
			b.SetParallelism(32)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) { look(b, s.URL()+"v1/peers", kind, pb.Next) })
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
			b.ReportMetric((heap()-before)/1e6, "heap-MB")
			b.ReportMetric(float64(source.asked())/b.Elapsed().Seconds(), "snapshots/s")
		})
	}
}

func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func look(b *testing.B, url, kind string, next func() bool) {
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	tag := ""
	for next() {
		r, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			b.Error(err)
			return
		}
		if kind != "plain" {
			r.Header.Set("Accept-Encoding", "gzip")
		}
		if kind == "unchanged" {
			r.Header.Set("If-None-Match", tag)
		}
		got, err := client.Do(r)
		if err != nil {
			b.Error(err)
			return
		}
		tag = got.Header.Get("ETag")
		_, err = io.Copy(io.Discard, got.Body)
		_ = got.Body.Close()
		if err != nil || got.StatusCode != http.StatusOK && got.StatusCode != http.StatusNotModified {
			b.Errorf("%d, %v", got.StatusCode, err)
			return
		}
	}
}

// BenchmarkView is one snapshot of 1,000 people made ready, encoded and
// compressed, as happens at most once a second.
func BenchmarkView(b *testing.B) {
	snap := town(b, 1000, time.Now())
	for b.Loop() {
		v := newView(snap, false)
		v.peers()
		v.graph()
	}
}
