//go:build !unix

package api

import "io/fs"

// hasModes is false where modes say nothing about other users: there the user's
// profile is private by the access lists it inherits.
const hasModes = false

func ownModes(fs.FileInfo) bool { return true }
