package api

import (
	"context"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
)

// What a message costs from one face through the node to two.
func BenchmarkSay(b *testing.B) {
	f := newFake()
	s := serve(b, f)
	c := attach(b, s, Options{})
	mine, others := listenTo(b, c), listenTo(b, attach(b, s, Options{}))
	if _, err := c.Join(context.Background(), "lobby"); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := c.Say(context.Background(), chat.InRoom("lobby"), chat.Draft{Body: chat.Body{Kind: chat.KindText, Text: text(b, "hello")}}); err != nil {
			b.Fatal(err)
		}
		await(b, mine, "message", saysText("hello"))
		await(b, others, "message", saysText("hello"))
	}
}

// What an event costs that is written and read.
func BenchmarkEvent(b *testing.B) {
	m := chat.Message{Conversation: chat.InRoom("lobby"), Author: peerN(1), Kind: chat.KindText, Text: text(b, "hello, everybody"), Clock: 1 << 60}
	for b.Loop() {
		if _, err := DecodeEvent(EncodeEvent(m)); err != nil {
			b.Fatal(err)
		}
	}
}
