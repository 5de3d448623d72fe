package discovery

import (
	"context"
	"encoding/base32"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/simplelru"
	ds "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/p2pchat/p2pchat/chat"
)

// Limits of the provider records a DHT server keeps for strangers.
const (
	maxRecords        = 100_000 // in all, at most about 65 MB
	maxRecordsOfKey   = 1_024   // members of one room
	maxRecordsOfPeer  = 512     // rooms of one peer
	maxRecordKeyBytes = 512     // of the DHT's text for a record
)

// youngRecord is how old a record must be to be dropped for its peer's silence:
// one who is back announces itself before it is heard again.
const youngRecord = 10 * time.Second

// errRecordRefused says that a record was not kept, for lack of room.
var errRecordRefused = errors.New("no room for the record")

// records keeps the DHT's provider records in memory, bounded, where the DHT's
// own store grows without limit and searches all records for each question.
//
// The DHT names a record "/providers/<key>/<peer>".
type records struct {
	mu     sync.Mutex
	byKey  map[string]map[string]record // key, peer
	ofPeer map[string][]string          // the keys of a peer, at most maxRecordsOfPeer
	total  int
}

// A record is what the DHT keeps of it, and when it was last announced, in
// nanoseconds since 1970. There may be very many: a slice and a time.Time would
// take twice the room.
type record struct {
	value string
	at    int64
}

var _ ds.Batching = (*records)(nil)

func newRecords() *records {
	return &records{byKey: make(map[string]map[string]record), ofPeer: make(map[string][]string)}
}

// splitRecord reads the DHT's name of a record. Without a peer it names all
// records of a key, without both all records there are.
func splitRecord(name string) (key, peer string, ok bool) {
	if len(name) > maxRecordKeyBytes {
		return "", "", false
	}
	rest, ok := strings.CutPrefix(strings.TrimSuffix(name, "/")+"/", "/providers/")
	if !ok {
		return "", "", false
	}
	key, peer, _ = strings.Cut(strings.TrimSuffix(rest, "/"), "/")
	return key, peer, !strings.Contains(peer, "/") && (key != "" || peer == "")
}

// Put keeps a record, or gives errRecordRefused if its peer has too many. When
// its key or the whole has too many, one that chance picks makes room, so that
// a flood cannot shut out those who come after it.
func (r *records) Put(_ context.Context, name ds.Key, value []byte) error {
	key, peer, ok := splitRecord(name.String())
	if !ok || peer == "" {
		return errRecordRefused
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.byKey[key][peer]; !known {
		if len(r.ofPeer[peer]) >= maxRecordsOfPeer {
			return errRecordRefused
		}
		if len(r.byKey[key]) >= maxRecordsOfKey {
			r.dropOne(key)
		}
		if r.total >= maxRecords {
			for any := range r.byKey { // Go's map order is by chance
				r.dropOne(any)
				break
			}
		}
		if r.byKey[key] == nil {
			r.byKey[key] = make(map[string]record)
		}
		r.total++
		r.ofPeer[peer] = append(r.ofPeer[peer], key)
	}
	r.byKey[key][peer] = record{string(value), time.Now().UnixNano()}
	return nil
}

func (r *records) dropOne(key string) {
	for peer := range r.byKey[key] {
		r.drop(key, peer)
		return
	}
}

// drop forgets a record. r.mu is held.
func (r *records) drop(key, peer string) {
	if _, known := r.byKey[key][peer]; !known {
		return
	}
	delete(r.byKey[key], peer)
	if len(r.byKey[key]) == 0 {
		delete(r.byKey, key)
	}
	r.total--
	keys := r.ofPeer[peer]
	i, last := slices.Index(keys, key), len(keys)-1
	keys[i], keys[last] = keys[last], ""
	if r.ofPeer[peer] = keys[:last]; last == 0 {
		delete(r.ofPeer, peer)
	}
}

// forget drops what a peer announced until the given time. It looks at that
// peer's records only, which are at most maxRecordsOfPeer.
func (r *records) forget(p peer.ID, until time.Time) {
	name := recordPeer(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range slices.Clone(r.ofPeer[name]) {
		if r.byKey[key][name].at <= until.UnixNano() {
			r.drop(key, name)
		}
	}
}

// Gone drops what this node, as a DHT server, tells others of a peer that went
// away and was last heard of at the given time: newcomers shall not lose theirs
// with it. What the peer announced after that stays for youngRecord at least.
// Call it only for what the peer itself has signed, or for its long silence:
// whoever could have others' records dropped could hide a room.
func (s *Service) Gone(p chat.PeerID, heard time.Time) {
	until := time.Now().Add(-youngRecord)
	if heard.After(until) {
		until = heard
	}
	s.table.kept.forget(p.Libp2p(), until)
}

// recordPeer is the DHT's text for a peer.
func recordPeer(p peer.ID) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(p))
}

// Delete forgets a record.
func (r *records) Delete(_ context.Context, name ds.Key) error {
	if key, peer, ok := splitRecord(name.String()); ok {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.drop(key, peer)
	}
	return nil
}

// Get gives the value of a record, or ds.ErrNotFound.
func (r *records) Get(_ context.Context, name ds.Key) ([]byte, error) {
	key, peer, _ := splitRecord(name.String())
	r.mu.Lock()
	defer r.mu.Unlock()
	kept, ok := r.byKey[key][peer]
	if !ok {
		return nil, ds.ErrNotFound
	}
	return []byte(kept.value), nil
}

// Has tells whether a record is kept.
func (r *records) Has(ctx context.Context, name ds.Key) (bool, error) {
	_, err := r.Get(ctx, name)
	return err == nil, nil
}

// GetSize gives the length of a record's value, or ds.ErrNotFound.
func (r *records) GetSize(ctx context.Context, name ds.Key) (int, error) {
	value, err := r.Get(ctx, name)
	return len(value), err
}

// Query gives all records of a key, or all of them. The DHT asks nothing else.
func (r *records) Query(_ context.Context, q query.Query) (query.Results, error) {
	key, _, ok := splitRecord(q.Prefix)
	if !ok {
		return query.ResultsWithEntries(q, nil), nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []query.Entry
	gather := func(key string) {
		for peer, kept := range r.byKey[key] {
			all = append(all, query.Entry{Key: "/providers/" + key + "/" + peer, Value: []byte(kept.value), Size: len(kept.value)})
		}
	}
	if key != "" {
		gather(key)
	} else {
		for key := range r.byKey {
			gather(key)
		}
	}
	return query.ResultsWithEntries(q, all), nil
}

// Batch collects changes, as every datastore must be able to.
func (r *records) Batch(context.Context) (ds.Batch, error) { return ds.NewBasicBatch(r), nil }

// Sync does nothing: all is in memory.
func (r *records) Sync(context.Context, ds.Key) error { return nil }

// Close does nothing.
func (r *records) Close() error { return nil }

// noCache keeps nothing. The DHT's cache in front of records would have no
// limit per key, and make nothing faster.
type noCache struct{}

var _ simplelru.LRUCache = noCache{}

func (noCache) Add(any, any) bool                 { return false }
func (noCache) Get(any) (any, bool)               { return nil, false }
func (noCache) Contains(any) bool                 { return false }
func (noCache) Peek(any) (any, bool)              { return nil, false }
func (noCache) Remove(any) bool                   { return false }
func (noCache) RemoveOldest() (k, v any, ok bool) { return nil, nil, false }
func (noCache) GetOldest() (k, v any, ok bool)    { return nil, nil, false }
func (noCache) Keys() []any                       { return nil }
func (noCache) Len() int                          { return 0 }
func (noCache) Purge()                            {}
func (noCache) Resize(int) int                    { return 0 }
