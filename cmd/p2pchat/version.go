package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the version",
		Args:  words(),
		RunE: func(*cobra.Command, []string) error {
			return p.print("p2pchat " + version() + " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH)
		},
	}
}

// version is the module's version, or the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "(commit " + s.Value[:12] + ")"
		}
	}
	return "(devel)"
}
