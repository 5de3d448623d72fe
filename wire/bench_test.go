package wire_test

import (
	"strings"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
)

// The two ends of the range: a line on its own, and a burst that fills a
// segment. A verified signature costs 35 to 50 us; what an operation costs above
// that is ours.
func benchmarkSegments(b *testing.B, run func(b *testing.B, s *chat.Segment)) {
	for _, c := range []struct {
		name     string
		messages int
		line     string
	}{
		{"messages=1", 1, strings.Repeat("x", 100)},
		{"messages=256", chat.MaxBodies, strings.Repeat("x", 100)},
		{"messages=256/hebrew", chat.MaxBodies, strings.Repeat("שלום ", 11)},
		{"messages=1/32KiB", 1, strings.Repeat("x", chat.MaxText)},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := segment(parents(2), lines(c.messages, c.line)...)
			if err := wire.SealSegment(testKey(1), s); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			run(b, s)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(c.messages), "ns/message")
		})
	}
}

func BenchmarkOpenSegment(b *testing.B) {
	benchmarkSegments(b, func(b *testing.B, s *chat.Segment) {
		for b.Loop() {
			if _, err := wire.OpenSegment(s.Conversation, s.Envelope); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkSealSegment(b *testing.B) {
	key := testKey(1)
	benchmarkSegments(b, func(b *testing.B, s *chat.Segment) {
		for b.Loop() {
			if err := wire.SealSegment(key, s); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkPeek(b *testing.B) {
	benchmarkSegments(b, func(b *testing.B, s *chat.Segment) {
		for b.Loop() {
			if _, _, err := wire.Peek(s.Envelope); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkOpenBeacon(b *testing.B) {
	beacon := fullBeacon()
	if err := wire.SealBeacon(testKey(1), beacon); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.OpenBeacon(beacon.Conversation, beacon.Envelope); err != nil {
			b.Fatal(err)
		}
	}
}
