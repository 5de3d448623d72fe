//go:build !race

package gui_test

// many is how many messages a long room has.
const many = 100_000
