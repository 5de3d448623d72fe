// Package netlab is a small internet in one test: hosts, home routers and slow
// cables made of network namespaces, and the real p2pchat in them.
//
// A scenario reads like a story:
//
//	lab := netlab.New(t)
//	lab.Path(netlab.Link{Delay: 50 * time.Millisecond}) // one way, everywhere
//	seed := lab.Public("seed").Seed()
//	alice := lab.Home("home-a", netlab.Friendly).Host("alice").Join("lobby", netlab.Via(seed))
//	bob := lab.Home("home-b", netlab.Symmetric).Host("bob").Join("lobby", netlab.Via(seed))
//	alice.Say("hello")
//	took := bob.WaitMessage("hello", 10*time.Second)
//	lab.Figure("first message", took, 3*time.Second)
//	lab.Check("lobby", alice, bob)
//
// # The parts
//
// A Lab has one internet: goroutines that carry IP packets between TUN devices,
// one in each namespace at its edge. It delays, loses and queues them (Link),
// parts the net (Partition), pulls cables (Unplug), and counts: the bytes between
// two places (Bytes), and what was sent to an address that nobody has (Unknown).
// No namespace has any other way out, so nothing can leave the test.
//
// At the edge are public hosts (Public, PublicIPv6) and routers (Home), which
// translate addresses in one of several ways (NAT); behind a router are hosts, and
// other routers (NAT in front of NAT). A Host runs any number of Nodes; a Node is
// one person: a data folder and a name, running one command of the real binary at a
// time. It is told what to do on its standard input and tells on its standard output
// what happened (--json), so that control never depends on the network under test.
//
// Public addresses are of 192.0.0.64/26 and up to 192.0.0.255, and of 3fff::/20: no
// other documentation range counts as public in libp2p. Every home has the same
// 192.168.1.0/24, as in life, unless it is given another one.
//
// # What a test may rely on
//
// Helpers that wait poll and have a deadline; they end the test when it passes, with
// the last lines of every node's standard error. Nothing sleeps to wait for the
// network. Figure asserts three times what is hoped for and prints what was measured.
// A Lab belongs to the test's own goroutine, apart from the methods of Node that only
// read or say. The end of the test ends every process and removes every namespace;
// what a killed test left is removed by the next New.
//
// It needs root, namespaces, /dev/net/tun and nft. Without them New skips the test
// with one sentence, or fails it if REQUIRE_NETNS is set.
//
// Scenarios are in scenario_THEME_linux_test.go, each with its own Lab and t.Parallel.
// To see more of one, give a node Flags("-v"): a failed test shows the last lines of
// every node, and who sent SYNs to whom.
//
// The binary is what the environment variable NETLAB_P2PCHAT names; TestMain builds
// it of this source tree if there is none.
package netlab
