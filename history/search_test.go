package history

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
)

func wantFound(t testing.TB, l pageLog, s Search, want ...string) {
	t.Helper()
	got, err := l.Search(context.Background(), s)
	if err != nil || !slices.Equal(texts(got), want) {
		t.Errorf("%+v:\n got %q, %v\nwant %q", s, texts(got), err, want)
	}
}

func TestSearch(t *testing.T) {
	eachForm(t, func(t *testing.T, l pageLog) {
		lobby, ops, alice, bob := chat.RoomID("lobby"), chat.RoomID("ops"), newPen(t, 1), newPen(t, 2)
		at := func(seconds int) chat.Time { return chat.Time(seconds*1000) << 16 }
		first := alice.write(lobby, at(100), nil, said(t, "The quick brown Fox"), said(t, "a typo: tthe fox"), said(t, "the secret fox"))
		store(t, l, first,
			bob.write(ops, at(200), nil, said(t, "Zoë's café: it's naïve"), said(t, `say "quoted" AND (NEAR) OR NOT *`)),
			bob.write(lobby, at(300), nil, said(t, "foxes are brown"), bodyOf(t, chat.KindTopic, chat.MessageID{}, "all about the fox")),
			alice.write(lobby, at(400), nil, bodyOf(t, chat.KindEdit, first.MessageID(1), "a typo: the fox"), bodyOf(t, chat.KindDelete, first.MessageID(2), "")),
		)
		wantFound(t, l, Search{Words: "fox"}, "all about the fox", "a typo: the fox (edited)", "The quick brown Fox")
		wantFound(t, l, Search{Words: "FOX the"}, "all about the fox", "a typo: the fox (edited)", "The quick brown Fox")
		wantFound(t, l, Search{Words: "brown fox*"}, "foxes are brown", "The quick brown Fox")
		wantFound(t, l, Search{Words: "fox* brown"}, "The quick brown Fox")
		wantFound(t, l, Search{Words: "tthe"})
		wantFound(t, l, Search{Words: "secret"})
		wantFound(t, l, Search{Words: "typo"}, "a typo: the fox (edited)")
		wantFound(t, l, Search{Words: "fo"})
		wantFound(t, l, Search{Words: "CAFE zoe's"}, `Zoë's café: it's naïve`)
		wantFound(t, l, Search{Words: "it's"}, `Zoë's café: it's naïve`)
		wantFound(t, l, Search{Words: "its"})
		// No syntax of FTS5 is one here.
		for _, words := range []string{`"quoted"`, `"quoted`, `NOT`, `and`, `(near`, `or)`, `quoted ***`, `say -quoted`, `^say`, `text:say`, "say\x00quoted", `NEAR(say quoted)`, `{say}`} {
			want := []string{`say "quoted" AND (NEAR) OR NOT *`}
			if strings.HasPrefix(words, "text") || strings.HasPrefix(words, "NEAR(") {
				want = nil
			}
			wantFound(t, l, Search{Words: words}, want...)
		}
		wantFound(t, l, Search{Words: "fox", In: []chat.ConversationID{ops}})
		wantFound(t, l, Search{Words: "say", In: []chat.ConversationID{ops, lobby, chat.RoomID("unknown")}}, `say "quoted" AND (NEAR) OR NOT *`)
		wantFound(t, l, Search{Words: "fox", From: bob.id}, "all about the fox")
		wantFound(t, l, Search{Words: "fox", From: chat.PeerID{7}})
		wantFound(t, l, Search{Words: "fox", Since: at(300).Wall()}, "all about the fox")
		wantFound(t, l, Search{Words: "fox", Until: at(300).Wall()}, "a typo: the fox (edited)", "The quick brown Fox")
		wantFound(t, l, Search{Words: "fox", Limit: 1}, "all about the fox")
		wantFound(t, l, Search{Words: "fox", Limit: 1, Before: Place{Time: at(300)}}, "a typo: the fox (edited)")
		for _, words := range []string{"", "  ", "*", "!?", strings.Repeat("a ", maxWords+1), strings.Repeat("a", maxWordsLength+1)} {
			if got, err := l.Search(context.Background(), Search{Words: words}); err == nil {
				t.Errorf("%.20q: got %q", words, texts(got))
			}
		}
	})
}
