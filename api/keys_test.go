package api

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/chat"
)

func TestKeysAreForgotten(t *testing.T) {
	var k keys
	now := time.UnixMilli(1e12)
	sum := sha256.Sum256(nil)
	a, isNew, err := k.begin(now, "first", sum)
	if !isNew || err != nil {
		t.Fatal(isNew, err)
	}
	k.end(a, 200, nil)
	if _, isNew, _ := k.begin(now.Add(keyLife-1), "first", sum); isNew {
		t.Error("forgotten too early")
	}
	if _, _, err := k.begin(now, "first", sha256.Sum256([]byte("other"))); !errors.Is(err, errKeyReused) {
		t.Error(err)
	}
	if _, isNew, _ := k.begin(now.Add(keyLife), "first", sum); !isNew {
		t.Error("not forgotten after an hour")
	}
	for i := range MaxKeys {
		if _, _, err := k.begin(now.Add(keyLife), fmt.Sprint(i), sum); err != nil {
			t.Fatal(err)
		}
	}
	if len(k.known) > MaxKeys || len(k.order) > MaxKeys {
		t.Error("too many are remembered:", len(k.known), len(k.order))
	}
	if _, isNew, _ := k.begin(now.Add(keyLife), "first", sum); !isNew {
		t.Error("the oldest of too many is not forgotten")
	}
}

func TestSentTwiceActsOnce(t *testing.T) {
	f := apitest.New(t)
	s := serve(t, f)
	if status, answer := curl(t, s, "POST", "/v1/conversations", `{"room":"lobby"}`); status != 200 {
		t.Fatal(answer)
	}
	const path, body = "/v1/conversations/lobby/messages", `{"text":"once"}`
	var wg sync.WaitGroup
	answers := make([]string, 8)
	for i := range answers {
		wg.Go(func() { _, answers[i] = curl(t, s, "POST", path, body, headerKey, "k1") })
	}
	wg.Wait()
	for _, a := range answers {
		if a != answers[0] || !strings.Contains(a, `"accepted":true`) {
			t.Errorf("%s\n%s", a, answers[0])
		}
	}
	if f.Count() != 1 {
		t.Fatal("said", f.Count(), "times")
	}
	if status, answer := curl(t, s, "POST", path, `{"text":"twice"}`, headerKey, "k1"); status != 409 || !strings.Contains(answer, `"code":"key-reused"`) {
		t.Fatal(status, answer)
	}
	if status, _ := curl(t, s, "POST", path, body, headerKey, strings.Repeat("k", MaxKey+1)); status != 400 {
		t.Fatal("a key of any length", status)
	}
}

// What failed may be tried again with its key.
func TestFailedKeyTriesAgain(t *testing.T) {
	f := apitest.New(t)
	s := serve(t, f)
	const path, body = "/v1/conversations/lobby/messages", `{"text":"once"}`
	if status, _ := curl(t, s, "POST", path, body, headerKey, "k"); status != 404 {
		t.Fatal(status)
	}
	_ = f.Join(t.Context(), "lobby")
	if status, answer := curl(t, s, "POST", path, body, headerKey, "k"); status != 200 || f.Count() != 1 {
		t.Fatal(status, answer, f.Count())
	}
	if got := f.Opened(chat.InRoom("lobby")); got != 1 {
		t.Fatal(got)
	}
}
