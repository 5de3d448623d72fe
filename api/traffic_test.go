package api

import (
	"testing"
	"time"
)

func TestTrafficOfAnHour(t *testing.T) {
	var m meter
	begin := time.UnixMilli(1e12)
	at := func(minutes int, in, out uint64) sample {
		return sample{begin.Add(time.Duration(minutes) * time.Minute), in, out}
	}
	if in, out := m.hour(at(0, 5, 5)); in != 0 || out != 0 {
		t.Error("of nothing:", in, out)
	}
	m.note(at(0, 100, 200))
	if in, out := m.hour(at(30, 150, 300)); in != 100 || out != 200 { // in proportion
		t.Error(in, out)
	}
	for i := range 300 {
		m.note(at(i+1, 100+uint64(i+1)*10, 200))
	}
	if in, out := m.hour(at(300, 3100, 200)); in != 600 || out != 0 {
		t.Error(in, out)
	}
	if len(m.samples) > 62 {
		t.Error(len(m.samples), "samples are kept")
	}
}
