package settings

import (
	"strconv"
)

// From is a kind of source.
type From int

// The sources, the lowest first.
const (
	FromDefault From = iota
	FromFile
	FromEnvironment
	FromFlag
)

// An Origin says where a value came from.
type Origin struct {
	From From
	// Name is the file's path, the variable or the flag.
	Name string
	// Line is where in the file, from 1; 0 if that means nothing.
	Line int
}

// String is "default", "file NAME line N", "environment P2PCHAT_X" or "flag --x".
func (o Origin) String() string {
	switch o.From {
	case FromFile:
		if o.Line == 0 {
			return "file " + o.Name
		}
		return "file " + o.Name + " line " + strconv.Itoa(o.Line)
	case FromEnvironment:
		return "environment " + o.Name
	case FromFlag:
		return "flag " + o.Name
	}
	return "default"
}

// Origin says where the value of key came from; of seeds, of the first one.
func (s *Settings) Origin(key string) Origin {
	if all := s.origins[key]; len(all) > 0 {
		return all[0]
	}
	return Origin{}
}
