package api

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/chat"
)

// What a message costs from one face through the node to two.
func BenchmarkSay(b *testing.B) {
	f := apitest.New(b)
	s := serve(b, f)
	c := attach(b, s, Options{})
	mine, others := listenTo(b, c), listenTo(b, attach(b, s, Options{}))
	if _, err := c.Join(context.Background(), "lobby"); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := c.Say(context.Background(), chat.InRoom("lobby"), chat.Draft{Body: chat.Body{Kind: chat.KindText, Text: apitest.Text(b, "hello")}}); err != nil {
			b.Fatal(err)
		}
		await(b, mine, "message", saysText("hello"))
		await(b, others, "message", saysText("hello"))
	}
}

// What an event costs that is written and read.
func BenchmarkEvent(b *testing.B) {
	m := chat.Message{Conversation: chat.InRoom("lobby"), Author: apitest.Person(1), Kind: chat.KindText, Text: apitest.Text(b, "hello, everybody"), Clock: 1 << 60}
	for b.Loop() {
		if _, err := DecodeEvent(EncodeEvent(m)); err != nil {
			b.Fatal(err)
		}
	}
}

// What a burst of events costs the node's process: read by nobody, and by one and by
// four faces that take everything.
func BenchmarkBurst(b *testing.B) {
	for _, readers := range []int{0, 1, 4} {
		b.Run(fmt.Sprint(readers, " readers"), func(b *testing.B) {
			f := apitest.New(b)
			s := serve(b, f)
			var reading sync.WaitGroup
			ctx, stop := context.WithCancel(context.Background())
			for range readers {
				st := listenTo(b, attach(b, s, Options{}))
				reading.Go(func() {
					for err := error(nil); err == nil; {
						_, err = st.Next(ctx)
					}
				})
			}
			m := chat.Message{
				Conversation: chat.InRoom("lobby"), Author: apitest.Person(1), Kind: chat.KindText,
				Text: apitest.Text(b, "hello, everybody"), Clock: 1 << 60, Nick: apitest.Text(b, "bob"),
			}
			batch := make([]chat.Event, 100)
			for i := range batch {
				batch[i] = m
			}
			b.ResetTimer()
			for range b.N {
				s.happen(batch)
			}
			b.StopTimer()
			stop()
			reading.Wait()
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(batch)), "ns/event")
		})
	}
}
