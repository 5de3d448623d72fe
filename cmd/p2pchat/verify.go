package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/identity"
)

func (p *program) contactVerify() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "verify PEER",
		Short: "Compare fingerprints, and remember that they matched",
		Long: `Compare fingerprints with a person, by voice or eye to eye: p2pchat id and
p2pchat contact verify show them there. Whether they matched is asked at a
terminal; --yes says so without being asked.`,
		Args: words("PEER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := p.folder()
			if err != nil {
				return err
			}
			return p.verify(cmd.Context(), f, args[0], yes)
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "they were compared, and matched")
	return cmd
}

func (p *program) verify(ctx context.Context, f *identity.Folder, s string, yes bool) error {
	id, err := namedPeer(f, s)
	if err != nil {
		return err
	}
	contacts, err := f.Contacts()
	if err != nil {
		return err
	}
	_, self, err := f.Key()
	if err != nil {
		return err
	}
	err = p.print(fmt.Sprintf("%s\nfingerprint      %s\nyour fingerprint %s", nameOf(contacts, id), id.Fingerprint(), self.Fingerprint()))
	if err != nil {
		return err
	}
	if !yes && !terminal(p.in) {
		return usage("not verified: there is no terminal to ask at",
			"compare the fingerprints with the person, then p2pchat contact verify "+shellWord(s)+" --yes")
	}
	if !yes {
		switch yes, err = p.confirm(ctx, "Does the other person see the same two? [y/N] "); {
		case err != nil:
			return err
		case !yes:
			return &fault{text: "not verified", hint: "fingerprints that differ belong to somebody else", code: codeFailure}
		}
	}
	if err := contacts.Verify(id, true); err != nil {
		return err
	}
	return p.closeRequest(f, id, "verified "+nameOf(contacts, id))
}

// closeRequest closes the request of a peer about whom the user said something,
// and tells it.
func (p *program) closeRequest(f *identity.Folder, id chat.PeerID, done string) error {
	requests, err := f.Requests()
	if err != nil {
		return err
	}
	if err := requests.Remove(id); err != nil {
		return err
	}
	p.say("%s", done)
	return nil
}

// maxAnswer is the longest answer that is read, in bytes.
const maxAnswer = 16

// confirm asks the person at the terminal. Everything but yes is no.
func (p *program) confirm(ctx context.Context, question string) (bool, error) {
	fmt.Fprint(p.err, question)
	answer := make(chan string, 1)
	go func() { // ends with the process: a terminal's read cannot be called off
		line, _ := bufio.NewReader(io.LimitReader(p.in, maxAnswer)).ReadString('\n') // its end is no
		answer <- line
	}()
	select {
	case line := <-answer:
		line = strings.ToLower(strings.TrimSpace(line))
		return line == "y" || line == "yes", nil
	case <-ctx.Done():
		return false, errInterrupted
	}
}
