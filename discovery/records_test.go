package discovery

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	ds "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
)

func put(t *testing.T, r *records, key, peer string) error {
	t.Helper()
	return r.Put(t.Context(), ds.NewKey("/providers/"+key+"/"+peer), []byte("now"))
}

func ask(t *testing.T, r *records, prefix string) int {
	t.Helper()
	res, err := r.Query(t.Context(), query.Query{Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	all, err := res.Rest()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if !strings.HasPrefix(e.Key, prefix) || string(e.Value) != "now" {
			t.Errorf("asked for %s, got %v", prefix, e)
		}
	}
	return len(all)
}

func TestRecordsOfAKeyAreFound(t *testing.T) {
	r := newRecords()
	for _, p := range []string{"ALICE", "BOB", "BOB"} {
		if err := put(t, r, "ROOM", p); err != nil {
			t.Fatal(err)
		}
	}
	_ = put(t, r, "ROOMY", "CAROL")
	if n := ask(t, r, "/providers/ROOM"); n != 2 {
		t.Errorf("%d providers of the room", n)
	}
	if n := ask(t, r, "/providers/"); n != 3 {
		t.Errorf("%d providers in all", n)
	}
	bob := ds.RawKey("/providers/ROOM/BOB")
	if has, _ := r.Has(t.Context(), bob); !has {
		t.Error("bob is not there")
	}
	_ = r.Delete(t.Context(), bob)
	_ = r.Delete(t.Context(), bob)
	if _, err := r.Get(t.Context(), bob); !errors.Is(err, ds.ErrNotFound) {
		t.Errorf("bob after he was deleted: %v", err)
	}
	if n := ask(t, r, "/providers/ROOM"); n != 1 {
		t.Errorf("%d providers of the room without bob", n)
	}
}

func TestRecordsAreBounded(t *testing.T) {
	r := newRecords()
	for i := range maxRecordsOfKey + 100 {
		if err := put(t, r, "ROOM", fmt.Sprint("P", i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := ask(t, r, "/providers/ROOM"); n != maxRecordsOfKey {
		t.Errorf("%d providers of one room", n)
	}
	if has, _ := r.Has(t.Context(), ds.RawKey(fmt.Sprint("/providers/ROOM/P", maxRecordsOfKey+99))); !has {
		t.Error("a flood shuts out who comes last")
	}
	refused := 0
	for i := range maxRecordsOfPeer + 100 {
		if errors.Is(put(t, r, fmt.Sprint("R", i), "MALLORY"), errRecordRefused) {
			refused++
		}
	}
	if refused != 100 {
		t.Errorf("one peer: %d records refused", refused)
	}
	for i := range maxRecords {
		_ = put(t, r, fmt.Sprint("K", i/10), fmt.Sprint("Q", i))
	}
	if r.total != maxRecords || ask(t, r, "/providers/") != maxRecords {
		t.Errorf("%d records in all", r.total)
	}
	if has, _ := r.Has(t.Context(), ds.RawKey(fmt.Sprint("/providers/K", (maxRecords-1)/10, "/Q", maxRecords-1))); !has {
		t.Error("a full store shuts out who comes last")
	}
	for _, name := range []string{"/pk/x", "/providers/ROOM", "/providers/A/B/C", "/providers//B", "/providers/" + strings.Repeat("A", maxRecordKeyBytes) + "/B"} {
		if err := r.Put(t.Context(), ds.RawKey(name), nil); !errors.Is(err, errRecordRefused) {
			t.Errorf("%.20s: %v", name, err)
		}
	}
}

// Whatever is put, dropped and forgotten, the index by peer says the same as the
// records do.
func TestRecordsAreForgottenByPeer(t *testing.T) {
	r := newRecords()
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		p := testPeer(random.IntN(20))
		key := fmt.Sprint("K", random.IntN(50))
		switch random.IntN(10) {
		case 0:
			r.forget(p, time.Now())
		case 1:
			_ = r.Delete(t.Context(), ds.RawKey("/providers/"+key+"/"+recordPeer(p)))
		default:
			if err := put(t, r, key, recordPeer(p)); err != nil {
				t.Fatal(err)
			}
		}
	}
	indexed := 0
	for name, keys := range r.ofPeer {
		for i, key := range keys {
			if _, kept := r.byKey[key][name]; !kept || slices.Contains(keys[:i], key) {
				t.Fatalf("the index has %s/%s", key, name)
			}
		}
		indexed += len(keys)
	}
	if n := ask(t, r, "/providers/"); n != r.total || n != indexed || n == 0 {
		t.Errorf("%d records, %d counted, %d in the index", n, r.total, indexed)
	}
	for i := range 20 {
		r.forget(testPeer(i), time.Now())
	}
	if r.total != 0 || len(r.byKey) != 0 || len(r.ofPeer) != 0 {
		t.Errorf("left after all are gone: %d records, %d keys, %d peers", r.total, len(r.byKey), len(r.ofPeer))
	}
}

// What it costs to forget one peer with 512 records, in a full store and in one
// without anybody else: ns/op are to be alike.
func BenchmarkForget(b *testing.B) {
	for name, others := range map[string]int{"alone": 0, "full": maxRecords - maxRecordsOfPeer} {
		b.Run(name, func(b *testing.B) {
			r := newRecords()
			for i := range others {
				_ = r.Put(b.Context(), ds.RawKey(fmt.Sprint("/providers/K", i%1000, "/", i)), nil)
			}
			for b.Loop() {
				for i := range maxRecordsOfPeer {
					_ = r.Put(b.Context(), ds.RawKey(fmt.Sprint("/providers/K", i, "/", recordPeer(testPeer(1)))), nil)
				}
				r.forget(testPeer(1), time.Now())
			}
		})
	}
}

func FuzzSplitRecord(f *testing.F) {
	for _, s := range []string{"/providers/A/B", "/providers/A", "/providers/", "/providers", "", "//", "/providers//"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		key, peer, ok := splitRecord(s)
		if !ok {
			return
		}
		if strings.Contains(key, "/") || strings.Contains(peer, "/") || key == "" && peer != "" {
			t.Fatalf("%q: %q, %q", s, key, peer)
		}
		if k, p, again := splitRecord("/providers/" + key + "/" + peer); !again || k != key || p != peer {
			t.Fatalf("%q: %q, %q, and again %q, %q", s, key, peer, k, p)
		}
	})
}
