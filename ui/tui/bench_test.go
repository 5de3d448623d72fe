package tui

import (
	"context"
	"fmt"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
)

// benchModel is a screen on a room with n messages, without a node behind it but
// for pages.
func benchModel(tb testing.TB, n int) (*model, *fake, chat.Conversation) {
	tb.Helper()
	f, id := long(n)
	tasks := newTasks(context.Background())
	tb.Cleanup(tasks.close)
	m := newModel(f, Config{}, tasks)
	m.still = true
	m.width, m.height = 160, 50
	m.self = f.self
	m.namesChanged()
	c := m.open(id)
	m.cur, c.loaded = c, true
	for _, x := range f.said[id] { // all of it live, as in a long session
		m.event(x)
	}
	return m, f, id
}

// BenchmarkFrame is one message and the frame that shows it, in a room with as
// many messages before it.
func BenchmarkFrame(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m, f, id := benchModel(b, n)
			b.ReportAllocs()
			for b.Loop() {
				m.Update(eventsMsg{events: []chat.Event{f.message(id, 2+f.n%3, "a message of about a hundred bytes, which is what people write to each other on most days of the year")}})
				_ = m.View()
			}
		})
	}
}

// BenchmarkScroll is one page up and one down, far from the end.
func BenchmarkScroll(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m, _, _ := benchModel(b, n)
			for range 10 {
				m.scrollKey("pgup")
			}
			for b.Loop() {
				m.scrollKey("pgup")
				_ = m.View()
				m.scrollKey("pgdown")
				_ = m.View()
			}
		})
	}
}

// BenchmarkSecond is a second in which 500 messages come, at 60 frames.
func BenchmarkSecond(b *testing.B) {
	m, f, id := benchModel(b, 100_000)
	for b.Loop() {
		for range 60 {
			var ev []chat.Event
			for range 500 / 60 {
				ev = append(ev, f.message(id, 2, "a message of about a hundred bytes, which is what people write to each other on most days of the year"))
			}
			m.Update(eventsMsg{events: ev})
			_ = m.View()
		}
	}
}

// The cost of a frame does not grow with the history. What is counted is memory,
// not time, so that a busy machine does not fail the test.
func TestFrameCost(t *testing.T) {
	if testing.Short() {
		t.Skip("fills a room with 50,000 messages")
	}
	cost := func(n int) float64 {
		m, f, id := benchModel(t, n)
		return testing.AllocsPerRun(50, func() {
			m.Update(eventsMsg{events: []chat.Event{f.message(id, 2, "one more")}})
			_ = m.View()
		})
	}
	small, large := cost(1_000), cost(50_000)
	if large > 1.2*small {
		t.Errorf("%.0f allocations with 1,000 messages, %.0f with 50,000", small, large)
	}
}
