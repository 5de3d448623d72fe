// Command p2pchat is a chat that needs no server.
//
// This package parses flags, starts the node, picks a face and chooses the exit
// code; one file per subcommand. Exit codes: 0 done, 1 network or peer failure,
// 2 usage or a data folder that cannot be used, 3 peer or room not found, 4
// refused by the other side, 130 interrupted.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/libp2p/go-libp2p/gologshim"
	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/settings"
)

func main() {
	p := &program{
		in: os.Stdin, out: os.Stdout, err: &stderr{w: os.Stderr},
		getenv: os.Getenv, environ: os.Environ(),
	}
	os.Exit(p.run(os.Args[1:]))
}

// A program is one run of the command.
type program struct {
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
	environ  []string // for the terminal
	flags    commonFlags
	settings *settings.Settings
}

// run runs the command and returns its exit code.
func (p *program) run(args []string) int {
	// libp2p logs to stderr by default, which is the person's screen.
	gologshim.SetDefaultHandler(slog.DiscardHandler)
	ctx, stop := notify(context.Background())
	defer stop()
	cmd := p.root()
	cmd.SetArgs(args)
	cmd.SetIn(p.in)
	cmd.SetOut(p.out)
	cmd.SetErr(p.err)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return codeDone
	}
	line, code := explain(err, p.flags.verbose)
	if line != "" {
		p.say("%s", line)
	}
	return code
}

// notify returns a context that ends at the first SIGINT, SIGTERM or SIGHUP; its
// cause is then an interruption. A second signal ends the process at once.
func notify(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// An output that nobody reads any more is an error like others, so that the
	// node can say goodbye.
	signal.Ignore(syscall.SIGPIPE)
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
			cancel(errInterrupted)
		case <-done:
			return
		}
		select {
		case <-signals:
			os.Exit(codeInterrupted)
		case <-done:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
}

// root builds the command tree.
func (p *program) root() *cobra.Command {
	var seed seedFlags
	var t talkFlags
	root := &cobra.Command{
		Use:   "p2pchat",
		Short: "A chat that needs no server",
		Long: `p2pchat is a chat that needs no server: people find each other through a
distributed hash table and talk in rooms or in private, encrypted on the way.

  p2pchat                   chat, on the whole terminal
  p2pchat join ROOM         talk in a room
  p2pchat dial PEER         talk in private
  p2pchat invite [ROOM]     print a word with which somebody else comes here
  p2pchat send, tail        for scripts
  p2pchat --bootstrap       run a seed node, where others begin to look
  p2pchat doctor            find out what is wrong with the network

All of them use one node, which the first one runs.

Exit codes: 0 done; 1 the network or a peer failed, or something was not
delivered; 2 usage, or a data folder that cannot be used; 3 peer or room not
found; 4 refused by the other side; 130 interrupted.`,
		Args:          cobra.ArbitraryArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return p.loadSettings(cmd)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			limit, err := seed.limit(cmd.Flags())
			switch {
			case err != nil:
				return err
			case seed.on:
				p.flags.showAddrs = seed.showAddrs
				return p.bootstrap(cmd.Context(), limit)
			case p.screens(&t):
				return p.chat(cmd.Context())
			}
			return cmd.Help()
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(err.Error(), cmd.CommandPath()+" --help lists the flags")
	})
	seed.add(root.Flags())
	p.flags.add(root.PersistentFlags())
	root.SuggestionsMinimumDistance = 2
	root.AddCommand(p.joinCommand(), p.dialCommand(), p.guiCommand(), p.inviteCommand(), p.sendCommand(), p.tailCommand(), p.roomsCommand(), p.daemonCommand(), p.statusCommand(), p.peersCommand(), p.doctorCommand(), p.idCommand(), p.contactCommand(), p.requestsCommand(),
		p.historyCommand(), p.searchCommand(), p.exportCommand(), p.importCommand(), p.outboxCommand(), p.configCommand(), p.manCommand(), p.versionCommand())
	tameCobra(root)
	return root
}

// tameCobra lets the two commands that cobra adds refuse words they do not know.
func tameCobra(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	root.SetHelpCommand(&cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about any command",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(root, args[0])
			}
			return cmd.Help()
		},
	})
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			cmd.Args = cobra.ArbitraryArgs
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				if len(args) > 0 {
					return unknownCommand(cmd, args[0])
				}
				return cmd.Help()
			}
		}
	}
}

// unknownCommand says so, and what it may have been meant to be.
func unknownCommand(cmd *cobra.Command, word string) error {
	hint := cmd.CommandPath() + " --help lists the commands"
	if near := cmd.SuggestionsFor(word); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return usage(fmt.Sprintf("unknown command %q", word), hint)
}

// words refuses any other arguments than those named.
func words(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		form := strings.Join(append([]string{cmd.CommandPath()}, names...), " ")
		switch {
		case len(args) > len(names):
			return usage(fmt.Sprintf("too many words: %q", args[len(names)]), form)
		case len(args) < len(names):
			return usage(names[len(args)]+" is missing", form)
		}
		return nil
	}
}
