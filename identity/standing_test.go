package identity

import (
	"errors"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
)

// What the user said last about a peer counts, and a block above all.
func TestStandingFollowsTheLastWord(t *testing.T) {
	f := testFolder(t)
	c := testContacts(t, f)
	bob := testPeer(t)
	for _, step := range []struct {
		what string
		do   func() error
		want Standing
	}{
		{"nothing said", func() error { return nil }, StandingUnknown},
		{"accepted", func() error { return c.Accept(bob) }, StandingKnown},
		{"ignored", func() error { return c.Ignore(bob) }, StandingIgnored},
		{"accepted again", func() error { return c.Accept(bob) }, StandingKnown},
		{"blocked", func() error { return c.Block(bob, true) }, StandingBlocked},
		{"accepted while blocked", func() error { return c.Accept(bob) }, StandingBlocked},
		{"unblocked", func() error { return c.Block(bob, false) }, StandingKnown},
		{"ignored, then named", func() error { return errors.Join(c.Ignore(bob), c.Add("bob", bob)) }, StandingKnown},
		{"name taken away", func() error { return c.Remove("bob") }, StandingUnknown},
		{"verified", func() error { return errors.Join(c.Ignore(bob), c.Verify(bob, true)) }, StandingKnown},
		{"found not to match", func() error { return c.Verify(bob, false) }, StandingUnknown},
		{"accepted, named, name taken away", func() error {
			return errors.Join(c.Accept(bob), c.Add("bob", bob), c.Remove("bob"))
		}, StandingUnknown},
		{"ignored and not verified", func() error { return errors.Join(c.Ignore(bob), c.Verify(bob, false)) }, StandingIgnored},
		{"forgotten", func() error { return c.Forget(bob) }, StandingUnknown},
		{"blocked and verified", func() error { return errors.Join(c.Block(bob, true), c.Verify(bob, true)) }, StandingBlocked},
		{"forgotten, but for the block", func() error { return c.Forget(bob) }, StandingBlocked},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		if got := c.Standing(bob); got != step.want {
			t.Errorf("%s: got %s, want %s", step.what, got, step.want)
		}
		if got := testContacts(t, f).Standing(bob); got != step.want {
			t.Errorf("%s, read anew: got %s, want %s", step.what, got, step.want)
		}
	}
	if err := c.Forget(bob); !errors.Is(err, chat.ErrNotFound) {
		t.Errorf("nothing is left to forget, and the error is %v", err)
	}
	if err := c.Block(bob, false); err != nil {
		t.Error(err)
	}
	wantNames(t, c)
}
