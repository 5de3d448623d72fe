package main

import (
	"context"
	"time"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/ui/line"
)

const (
	// nicksSoon is how long after a new nick it is saved: a program that is killed
	// early must not forget who wrote what it kept, and who comes together is
	// saved together.
	nicksSoon = 200 * time.Millisecond
	// nicksPause is the least time between two savings of new nicks: a room that
	// fills up has the file written this often, not for everybody who comes.
	nicksPause = 2 * time.Second
	// nicksEvery is how often it is saved when the people were last heard.
	nicksEvery = 10 * time.Second
)

// keepNicks notes the nicks that the node hears until ctx ends, and saves them, so
// that the history shows them when their owners are gone. The user's own names for
// people, whom named reports, are kept elsewhere.
func keepNicks(ctx context.Context, events line.Events, nicks *identity.Nicks, named func(chat.PeerID) (chat.Text, bool)) {
	var saved, due time.Time
	note := func(p chat.PeerID, nick chat.Text, now time.Time) {
		if _, ok := named(p); ok {
			return
		}
		before := nicks.Of(p)
		nicks.Note(p, nick, now)
		due = nicksDue(nicks.Of(p) != before, now, saved, due)
	}
	for {
		evs, err := nextUntil(ctx, events, due)
		now := time.Now()
		for _, ev := range evs {
			switch ev := ev.(type) {
			case chat.Member:
				if ev.Online {
					note(ev.Peer, ev.Nick, now)
				}
			case chat.Message:
				note(ev.Author, ev.Nick, now)
			}
		}
		late := !due.IsZero() && !now.Before(due)
		if ctx.Err() != nil || err != nil && !late {
			return // the caller saves the last
		}
		if late {
			_ = nicks.Save() // it is tried again
			saved, due = now, time.Time{}
		}
	}
}

// nextUntil waits for events until a time, if there is one.
func nextUntil(ctx context.Context, events line.Events, end time.Time) ([]chat.Event, error) {
	if end.IsZero() {
		return events.Next(ctx)
	}
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	return events.Next(ctx)
}

// nicksDue is when to save after somebody was heard: the time it was due before,
// unless a new nick is a reason to do it sooner.
func nicksDue(fresh bool, now, saved, due time.Time) time.Time {
	pause := nicksEvery
	if fresh {
		pause = nicksPause
	}
	at := now.Add(nicksSoon)
	if at.Before(saved.Add(pause)) {
		at = saved.Add(pause)
	}
	if due.IsZero() || at.Before(due) {
		return at
	}
	return due
}
