//go:build !race

package rooms

// crowd is how many hosts the larger tests run.
const crowd = 50
