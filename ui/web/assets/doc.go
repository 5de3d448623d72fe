// Package assets holds what the web pages have in common: a few libraries as
// their authors published them, a style sheet and small modules of our own, and
// the handler that serves them together with a page's files.
//
//   - lib/ is other people's work, unmodified. manifest.json says of each file
//     where it is from, under which licence, and its SHA-256; a test compares.
//     There is no build step: the pages load these files as ES modules.
//   - shared/ is ours: theme.css (colours for light and dark, type, buttons,
//     tables), html.js (preact and htm as one import), format.js (numbers, times
//     and sizes as people read them), live.js (asking again and again), chart.js
//     (line charts), and the map of a network: netmap.js (what a person does with
//     it), layout.js (where peers go) and paint.js (drawing).
//   - A [Site] serves a page's files and these, from memory, with an ETag. It
//     puts the import map, which says what "preact" is, in the place of
//     [ImportMapMark] in every .html file.
//   - [Site.Secure] sets the security headers for these files and for whatever
//     else the same server answers.
//
// The addresses inside the pages are relative, so that a page works behind a
// proxy that adds a path in front. The package starts no goroutine and writes
// nothing.
package assets
