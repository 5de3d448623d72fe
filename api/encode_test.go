package api

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/chat"
)

// However an event is written, it is the same.
func TestEncoder(t *testing.T) {
	var e encoder
	rapid.Check(t, func(t *rapid.T) {
		ev := drawEvent(t)
		if got, want := string(e.append([]byte("x"), ev)), "x"+string(EncodeEvent(ev)); got != want {
			t.Fatalf("\n%s\nwant\n%s", got, want)
		}
	})
}

// An encoder's memory is bounded.
func TestEncoderForgets(t *testing.T) {
	var e encoder
	for i := range 2*maxSpelled + 1 {
		p := apitest.Person(1)
		p[0], p[1] = byte(i), byte(i>>8)
		if e.spell(p) != p.String() || len(e.spelled) > maxSpelled {
			t.Fatal(i, len(e.spelled))
		}
	}
}

func BenchmarkEncoder(b *testing.B) {
	var e encoder
	m := chat.Message{
		Conversation: chat.InRoom("lobby"), Author: apitest.Person(1), Kind: chat.KindText,
		Text: apitest.Text(b, "hello, everybody"), Nick: apitest.Text(b, "bob"), Clock: 1 << 60,
	}
	var buf []byte
	for b.Loop() {
		buf = e.append(buf[:0], m)
	}
}
