package chat_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/chat"
)

// The clock of a conversation: whatever the wall clock does, a time that is
// drawn is above all that was seen, and above the wall clock's millisecond.
func TestTimeOnlyRises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var seen chat.Time
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			wall := time.UnixMilli(rapid.Int64Range(0, 1<<48-1).Draw(t, "wall"))
			now := chat.TimeOf(wall)
			next := now.After(seen)
			if next <= seen || next < now {
				t.Fatalf("now %d, seen %d, next %d", now, seen, next)
			}
			if next != now && next != seen+1 {
				t.Fatalf("now %d, seen %d, next %d: neither the wall clock nor one above", now, seen, next)
			}
			if w := next.Wall(); w.Before(wall) || next == now && !w.Equal(wall) {
				t.Fatalf("%v became %v", wall, w)
			}
			seen = next + chat.Time(rapid.IntRange(0, chat.MaxBodies-1).Draw(t, "messages"))
		}
	})
}

func TestTimeOf(t *testing.T) {
	for _, c := range []struct {
		at   time.Time
		want chat.Time
	}{
		{time.UnixMilli(0), 0},
		{time.UnixMilli(1), 1 << 16},
		{time.UnixMilli(1_780_000_000_123), 1_780_000_000_123 << 16},
		{time.UnixMilli(1_780_000_000_123).Add(999_999), 1_780_000_000_123 << 16},
		{time.UnixMilli(-1), 0}, // before 1970: a clock never set
		{time.Time{}, 0},
		{time.UnixMilli(1<<48 - 1), (1<<48 - 1) << 16},
	} {
		if got := chat.TimeOf(c.at); got != c.want {
			t.Errorf("TimeOf(%v) = %d, want %d", c.at, got, c.want)
		}
	}
	// Times sort as the moments they stand for.
	if chat.TimeOf(time.UnixMilli(5)) >= chat.TimeOf(time.UnixMilli(6)) {
		t.Error("a later moment has no later Time")
	}
	// A burst of a full segment in one millisecond stays in it.
	if at := chat.TimeOf(time.UnixMilli(7)) + chat.MaxBodies; !at.Wall().Equal(time.UnixMilli(7)) {
		t.Errorf("message %d of a segment is at %v", chat.MaxBodies, at.Wall())
	}
}
