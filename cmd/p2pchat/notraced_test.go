//go:build !race

package main

// raced is 1 under the race detector.
const raced = 0
