//go:build !race

package testnet

// crowd is how many hosts TestCrowdWithDHTAndGossip runs.
const crowd = 50
