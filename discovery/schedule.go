package discovery

import "time"

// What follows decides when to do what; time and chance come in as arguments,
// random always in [0, 1).

const (
	// fewMembers is when a room counts as small: it looks for more members once
	// a minute, others every five.
	fewMembers = 5
	// slowLookup and restLookup are the pauses between two look-ups at rest, to
	// which up to a quarter is added, never taken off: at most one a minute.
	slowLookup = time.Minute
	restLookup = 5 * time.Minute

	// announceAgain is when a name is announced anew. Records live for
	// recordLife, so two attempts in a row may fail.
	announceAgain = 40 * time.Minute
	recordLife    = 2 * time.Hour
	// announceGap is the time in which a name is announced twice at most, however
	// often seeds come back or addresses change: the first correction comes at
	// once, as when a relay's address follows our own by half a second.
	announceGap = 2 * time.Second

	// announceSelfAfter lets the look-up and the announcement of a room pass
	// before our own.
	announceSelfAfter = time.Second
	// maxAnnounceRetry is the longest pause after a failed announcement.
	maxAnnounceRetry = time.Minute

	// firstFailure and maxFailure bound how long a peer that could not be
	// reached is left alone; the time doubles with each failure in a row.
	firstFailure = 2 * time.Second
	maxFailure   = 10 * time.Minute

	// politeWait is how long the larger peer ID waits before it dials a peer
	// that may be dialling it: crossed dials with port reuse merge into one
	// connection with two initiators, and both fail.
	politeWait = 500 * time.Millisecond

	// dialTries is how often one dial is tried if the attempts fail quickly.
	dialTries = 3

	// maxRedials is how often a member who said goodbye is redialled before it is
	// left to the slow look-ups: for about half a minute. One who did not may be in
	// the other part of a network that was cut, and is redialled for redialFor.
	maxRedials = 7
	redialFor  = 24 * time.Hour
	// redialEach is how often a lost member is dialled, less often by redialShare
	// for each other that is lost: one dial a second, whatever their number. After
	// redialPatience it is restRedial.
	redialEach     = 5 * time.Second
	redialShare    = time.Second
	redialPatience = 3 * time.Hour
	restRedial     = time.Minute
	// redialEager is how long after a loss the time that a dial took counts as part
	// of the pause after it: a dial that is not answered goes on asking once a
	// second, and the next one goes on where it ended, so that a network that was
	// cut for minutes is whole again within two seconds. Up to redialStep is left,
	// for all were lost at the same moment and are not to be asked in step.
	redialEager = 5 * time.Minute
	redialStep  = time.Second
	// anotherGap is how long after its latest dial a lost member is not dialled
	// just because a seed was connected; anotherWait and anotherShare are how those
	// dials are spread: ten a second in all.
	anotherGap   = 2 * time.Second
	anotherWait  = 250 * time.Millisecond
	anotherShare = 100 * time.Millisecond
	// hurryWait and hurryShare are the same after we moved: forty a second in all.
	hurryWait  = 250 * time.Millisecond
	hurryShare = 25 * time.Millisecond
)

// lookupPause is the time between look-up number done and the next one.
func lookupPause(done, connected int, random float64) time.Duration {
	if connected < fewMembers && done > 0 && done <= 8 {
		switch done {
		case 1:
			return 200 * time.Millisecond
		case 2:
			return 300 * time.Millisecond
		default: // 0.5, 1, 2, 4, 8, 16 s
			return 500 * time.Millisecond << (done - 3)
		}
	}
	rest := slowLookup
	if connected >= fewMembers {
		rest = restLookup
	}
	return rest + time.Duration(random*float64(rest/4))
}

// announcePause is the time until a name is announced again, after failed
// attempts in a row (0 after a success).
func announcePause(failed int, random float64) time.Duration {
	pause := announceAgain
	if failed > 0 {
		pause = min(time.Second<<min(failed-1, 10), maxAnnounceRetry)
	}
	return pause - time.Duration(random*float64(pause/5))
}

// announceWait is how long to wait at least before another announcement, after
// the two latest ones.
func announceWait(latest [2]time.Time, now time.Time) time.Duration {
	return max(latest[0].Add(announceGap).Sub(now), 0)
}

// lanRetry is how long after its failed starts in a row mDNS is tried again: the
// machine had no network when we began, or no multicast ever.
func lanRetry(failed int) time.Duration {
	return min(5*time.Second<<min(max(failed-1, 0), 10), 5*time.Minute)
}

// failurePause is how long to leave a peer alone after failures in a row.
func failurePause(failures int, random float64) time.Duration {
	pause := min(firstFailure<<min(failures-1, 20), maxFailure)
	return pause - time.Duration(random*float64(pause/5))
}

// redialPause is how long after its loss, or after failed attempts in a row of
// which the latest took so long, a member is dialled that has been gone for so
// long, one of so many.
func redialPause(failed int, gone, took time.Duration, lost int, random float64) time.Duration {
	limit := min(max(redialEach, time.Duration(lost)*redialShare), restRedial)
	if gone >= redialPatience {
		limit = restRedial
	}
	pause := min(200*time.Millisecond<<(2*min(failed, 8)), limit)
	pause += time.Duration(random * float64(pause/2))
	if gone < redialEager {
		pause = max(pause-took, min(pause, time.Duration(random*float64(redialStep))))
	}
	return pause
}

// anotherPause is how long after a seed was connected one of so many lost members
// is dialled.
func anotherPause(lost int, random float64) time.Duration {
	return time.Duration(random * float64(max(anotherWait, time.Duration(lost)*anotherShare)))
}

// hurryPause is how long after we moved one of so many lost members is dialled.
func hurryPause(lost int, random float64) time.Duration {
	return time.Duration(random * float64(max(hurryWait, time.Duration(lost)*hurryShare)))
}

// dialWait is how long to wait before attempt try, from 0, to dial a peer. In
// a polite dial the other may be dialling us: whoever has the larger ID lets
// the other go first. Of two crossed dials both failed, so it is the same for
// repetitions of any dial.
func dialWait(try int, polite, larger bool, random float64) time.Duration {
	switch {
	case try == 0 && !(polite && larger):
		return 0
	case larger:
		return politeWait + time.Duration(random*float64(200*time.Millisecond))
	case try == 1:
		return 20*time.Millisecond + time.Duration(random*float64(40*time.Millisecond))
	default:
		return 200*time.Millisecond + time.Duration(random*float64(500*time.Millisecond))
	}
}
