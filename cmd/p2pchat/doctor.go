package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/node"
)

func (p *program) doctorCommand() *cobra.Command {
	var asJSON bool
	wait := waitFlag(10 * time.Second)
	cmd := &cobra.Command{
		Use:   "doctor [PEER|INVITE]",
		Short: "Find out what is wrong with the network",
		Long: `Look at everything a chat needs, say of each thing what was seen and what to do
about it, and last, in one sentence, how things stand. With PEER, as in dial,
also try to reach that peer, step by step.

If a node of the data folder runs, it is the one that looks; else, or with --seed,
one for this look, under a key of its own, which nobody sees. With -v
every detail is shown.

Exit codes: 0 healthy; 1 something is not as it could be; 2 usage; 3 the peer
was not reached.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return words("[PEER]")(cmd, args)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.doctor(cmd.Context(), strings.Join(args, ""), asJSON, time.Duration(wait))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	cmd.Flags().Var(&wait, "wait", "wait at most `DURATION` for the seeds and their answers, and as long for the peer")
	return cmd
}

// doctor examines, and prints each finding as soon as there is one.
func (p *program) doctor(ctx context.Context, whom string, asJSON bool, wait time.Duration) (err error) {
	print := p.printCheck
	if asJSON {
		print = p.printCheckJSON
	}
	if asked, err := p.askNode(ctx, whom, asJSON, wait, print); asked || err != nil {
		return err
	}
	patient, err := p.patient(ctx, whom)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, patient.unlock()) }()
	patient.o.Wait = wait
	n, err := p.startPatient(ctx, &patient)
	if err != nil {
		return err
	}
	defer n.Close(context.WithoutCancel(ctx))
	var printed error
	d, err := n.Diagnose(ctx, patient.o, func(c node.Check) { printed = errors.Join(printed, print(c)) })
	if err != nil {
		return errInterrupted
	}
	if printed != nil {
		return printed
	}
	return p.concluded(d, asJSON)
}

// concluded prints what a diagnosis comes to, and makes it the exit code.
func (p *program) concluded(d node.Diagnosis, asJSON bool) error {
	if err := p.printDiagnosis(d, asJSON); err != nil {
		return err
	}
	if code := diagnosisCode(d.Outcome); code != codeDone {
		return &fault{code: code} // all is said
	}
	return nil
}

// askNode has the node look that runs, and reports whether there is one.
func (p *program) askNode(ctx context.Context, whom string, asJSON bool, wait time.Duration, print func(node.Check) error) (asked bool, err error) {
	folder, err := p.folder()
	if err != nil || p.flags.set.Changed("seed") {
		return false, nil // a folder that cannot be used is a finding
	}
	q := api.DiagnoseQuery{Wait: wait}
	if whom != "" {
		t, err := p.targetOf(folder, whom)
		if err != nil {
			return false, err
		}
		q.Peer, q.At = t.peer, t.hostport
		for _, a := range t.addrs {
			q.Addrs = append(q.Addrs, a.String())
		}
	}
	return p.withRunning(ctx, folder, func(s *session) error {
		if q.Peer == s.Self() {
			return errOwnDoctor()
		}
		var printed error
		sum, err := s.Diagnose(ctx, q, func(c api.Check) {
			printed = errors.Join(printed, print(node.Check{
				Name: c.Name, Status: node.CheckStatus(c.Status), Saw: c.Saw, Advice: c.Advice, Detail: c.Detail,
			}))
		})
		switch {
		case ctx.Err() != nil:
			return errInterrupted
		case err != nil || printed != nil:
			return errors.Join(err, printed)
		}
		return p.concluded(node.Diagnosis{
			Outcome: node.Outcome(sum.Status), Text: sum.Text, Counts: map[node.CheckStatus]int{
				node.CheckOK: sum.OK, node.CheckWarn: sum.Warn, node.CheckFail: sum.Fail, node.CheckSkip: sum.Skip,
			},
		}, asJSON)
	})
}

func errOwnDoctor() error {
	return usage("this is your own peer ID", "name somebody else; without PEER, this computer is looked at")
}

// diagnosisCode is the exit code of an outcome.
func diagnosisCode(o node.Outcome) int {
	switch o {
	case node.Healthy:
		return codeDone
	case node.Unreachable:
		return codeNotFound
	default:
		return codeFailure
	}
}

// A patient is what the doctor looks at.
type patient struct {
	cfg    node.Config
	o      node.DiagnoseOptions
	folder *identity.Folder // nil if it cannot be used
	beside bool             // a node runs on the folder
	unlock func() error
}

// patient reads flags and folder. A folder that cannot be used is a finding; the
// rest is looked at all the same.
func (p *program) patient(ctx context.Context, whom string) (_ patient, err error) {
	var x patient
	x.unlock = func() error { return nil }
	x.o.Folder = new(node.FolderFacts)
	if x.folder, err = p.folder(); err == nil {
		x.cfg, err = p.config(x.folder, false)
	}
	if err != nil && !aboutFolder(err) {
		return x, err
	}
	if err != nil {
		x.folder, x.o.Folder.Err = nil, err
		with := p.nodeSettings()
		if x.cfg, err = p.bareConfig(with); err != nil {
			return x, err
		}
	}
	if err := p.aim(&x, whom); err != nil {
		return x, err
	}
	// Under the folder's own key friends would hand this node private messages,
	// which it does not keep.
	if x.cfg.Key, _, err = identity.Ephemeral(); err != nil {
		return x, err
	}
	x.cfg.Invisible = true
	if x.folder != nil {
		err = x.enter()
		p.inspect(ctx, x.folder, x.o.Folder)
	}
	return x, err
}

// aboutFolder reports whether an error is about the data folder, and not about
// what the person typed.
func aboutFolder(err error) bool {
	for _, target := range []error{
		identity.ErrFolder, identity.ErrKeyDamaged, identity.ErrKeyExposed, identity.ErrDamaged, identity.ErrNewer, identity.ErrBusy,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// aim reads PEER.
func (p *program) aim(x *patient, whom string) error {
	if whom == "" {
		return nil
	}
	t, err := p.targetOf(x.folder, whom)
	if err != nil {
		return err
	}
	x.o.Peer, x.o.Addrs = t.peer, t.addrs
	x.cfg.Seeds = append(x.cfg.Seeds, t.seeds...)
	if t.hostport != "" {
		if x.o.At, err = host.ParseHostPort(t.hostport); err != nil {
			return err
		}
	}
	if x.folder == nil {
		return nil
	}
	_, self, err := x.folder.Key()
	if err == nil && x.o.Peer == self {
		err = errOwnDoctor()
	}
	return err
}

// targetOf reads PEER, without contacts if there is no folder.
func (p *program) targetOf(f *identity.Folder, whom string) (target, error) {
	if f != nil {
		return parseTarget(f, whom)
	}
	return parseStranger(whom)
}

// enter takes the folder, or else notes who has it.
func (x *patient) enter() error {
	unlock, err := x.folder.Lock()
	switch {
	case errors.Is(err, identity.ErrInUse):
		x.beside = true
		x.o.Folder.InUse = true
		x.cfg.Book = readOnly{x.cfg.Book}
		if _, by, found := strings.Cut(err.Error(), ", by "); found {
			x.o.Folder.Holder = by
		}
		return nil
	case err != nil:
		x.o.Folder.Err = err
		return nil
	}
	x.unlock = unlock
	return nil
}

// startPatient starts the node that is looked at: at the folder's own port, as a
// router may forward that, unless a node uses it. If that cannot listen, one that
// does not.
func (p *program) startPatient(ctx context.Context, x *patient) (*node.Node, error) {
	cfg := x.cfg
	if len(cfg.Listen) == 0 && (x.beside || x.folder == nil) {
		port, err := freePort()
		if err != nil {
			return nil, fmt.Errorf("choose a port: %w", err)
		}
		cfg.Listen, cfg.ListenOptional = everywhere(port)
	}
	n, err := p.start(ctx, x.folder, cfg)
	if err == nil {
		return n, nil
	}
	f := judgeListen(err)
	if f == nil {
		return nil, err
	}
	x.o.ListenErr = f
	cfg.Listen, cfg.ListenOptional = nil, nil
	return node.Start(ctx, cfg)
}

// findingObject is one line of --json (README.md, "For scripts").
type findingObject struct {
	Type   string          `json:"type"`
	Name   string          `json:"name"`
	Status safe            `json:"status"`
	Saw    safe            `json:"saw"`
	Advice safe            `json:"advice"`
	Detail map[string]safe `json:"detail"`
}

func (p *program) printCheckJSON(c node.Check) error {
	o := findingObject{"check", c.Name, safe(c.Status), safe(c.Saw), safe(c.Advice), make(map[string]safe)}
	for name, value := range c.Detail {
		o.Detail[name] = safe(value)
	}
	return p.printObject(o)
}

func (p *program) printObject(o any) error {
	line, err := objectLine(o)
	if err != nil {
		return err
	}
	return p.print(line)
}

// printCheck prints a check for a person: what was seen, and below what to do.
func (p *program) printCheck(c node.Check) error {
	mark := map[node.CheckStatus]string{node.CheckOK: "ok", node.CheckWarn: "warn", node.CheckFail: "FAIL", node.CheckSkip: "-"}[c.Status]
	lines := []string{fmt.Sprintf("%-4s  %-14s  %s", mark, c.Name, c.Saw)}
	if c.Advice != "" {
		lines = append(lines, "        -> "+c.Advice)
	}
	if p.flags.verbose {
		for _, name := range slices.Sorted(maps.Keys(c.Detail)) {
			lines = append(lines, fmt.Sprintf("           %s: %s", name, c.Detail[name]))
		}
	}
	for i := range lines {
		lines[i] = chat.SafeString(lines[i])
	}
	return p.print(strings.Join(lines, "\n"))
}

func (p *program) printDiagnosis(d node.Diagnosis, asJSON bool) error {
	if !asJSON {
		return p.print("\n" + chat.SafeString(d.Text))
	}
	return p.printObject(struct {
		Type   string       `json:"type"`
		Status node.Outcome `json:"status"`
		Code   int          `json:"exit_code"`
		Text   safe         `json:"text"`
		OK     int          `json:"ok"`
		Warn   int          `json:"warn"`
		Fail   int          `json:"fail"`
		Skip   int          `json:"skip"`
	}{
		"summary", d.Outcome, diagnosisCode(d.Outcome), safe(d.Text),
		d.Counts[node.CheckOK], d.Counts[node.CheckWarn], d.Counts[node.CheckFail], d.Counts[node.CheckSkip],
	})
}
