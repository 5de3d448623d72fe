// Package bootstrap is the seed role: how a seed's address is written, where a
// seed listens, and how any node stays attached to its seeds.
//
// A seed is a node like any other whose address others know beforehand. What it
// runs for them, a DHT server, is package discovery with Config.Server set.
//
// An Attachment owns one goroutine for each seed and one for all; Close stops
// them and waits. Package bootstrap asks seeds for nothing: as soon as a seed
// is connected, discovery sees it and uses it.
package bootstrap
