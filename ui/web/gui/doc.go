// Package gui serves the chat page: a person's browser on the node of that
// person's own machine.
//
// Serve listens at a loopback address only and answers two kinds of requests.
// The page's own files hold nobody's data and need no proof. Everything under
// /v1/ is the local interface (package api), and goes on to the node only with
// the token that is drawn anew for each Server; what goes on is a list of
// requests, a few headers and a bounded body.
//
// What keeps others out (a page of the web, another program's page on another
// port, a name that suddenly means 127.0.0.1) is in guard.go: the Host must be
// ours, the Origin ours, the browser must say that the request is the page's own,
// and the token is sent in a header, never in a cookie. It reaches the browser in
// the address's fragment, which no browser sends anywhere. The page keeps it for
// its tab (sessionStorage) and takes it out of the address, so that it is neither
// in the history, nor in a link that somebody copies; a reload finds it again.
//
// The node may end and another take over: each request looks for the node's
// socket anew, and the page waits, and sends again what was not accepted.
//
// A Server owns the goroutines of net/http; Close stops them and waits. Package
// gui runs no node and starts no browser.
package gui
