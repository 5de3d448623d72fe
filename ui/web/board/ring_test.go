package board

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func testRings(t *testing.T, path string) (*rings, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	r := openRings(path, slog.New(slog.NewTextHandler(&log, nil)))
	t.Cleanup(func() { _ = r.close() })
	return r, &log
}

func sums(samples []sample) (all sample, known int) {
	for _, s := range samples {
		if s.Start != 0 {
			known++
			all.add(s)
		}
	}
	return all, known
}

func TestRingsHoldTheirSpans(t *testing.T) {
	r, _ := testRings(t, "")
	now := noon()
	for at := now.Add(-9 * 24 * time.Hour); !at.After(now); at = at.Add(10 * time.Second) {
		r.add(at, sample{Online: 3, DHT: 2, Joins: 1, Messages: 2, In: 5})
	}
	for i, want := range []int{360, 288, 336} {
		from, samples := r.span(i, now)
		all, known := sums(samples)
		if known != want || all.Online != 3 {
			t.Errorf("%s: %d known, %+v", spans[i].name, known, all)
		}
		if end := from + int64(len(samples))*seconds(spans[i].step); end <= now.Unix() || end > now.Unix()+seconds(spans[i].step) {
			t.Errorf("%s ends at %d", spans[i].name, end)
		}
		// Every full period counts all that happened in it.
		if s := samples[len(samples)-2]; int64(s.Joins) != seconds(spans[i].step)/10 || s.In != 5*uint64(s.Joins) {
			t.Errorf("%s: %+v", spans[i].name, s)
		}
	}
}

func TestRingsLeaveGaps(t *testing.T) {
	r, _ := testRings(t, "")
	now := noon()
	r.add(now.Add(-59*time.Minute), sample{Online: 1})
	r.add(now, sample{Online: 2})
	r.add(now.Add(-61*time.Minute), sample{Online: 9}) // over an hour ago
	_, samples := r.span(0, now)
	if _, known := sums(samples); known != 2 {
		t.Errorf("%d known", known)
	}
	if _, known := sums(samples[1:359]); known != 1 {
		t.Errorf("%d known within", known)
	}
	if _, samples = r.span(0, now.Add(2*time.Hour)); samples[0].Start != 0 {
		t.Error("what is over is still shown")
	}
	if _, samples = r.span(0, time.Unix(-5, 0)); len(samples) != 360 {
		t.Error("a clock before 1970")
	}
}

func TestRingsSurviveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web-plots")
	r, _ := testRings(t, path)
	r.add(noon(), sample{Online: 5, Joins: 1, Relayed: 1 << 40})
	// No close: this is what a crash leaves.
	again, log := testRings(t, path)
	again.add(noon().Add(10*time.Second), sample{Online: 4, Joins: 2})
	for i := range spans {
		_, samples := again.span(i, noon().Add(10*time.Second))
		if all, _ := sums(samples); all.Online != 5 || all.Joins != 3 || all.Relayed != 1<<40 {
			t.Errorf("%s: %+v", spans[i].name, all)
		}
	}
	if log.Len() > 0 {
		t.Errorf("log: %s", log)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() != ringFileSize() || info.Size() > maxRingFile || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestDamagedRingsAreBegunAnew(t *testing.T) {
	good := func(path string) []byte {
		r, _ := testRings(t, path)
		r.add(noon(), sample{Online: 5})
		_ = r.close()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, damage := range map[string]func([]byte) []byte{
		"short":         func(b []byte) []byte { return b[:len(b)-1] },
		"long":          func(b []byte) []byte { return append(b, 0) },
		"huge":          func(b []byte) []byte { return append(b, make([]byte, 1<<20)...) },
		"other version": func(b []byte) []byte { b[14] = '9'; return b },
		"text":          func([]byte) []byte { return []byte("hello") },
	} {
		path := filepath.Join(t.TempDir(), "web-plots")
		if err := os.WriteFile(path, damage(good(path)), 0o600); err != nil {
			t.Fatal(err)
		}
		r, log := testRings(t, path)
		if _, samples := r.span(0, noon()); samples[359].Start != 0 {
			t.Errorf("%s: something was read", name)
		}
		if !strings.Contains(log.String(), "begun anew") || strings.Count(log.String(), "\n") != 1 {
			t.Errorf("%s: log %q", name, log)
		}
		r.add(noon(), sample{Online: 6})
		again, log := testRings(t, path)
		if _, samples := again.span(0, noon()); samples[359].Online != 6 || log.Len() > 0 {
			t.Errorf("%s: after beginning anew: %+v, log %q", name, samples[359], log)
		}
	}
}

// A slot that was being written when the power went is left out, and the rest
// stays.
func TestTornSlotIsLeftOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web-plots")
	r, _ := testRings(t, path)
	for i := range 20 {
		r.add(noon().Add(time.Duration(i)*10*time.Second), sample{Online: 5})
	}
	_ = r.close()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(ringHead)+int(noon().Unix()/10%360)*slotSize+9] ^= 0xff
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	again, log := testRings(t, path)
	_, samples := again.span(0, noon().Add(190*time.Second))
	if _, known := sums(samples); known != 19 {
		t.Errorf("%d of 20 left", known)
	}
	if !strings.Contains(log.String(), "slots=1") {
		t.Errorf("log: %q", log)
	}
}

func TestRingsWithoutADisk(t *testing.T) {
	r, log := testRings(t, filepath.Join(t.TempDir(), "none", "web-plots"))
	r.add(noon(), sample{Online: 1})
	if _, samples := r.span(0, noon()); samples[359].Online != 1 || !strings.Contains(log.String(), "not kept on disk") {
		t.Errorf("%+v, log %q", samples[359], log)
	}
	r, log = testRings(t, filepath.Join(t.TempDir(), "web-plots"))
	_ = r.file.Close() // the disk goes away
	r.add(noon(), sample{Online: 1})
	r.add(noon(), sample{Online: 1})
	if _, samples := r.span(0, noon()); samples[359].Online != 1 || strings.Count(log.String(), "no longer kept") != 1 {
		t.Errorf("%+v, log %q", samples[359], log)
	}
}

func TestSamplerCountsWhatHappenedSince(t *testing.T) {
	var s sampler
	at := func(c Counters, online int) sample { return s.take(&view{counters: c, counts: counts{Online: online}}) }
	if got := at(Counters{Joins: 10, BytesIn: 1000, DHT: 4}, 3); got != (sample{Online: 3, DHT: 4}) {
		t.Errorf("first: %+v", got)
	}
	if got := at(Counters{Joins: 12, BytesIn: 1500, DHT: 5}, 5); got != (sample{Online: 5, DHT: 5, Joins: 2, In: 500}) {
		t.Errorf("second: %+v", got)
	}
	if got := at(Counters{Joins: 1, BytesIn: 20, DHT: -1}, 1); got != (sample{Online: 1, Joins: 1, In: 20}) {
		t.Errorf("after the node began again: %+v", got)
	}
	if got := at(Counters{Joins: 1 << 40}, 1); got.Joins != 1<<32-1 {
		t.Errorf("more than fits: %+v", got)
	}
}

func TestStatsAsJSON(t *testing.T) {
	r, _ := testRings(t, "")
	now := noon()
	r.add(now, sample{Online: 5, In: 7})
	s := newStats(r, func() time.Time { return now })
	body, err := s.body("hour")
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := s.body(""); again != body {
		t.Error("encoded twice")
	}
	var plot struct {
		Span   string
		Step   int `json:"step_seconds"`
		From   time.Time
		Online []*int
		In     []*int `json:"in_bytes"`
	}
	h := testHandler(t, &fakeSource{}, func() time.Time { return now })
	if err := json.Unmarshal([]byte(text(t, ask(h, "GET", "/v1/stats?span=week"))), &plot); err != nil || plot.Span != "week" || plot.Step != 1800 || len(plot.Online) != 336 || plot.Online[335] != nil {
		t.Errorf("%+v, %v", plot, err)
	}
	raw, err := json.Marshal(plotOf(r, 0, now))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &plot); err != nil {
		t.Fatal(err)
	}
	if plot.Online[358] != nil || plot.Online[359] == nil || *plot.Online[359] != 5 || *plot.In[359] != 7 || !plot.From.Equal(now.Add(-3590*time.Second)) {
		t.Errorf("%+v", plot)
	}
	r.add(now, sample{Joins: 1})
	if again, _ := s.body("hour"); again == body {
		t.Error("not encoded again after a change")
	}
	now = now.Add(time.Minute)
	changed, _ := s.body("hour")
	if again, _ := s.body("hour"); again != changed {
		t.Error("encoded twice")
	}
}
