// Package apitest is a node that is none: what a person says to it is stored in
// memory and comes back as an event, and others say what the test has them say.
// Tests of package api and of the faces serve it to have no network to wait for:
//
//	f := apitest.New(t)
//	s, err := api.Serve(ctx, api.Config{Node: f, Events: f, History: f.Log, Folder: f.Folder})
//
// It does not import api. A Node starts no goroutine; its methods may be called by
// several.
package apitest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
)

// Person is the n-th of the people there are in tests: always the same. Person(0)
// is the node's own.
func Person(n int) chat.PeerID {
	seed := sha256.Sum256(fmt.Appendf(nil, "api test %d", n))
	p, err := chat.PeerIDFromKey(ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
	if err != nil {
		panic(err)
	}
	return p
}

// Text makes a text, or ends the test.
func Text(t testing.TB, s string) chat.Text {
	t.Helper()
	x, err := chat.NewText(s)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// mustText is Text where there is no test at hand.
func mustText(s string) chat.Text {
	x, err := chat.NewText(s)
	if err != nil {
		panic(err)
	}
	return x
}
