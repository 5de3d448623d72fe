// Package settings gathers what a person has set: in a TOML file, in the
// environment and by flags, each above the one before and all above the defaults;
// and it knows of every value where it came from.
//
// The program never writes the file. What it keeps by itself (the name last used,
// the port) is in the data folder, with package identity.
//
// Every value is checked here, so that a slip of the pen is told with its file and
// line, and nothing is used before all is right. Package settings keeps no state
// and reads nothing but that one file.
package settings
