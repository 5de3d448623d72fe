//go:build race

package gui_test

// many is how many messages a long room has: the race detector is slow.
const many = 10_000
