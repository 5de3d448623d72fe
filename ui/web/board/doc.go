// Package board is a seed's page for everybody: who is online, a map of the
// network as this node sees it, plots over time, and how to join. It is what
// the visibility server was, without being needed.
//
// [Serve] answers over plain HTTP, public and read-only:
//
//	/                      the page (page/, and package assets)
//	/v1/peers              who is online, as JSON
//	/v1/map                peers and connections, as JSON
//	/v1/stats?span=hour    plots of the last hour, day or week, as JSON
//	/v1/join               how to join, and its QR code, as JSON
//	/metrics               the same figures for Prometheus, libp2p's included
//	/healthz               whether the node answers
//
// There are no cookies, no tokens and no way to change anything. Whoever looks,
// and however many, the node is asked for one [Snapshot] a second; it is encoded
// once and sent to all. While nobody looks it is asked only every ten seconds,
// for the plots, which are kept in a file of fixed size.
//
// The board shows what its [Source] gives: leaving out people who do not want to
// be seen is the source's part. Addresses are left out here, unless Config says
// otherwise. Names are made safe before they leave.
//
// A Server owns three goroutines: one serves, one ends that, one samples. They
// end with the context or Close, which waits.
package board
