package history

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/p2pchat/p2pchat/chat"
)

// Any messages, in any order of arrival: both forms show what a Timeline shows.
func TestPagesAgreeWithTheTimeline(t *testing.T) {
	disk := openPages(t)
	memory := NewMemory(Config{})
	pens := []*pen{newPen(t, 1), newPen(t, 2), newPen(t, 3)}
	round := 0
	rapid.Check(t, func(r *rapid.T) {
		round++
		room := chat.RoomName(fmt.Sprint("room", round)) // one file serves all rounds
		convs := []chat.ConversationID{chat.RoomID(room), chat.RoomID(room + "b")}
		segs := drawSegments(r, t, pens, convs)
		segs = rapid.Permutation(segs).Draw(r, "arrival")
		half := len(segs) / 2
		for _, part := range [][]*chat.Segment{segs[:half], segs[half:]} {
			store(t, memory, part...)
			store(t, disk, part...)
			checkAgainstTimeline(r, memory, disk, convs)
		}
	})
}

// drawSegments draws segments that talk about each other.
func drawSegments(r *rapid.T, t testing.TB, pens []*pen, convs []chat.ConversationID) (segs []*chat.Segment) {
	words := []string{"fox", "Fox's", "brown", "café", "tea 2", "the", "+1"}
	var ids []chat.MessageID
	for range rapid.IntRange(1, 12).Draw(r, "segments") {
		var bodies []chat.Body
		for range rapid.IntRange(1, 4).Draw(r, "bodies") {
			kind := chat.Kind(rapid.SampledFrom([]int{1, 1, 2, 3, 4, 4, 5, 6, 6, 7, 8}).Draw(r, "kind"))
			text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 1, 3).Draw(r, "words"), " ")
			if kind == chat.KindDelete || (kind == chat.KindReaction || kind == chat.KindTopic) && rapid.Bool().Draw(r, "empty") {
				text = ""
			}
			target := chat.MessageID{5}
			if len(ids) > 0 {
				target = rapid.SampledFrom(ids).Draw(r, "target")
			}
			bodies = append(bodies, bodyOf(t, kind, target, text))
		}
		s := rapid.SampledFrom(pens).Draw(r, "author").write(
			rapid.SampledFrom(append(convs, convs[0])).Draw(r, "conversation"), chat.Time(rapid.IntRange(1, 40).Draw(r, "time")), nil, bodies...)
		for i := range bodies {
			ids = append(ids, s.MessageID(i))
		}
		segs = append(segs, s)
	}
	return segs
}

// checkAgainstTimeline asks both forms everything about convs.
func checkAgainstTimeline(r *rapid.T, memory *Memory, disk *DB, convs []chat.ConversationID) {
	ctx := context.Background()
	words := rapid.SampledFrom([]string{"fox", "fox*", "brown fox", "cafe", "fox's", "2", "t*"}).Draw(r, "search")
	terms, err := terms(words)
	if err != nil {
		r.Fatal(err)
	}
	var found []Entry
	for _, conv := range convs {
		var line chat.Timeline
		var raw, all []Entry
		segs, err := memory.After(ctx, conv, chat.OrderKey{}, 1000)
		if err != nil {
			r.Fatal(err)
		}
		for _, s := range segs {
			raw = append(raw, EntriesOf(s)...)
		}
		slices.SortFunc(raw, func(a, b Entry) int { return a.Compare(b.Place) })
		for _, e := range raw {
			line.Add(e.post())
		}
		for _, e := range raw {
			shown := e.shown(&line)
			for name, l := range map[string]pageLog{"memory": memory, "disk": disk} {
				if got, ok, err := l.Find(ctx, conv, e.ID); err != nil || !ok || !reflect.DeepEqual(got, shown) {
					r.Fatalf("%s: find: got %+v, %v, %v\nwant %+v", name, got, ok, err, shown)
				}
			}
			if !folded(e.Body.Kind) {
				all = append(all, shown)
				if shown.has(terms) {
					found = append(found, shown)
				}
			}
		}
		topic, set := line.Topic()
		for name, l := range map[string]pageLog{"memory": memory, "disk": disk} {
			if got, ok, err := l.Topic(ctx, conv); err != nil || ok != set || ok && got.ID != topic.ID {
				r.Fatalf("%s: topic: got %+v, %v, %v\nwant %+v, %v", name, got, ok, err, topic, set)
			}
			limit := rapid.IntRange(1, 7).Draw(r, "limit")
			checkWalks(r, name, l, Query{Conversation: conv, Limit: limit, Raw: true}, raw)
			checkWalks(r, name, l, Query{Conversation: conv, Limit: limit}, all)
		}
	}
	slices.SortFunc(found, func(a, b Entry) int { return b.Compare(a.Place) })
	for name, l := range map[string]pageLog{"memory": memory, "disk": disk} {
		var got []Entry
		for s := (Search{Words: words, In: convs, Limit: rapid.IntRange(1, 7).Draw(r, "limit")}); ; s.Before = got[len(got)-1].Place {
			page, err := l.Search(ctx, s)
			if err != nil {
				r.Fatal(err)
			}
			got = append(got, page...)
			if len(page) < s.Limit {
				break
			}
		}
		if !slices.EqualFunc(got, found, func(a, b Entry) bool { return reflect.DeepEqual(a, b) }) {
			r.Fatalf("%s: search %q:\n got %q\nwant %q", name, words, texts(got), texts(found))
		}
	}
}

// checkWalks reads a conversation page by page, both ways.
func checkWalks(r rapid.TB, name string, l pageLog, q Query, want []Entry) {
	var up, down []Entry
	for q.After = Beginning(); ; q.After = up[len(up)-1].Place {
		page, err := l.Messages(context.Background(), q)
		if err != nil {
			r.Fatal(err)
		}
		up = append(up, page...)
		if len(page) < q.Limit {
			break
		}
	}
	for q.After = (Place{}); ; q.Before = down[0].Place {
		page, err := l.Messages(context.Background(), q)
		if err != nil {
			r.Fatal(err)
		}
		down = append(page, down...)
		if len(page) < q.Limit {
			break
		}
	}
	for way, got := range map[string][]Entry{"up": up, "down": down} {
		if !slices.EqualFunc(got, want, func(a, b Entry) bool { return reflect.DeepEqual(a, b) }) {
			r.Fatalf("%s, %s, raw %v:\n got %q\nwant %q", name, way, q.Raw, texts(got), texts(want))
		}
	}
}
