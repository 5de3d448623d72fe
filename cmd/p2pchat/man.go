package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func (p *program) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man [DIR]",
		Short: "Print the manual page, or write those of all commands to a folder",
		Long: `Print the manual page of p2pchat in the form that man reads or, with DIR, write
the pages of all commands to that folder:

  p2pchat man | man -l -
  p2pchat man ~/.local/share/man/man1`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return words("[DIR]")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			root.DisableAutoGenTag = true
			// No date of today: the same program has the same pages.
			head := &doc.GenManHeader{Title: "P2PCHAT", Section: "1", Source: "p2pchat", Manual: "p2pchat", Date: new(time.Unix(0, 0).UTC())}
			if len(args) == 0 {
				return doc.GenMan(root, head, p.out)
			}
			return writePages(root, head, args[0])
		},
	}
}

// writePages writes one page for each command.
func writePages(root *cobra.Command, head *doc.GenManHeader, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write the pages: %w", err)
	}
	if err := doc.GenManTree(root, head, dir); err != nil {
		return fmt.Errorf("write the pages to %s: %w", filepath.Clean(dir), err)
	}
	return nil
}
