package history

import (
	"context"
	"fmt"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
)

// BenchmarkPage reads a page of 50 messages, and searches, in a conversation of
// 1,000 and of 100,000: what one asks for may not cost more because of what one
// does not ask for, but for a word that is everywhere.
func BenchmarkPage(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		db, lobby := openPages(b), chat.RoomID("lobby")
		alice := newPen(b, 1)
		var batch []*chat.Segment
		for i := range n {
			text := fmt.Sprintf("message %d of a long conversation about nothing in particular", i)
			batch = append(batch, alice.write(lobby, chat.Time(i+1)<<16, nil, said(b, text)))
			if len(batch) == 1000 {
				store(b, db, batch...)
				batch = nil
			}
		}
		for _, c := range []struct {
			name string
			ask  func() ([]Entry, error)
		}{
			{"newest", func() ([]Entry, error) {
				return db.Messages(context.Background(), Query{Conversation: lobby, Limit: 50})
			}},
			{"middle", func() ([]Entry, error) {
				return db.Messages(context.Background(), Query{Conversation: lobby, Limit: 50, Before: Place{Time: chat.Time(n/2) << 16}})
			}},
			{"rare word", func() ([]Entry, error) {
				return db.Search(context.Background(), Search{Words: "message 777", Limit: 50})
			}},
			{"common word", func() ([]Entry, error) {
				return db.Search(context.Background(), Search{Words: "nothing", Limit: 50})
			}},
		} {
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				for b.Loop() {
					if got, err := c.ask(); err != nil || len(got) == 0 {
						b.Fatal(len(got), err)
					}
				}
			})
		}
	}
}
