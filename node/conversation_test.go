package node

import (
	"context"
	"testing"
)

// TestWhatIsDoneIsDone: what was stored is told as stored, though everything
// ended in the same moment; else it would be sent, or fetched, once more.
func TestWhatIsDoneIsDone(t *testing.T) {
	c := &conversation{done: make(chan struct{})}
	close(c.done)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		result := make(chan int, 1)
		result <- 7
		if got, err := outcome(ctx, c, result); got != 7 || err != nil {
			t.Fatalf("%d, %v", got, err)
		}
	}
	if _, err := outcome(ctx, c, make(chan int)); err == nil {
		t.Error("nothing came, and that is no error")
	}
}
