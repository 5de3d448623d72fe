//go:build race

package catchup

// raceEnabled leaves out what would take minutes with the race detector.
const raceEnabled = true
