// Package names decides how people are called on a screen: one word each, with
// nothing in it that could hurt or mislead, and never the same for two keys.
//
// The user's own name and those the user gave to contacts come first and are
// nobody else's. Others are called by their nicks; where two of them look alike,
// both have the end of their peer IDs added, after a '~' that no name is shown
// with. Package names stores nothing and does not know who is a contact: a face
// tells it.
package names
