package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/settings"
)

func (p *program) configCommand() *cobra.Command {
	var asJSON, template, path bool
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show the settings, and where each comes from",
		Long: `Show the settings as they hold, each with its origin: a flag, the environment
(P2PCHAT_NAME for name, P2PCHAT_NOTIFY_BELL for bell of [notify]), the settings
file or the default, in that order. Seeds of all of these are used together.

  p2pchat config --template > "$(p2pchat config --path)"`,
		Args: words(),
		RunE: func(*cobra.Command, []string) error {
			return p.showSettings(asJSON, template, path)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	cmd.Flags().BoolVar(&template, "template", false, "print a settings file with every setting explained, to begin with")
	cmd.Flags().BoolVar(&path, "path", false, "print where the settings file is")
	cmd.MarkFlagsMutuallyExclusive("json", "template", "path")
	return cmd
}

func (p *program) showSettings(asJSON, template, path bool) error {
	switch {
	case template:
		_, err := fmt.Fprint(p.out, settings.Template())
		return err
	case path:
		return p.print(p.settingsPath())
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for _, e := range p.settings.Entries() {
		if !asJSON {
			fmt.Fprintf(w, "%s\t# %s\n", e, e.Origin)
			continue
		}
		if err := p.printObject(e); err != nil {
			return err
		}
	}
	if p.settings.File == "" && !asJSON {
		p.say("there is no settings file (hint: p2pchat config --template prints one, for %s)", p.settingsPath())
	}
	return w.Flush()
}

// settingsPath is where the settings file is, or would be.
func (p *program) settingsPath() string {
	switch {
	case p.settings.File != "":
		return p.settings.File
	case p.flags.config != "":
		return p.flags.config
	default:
		return settings.DefaultFile(p.getenv)
	}
}
