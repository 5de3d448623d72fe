package api

import (
	"crypto/sha256"
	"sync"
	"time"
)

// keyLife is how long a command's key is remembered.
const keyLife = time.Hour

// A keys remembers what became of the commands that clients sent with a key of
// their own, so that one that is sent twice acts once.
type keys struct {
	mu    sync.Mutex
	known map[string]*attempt
	order []*attempt // as they came; some are forgotten already
}

// An attempt is one command with a key.
type attempt struct {
	key     string
	request [sha256.Size]byte
	at      time.Time
	done    chan struct{} // closed when the answer is set, or it is forgotten

	// These are set before done is closed. An attempt that failed has none.
	ok     bool
	status int
	body   []byte
}

// begin returns the attempt of a key. It is new if the caller is to act; else the
// caller waits for done. The error is errKeyReused if the key was for another
// request.
func (k *keys) begin(now time.Time, key string, request [sha256.Size]byte) (a *attempt, isNew bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.expire(now)
	if a := k.known[key]; a != nil {
		if a.request != request {
			return nil, false, errKeyReused
		}
		return a, false, nil
	}
	if k.known == nil {
		k.known = make(map[string]*attempt)
	}
	a = &attempt{key: key, request: request, at: now, done: make(chan struct{})}
	k.known[key] = a
	k.order = append(k.order, a)
	return a, true, nil
}

// expire forgets what is old or too much. k.mu is held.
func (k *keys) expire(now time.Time) {
	for len(k.order) > 0 {
		a := k.order[0]
		if len(k.order) < MaxKeys && now.Sub(a.at) < keyLife {
			return
		}
		k.order[0] = nil
		k.order = k.order[1:]
		if k.known[a.key] == a {
			delete(k.known, a.key)
		}
	}
}

// end sets the answer of an attempt. One that failed is forgotten: the same key
// may try again.
func (k *keys) end(a *attempt, status int, body []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a.status, a.body, a.ok = status, body, status < 300
	if !a.ok && k.known[a.key] == a {
		delete(k.known, a.key)
	}
	close(a.done)
}
