// Package bench measures whole nodes against bare gossipsub on hosts of the
// same kind, connected in the same way, in one process on loopback. Run it with
//
//	go test ./bench -bench . -benchtime 1x -timeout 30m
//
// Figures are ratios or counts; machines differ, and so do runs.
package bench
