// Package browsertest drives Debian's Chromium for the tests of the web pages.
// Only tests import it.
//
//	b := browsertest.Start(t)
//	p := b.Open(server.URL)
//	p.Wait(`document.querySelector("h1").textContent === "lobby"`)
//	p.Axe()
//	p.Shot("lobby-desktop-light")
//
// A [Page] fails its test for everything the browser complains about: a
// violation of the Content-Security-Policy, an uncaught exception,
// console.error, a file that is not there. What a test expects of that kind it
// names with [Page.Allow].
//
// Where there is no Chromium, tests are skipped; with REQUIRE_BROWSER=1 they
// fail. P2PCHAT_BROWSER names the program to start. Pictures go to
// $P2PCHAT_SHOTS, or else to the test's artefacts.
//
// lib/ holds axe-core, unmodified; the manifest of package assets has it.
package browsertest
