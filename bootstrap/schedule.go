package bootstrap

import "time"

const (
	// maxPause is the longest pause between two attempts to reach a seed.
	maxPause = time.Minute

	// minCeiling is the longest pause for a seed that has not been gone for
	// long: whoever restarts a seed has its people back within 2 seconds.
	minCeiling = 2 * time.Second

	// eagerFor is how long after a loss the time that an attempt took counts as
	// part of the pause after it: an attempt that is not answered goes on asking
	// once a second, and the next one goes on where it ended. So a network that
	// was cut for minutes is whole again within two seconds.
	eagerFor = 5 * time.Minute
	// stepPause is up to how much is left of a pause by that. All lost the seed at
	// the same moment, and do not ask at the same moments for ever.
	stepPause = time.Second

	// outageShare is how much longer our pauses may make an outage: by a
	// twentieth of what it has lasted. So a dead seed is asked ever less often,
	// without anybody waiting a minute for one that was gone for ten seconds.
	outageShare = 20

	// mutualPause is what the seed with the larger peer ID adds before it dials
	// another seed that may be dialling it: crossed dials with port reuse merge
	// into one broken connection, again and again if both repeat in step.
	mutualPause = 500 * time.Millisecond
)

// redialPause is how long to wait before the next attempt, after failed ones
// in a row since the seed was lost, gone ago; the latest took so long. random is
// in [0, 1).
func redialPause(failed int, gone, took time.Duration, random float64) time.Duration {
	pause := maxPause
	switch failed {
	case 0:
		pause = 200 * time.Millisecond
	case 1:
		pause = 500 * time.Millisecond
	case 2:
		pause = time.Second
	}
	ceiling := min(max(gone/outageShare, minCeiling), maxPause)
	// Jitter of a fifth, downward, so that the limits above hold exactly; it
	// spreads the people of a seed that comes back.
	pause = time.Duration(float64(min(pause, ceiling)) * (1 - random/5))
	if gone < eagerFor {
		pause = max(pause-took, min(pause, time.Duration(random*float64(stepPause))))
	}
	return pause
}
