package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/p2pchat/p2pchat/chat"
)

// These are the commands of the scripts besides testscript's own. A process
// called NAME has its data folder in $WORK/NAME.d, and its outputs in NAME.out
// and NAME.err. Every process is on loopback, without mDNS, and is killed at
// the end of its script.
//
//	start NAME ARG...         start a p2pchat whose input stays open
//	startseen NAME ARG...     the same, with a terminal as its output
//	say NAME TEXT...          write a line to its input
//	feed NAME FILE            write a file to its input
//	eof NAME                  end its input
//	signal NAME INT|TERM|...  send a signal
//	ended NAME CODE           wait for its end, with this exit code
//	chat CODE [<FILE] ARG...  run a p2pchat to its end, in the folder $P2PCHAT_DATA
//	polled RE ARG...          run a p2pchat again and again, until it prints RE
//	[!] waitfor FILE RE [N]   wait until RE is in FILE (at least N times)
//	setvar VAR FILE RE        the same, and set VAR to its first group
//	freeport VAR              set VAR to a port where nobody listens
//	texts FILE NICK WANT      wait for all that NICK says, line by line as in WANT
//	jsonok FILE N             check --json output with N own messages
//	bad TEXT ARG...           a mistake of usage: TEXT, one line, nothing else
//	damaged ARG...            the same for alice.d/key, which stays as it is
//	listen VAR                answer as a web server does, at port VAR
//	numbers FILE N            make a file of N lines
//	badlines FILE LIMIT       make files of good and bad lines, and of the longest
//
// $MANY is how many lines are many. $ESC is the byte that begins a terminal's escape sequences, $BAD no UTF-8, $NL a
// newline.

// patience bounds every wait. It is long because machines that run tests are
// busy; nothing waits that long unless it fails.
const patience = 45 * time.Second

// manyLines is how many lines are piped at once.
const manyLines = 10_000 - 7000*raced

// poll is how often a file is looked at.
const poll = 10 * time.Millisecond

type stageKey struct{}

// A stage is the processes of one script.
type stage struct {
	work  string
	procs map[string]*process
}

type process struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	done chan struct{} // closed when it has ended, and code is set
	code int
}

func newStage(env *testscript.Env) error {
	s := &stage{work: env.WorkDir, procs: make(map[string]*process)}
	env.Values[stageKey{}] = s
	env.Setenv("P2PCHAT_DATA", env.WorkDir+"/data")
	env.Setenv("ESC", "\x1b")
	env.Setenv("MANY", strconv.Itoa(manyLines))
	env.Setenv("BAD", "a\xffb")
	env.Setenv("NL", "\n")
	env.Defer(func() {
		for _, p := range s.procs {
			_ = p.cmd.Process.Kill() // most have ended
			<-p.done
		}
		for name := range s.procs { // also of those whose end no script looks at
			if stderr := s.read(name + ".err"); crashed(stderr) != "" {
				env.T().Fatal(name, " crashed:\n", stderr)
			}
		}
	})
	return nil
}

func stageOf(ts *testscript.TestScript) *stage { return ts.Value(stageKey{}).(*stage) }

// loopback is the environment that keeps a command on this machine, unless flags
// say something else.
func loopback(args []string) []string {
	i := slices.IndexFunc(args, func(a string) bool { return slices.Contains(nodeCommands(), a) })
	if i < 0 || slices.Contains(args, "__complete") {
		return nil
	}
	env := []string{"P2PCHAT_MDNS=0", "P2PCHAT_WEB=off"} // the page's port is one for the whole machine
	if args[i] != "peers" {
		env = append(env, "P2PCHAT_LISTEN=/ip4/127.0.0.1/tcp/0")
	}
	return env
}

// nodeCommands are those that may run a node.
func nodeCommands() []string {
	return []string{"join", "dial", "peers", "doctor", "send", "tail", "invite", "daemon", "gui", "--bootstrap"}
}

// binary is p2pchat in the script's path.
func binary(ts *testscript.TestScript) string {
	for dir := range strings.SplitSeq(ts.Getenv("PATH"), string(os.PathListSeparator)) {
		if path := dir + "/p2pchat"; exec.Command(path).Err == nil {
			if _, err := os.Stat(path); err == nil {
				return path
			}
		}
	}
	ts.Fatalf("no p2pchat in PATH")
	return ""
}

func environ(ts *testscript.TestScript) []string {
	env := []string{"HOME=" + ts.Getenv("WORK"), "PATH=" + ts.Getenv("PATH"), "TZ=UTC", "GORACE=exitcode=66"}
	for _, name := range []string{
		"P2PCHAT_DATA", "P2PCHAT_SEEDS", "P2PCHAT_CONFIG", "P2PCHAT_NAME", "P2PCHAT_ROOMS", "XDG_CONFIG_HOME", "GOCOVERDIR",
	} {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && len(args) >= 2, "usage: start NAME ARG...")
	s := stageOf(ts)
	out, err := os.Create(s.work + "/" + args[0] + ".out")
	ts.Check(err)
	defer out.Close()
	s.start(ts, args[0], args[1:], out)
}

// cmdStartSeen starts a process that takes its output for a person's screen.
func cmdStartSeen(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && len(args) >= 2, "usage: startseen NAME ARG...")
	s := stageOf(ts)
	out, err := os.Create(s.work + "/" + args[0] + ".out")
	ts.Check(err)
	screen, tty, err := openTerminal()
	ts.Check(err)
	go func() { // ends when nobody has the terminal open any more
		defer out.Close()
		defer screen.Close()
		_, _ = io.Copy(withoutReturns{out}, screen)
	}()
	defer tty.Close()
	s.start(ts, args[0], args[1:], tty)
}

// start starts a process with this output.
func (s *stage) start(ts *testscript.TestScript, name string, args []string, out *os.File) {
	if old := s.procs[name]; old != nil {
		select {
		case <-old.done:
		default:
			ts.Fatalf("%s runs already", name)
		}
	}
	env := append(environ(ts), loopback(args)...)
	if !slices.Contains(args, "--data") {
		// In front: after -- it would be taken for a text.
		args = append([]string{"--data", s.work + "/" + name + ".d"}, args...)
	}
	p := &process{cmd: exec.Command(binary(ts), args...), done: make(chan struct{})}
	p.cmd.Env = env
	p.cmd.Dir = s.work
	errs, err := os.Create(s.work + "/" + name + ".err")
	ts.Check(err)
	defer errs.Close()
	p.cmd.Stdout, p.cmd.Stderr = out, errs
	p.in, err = p.cmd.StdinPipe()
	ts.Check(err)
	ts.Check(p.cmd.Start())
	s.procs[name] = p
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // the code says it
		p.code = p.cmd.ProcessState.ExitCode()
	}()
}

func (s *stage) process(ts *testscript.TestScript, name string) *process {
	p := s.procs[name]
	must(ts, p != nil, "no process is called %s", name)
	return p
}

func cmdSay(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && len(args) >= 2, "usage: say NAME TEXT...")
	_, err := io.WriteString(stageOf(ts).process(ts, args[0]).in, strings.Join(args[1:], " ")+"\n")
	ts.Check(err)
}

func cmdFeed(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && len(args) == 2, "usage: feed NAME FILE")
	_, err := io.WriteString(stageOf(ts).process(ts, args[0]).in, ts.ReadFile(args[1]))
	ts.Check(err)
}

func cmdEOF(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && len(args) == 1, "usage: eof NAME")
	ts.Check(stageOf(ts).process(ts, args[0]).in.Close())
}

func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && len(args) == 2, "usage: signal NAME SIGNAL")
	signals := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "KILL": os.Kill}
	sig, ok := signals[args[1]]
	must(ts, ok, "unknown signal %s", args[1])
	ts.Check(stageOf(ts).process(ts, args[0]).cmd.Process.Signal(sig))
}

func cmdEnded(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && len(args) == 2, "usage: ended NAME CODE")
	s := stageOf(ts)
	p := s.process(ts, args[0])
	select {
	case <-p.done:
	case <-time.After(patience):
		s.fatal(ts, "%s did not end", args[0])
	}
	_ = p.in.Close()
	if strconv.Itoa(p.code) != args[1] {
		s.fatal(ts, "%s ended with exit code %d, want %s", args[0], p.code, args[1])
	}
	s.noTrace(ts, s.read(args[0]+".err"))
}

// cmdChat runs a command to its end.
func cmdChat(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && len(args) >= 1, "usage: chat CODE [<FILE] ARG...")
	code, stdin, args := args[0], "", args[1:]
	if len(args) > 0 && strings.HasPrefix(args[0], "<") {
		stdin, args = ts.ReadFile(args[0][1:]), args[1:]
	}
	out, errs := stageOf(ts).run(ts, code, stdin, args)
	_, _ = io.WriteString(ts.Stdout(), out)
	_, _ = io.WriteString(ts.Stderr(), errs)
}

// cmdPolled runs a command, which is to succeed, until it prints what is waited for.
func cmdPolled(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && len(args) >= 2, "usage: polled RE ARG...")
	re, err := regexp.Compile(`(?m)` + args[0])
	ts.Check(err)
	s := stageOf(ts)
	for end := time.Now().Add(patience); ; time.Sleep(poll) {
		out, _ := s.run(ts, "0", "", args[1:])
		if re.MatchString(out) {
			return
		}
		if time.Now().After(end) {
			s.fatal(ts, "%q was not printed, but:\n%s", args[0], out)
		}
	}
}

// run runs p2pchat to its end, which is to have the exit code.
func (s *stage) run(ts *testscript.TestScript, code, stdin string, args []string) (stdout, stderr string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary(ts), args...)
	cmd.Env = append(environ(ts), loopback(args)...)
	cmd.Dir = s.work
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	}
	if got := strconv.Itoa(cmd.ProcessState.ExitCode()); got != code {
		s.fatal(ts, "exit code %s, want %s; stderr:\n%s", got, code, errs.String())
	}
	s.noTrace(ts, errs.String())
	return out.String(), errs.String()
}

func cmdBad(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && len(args) >= 2, "usage: bad TEXT ARG...")
	out, errs := stageOf(ts).run(ts, "2", "", args[1:])
	switch {
	case !strings.HasPrefix(errs, "p2pchat: "+args[0]):
		ts.Fatalf("stderr is %q, want it to begin with %q", errs, "p2pchat: "+args[0])
	case strings.Count(errs, "\n") != 1 || !strings.HasSuffix(errs, "\n"):
		ts.Fatalf("stderr is not one line: %q", errs)
	case strings.Contains(errs, "\x1b") || !utf8.ValidString(errs):
		ts.Fatalf("stderr has raw bytes of the input: %q", errs)
	case !strings.Contains(errs, "(hint: ") && !strings.Contains(errs, "chmod"):
		ts.Fatalf("stderr has no hint: %q", errs)
	case out != "":
		ts.Fatalf("stdout is %q, want nothing", out)
	}
}

func cmdDamaged(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && len(args) >= 1, "usage: damaged ARG...")
	s := stageOf(ts)
	before := s.read("alice.d/key")
	_, errs := s.run(ts, "2", "", append(slices.Clone(args), "--data", "alice.d"))
	if !strings.HasPrefix(errs, "p2pchat: key file is damaged: ") || !strings.Contains(errs, "put back a copy of it, or move it away") {
		ts.Fatalf("stderr is %q", errs)
	}
	if after := s.read("alice.d/key"); after != before {
		ts.Fatalf("the key file changed from %q to %q", before, after)
	}
}

// cmdListen serves whoever connects one line that is not libp2p's.
func cmdListen(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && len(args) == 1, "usage: listen VAR")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
			_ = c.Close()
		}
	}()
	ts.Setenv(args[0], strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
}

func cmdNumbers(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && len(args) == 2, "usage: numbers FILE N")
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "line %d of a burst that is piped at once, padded to about one hundred bytes .................\n", i+1)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()), 0o600))
}

func cmdBadLines(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && len(args) == 2, "usage: badlines FILE LIMIT")
	lines := []string{
		"one",
		strings.Repeat("x", chat.MaxText+1),
		"three",
		strings.Repeat("x", 1_000_000),
		"five",
		"not \xff UTF-8",
		"seven",
		"/frob nicate",
		"nine and last", // without an end
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Join(lines, "\n")), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Repeat("x", chat.MaxText)+"\n"), 0o600))
}

// noTrace fails if a program's stderr looks like that of a crash, or shows a
// chain of errors as libraries write them.
func (s *stage) noTrace(ts *testscript.TestScript, stderr string) {
	if bad := crashed(stderr); bad != "" {
		s.fatal(ts, "stderr holds %q:\n%s", bad, stderr)
	}
}

// crashed returns what in a program's stderr should never be there, or nothing.
func crashed(stderr string) string {
	for _, bad := range []string{"goroutine ", "panic:", "DATA RACE", "failed to dial", "all dials failed", "%!"} {
		if strings.Contains(stderr, bad) {
			return bad
		}
	}
	return ""
}

func cmdWaitFor(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && (len(args) == 2 || len(args) == 3), "usage: waitfor FILE RE [N]")
	n := 1
	if len(args) == 3 {
		var err error
		n, err = strconv.Atoi(args[2])
		ts.Check(err)
	}
	stageOf(ts).await(ts, args[0], args[1], n)
}

func cmdSetVar(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && len(args) == 3, "usage: setvar VAR FILE RE")
	found := stageOf(ts).await(ts, args[1], args[2], 1)
	must(ts, len(found[0]) == 2, "%s needs one group", args[2])
	ts.Setenv(args[0], found[0][1])
}

// await waits until a pattern is in a file n times.
func (s *stage) await(ts *testscript.TestScript, file, pattern string, n int) [][]string {
	re, err := regexp.Compile(`(?m)` + pattern)
	ts.Check(err)
	for end := time.Now().Add(patience); ; time.Sleep(poll) {
		found := re.FindAllStringSubmatch(s.read(file), -1)
		if len(found) >= n {
			return found
		}
		if time.Now().After(end) {
			s.fatal(ts, "%s has %q %d times, want %d", file, pattern, len(found), n)
		}
	}
}

func cmdFreePort(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && len(args) == 1, "usage: freeport VAR")
	for range 100 {
		// Below the range from which the system gives ports away.
		port := strconv.Itoa(10_000 + rand.IntN(20_000))
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			ts.Check(l.Close())
			ts.Setenv(args[0], port)
			return
		}
	}
	ts.Fatalf("no free port")
}

// cmdTexts compares what a reader saw of one author, in the line form, with
// what that author wrote.
func cmdTexts(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && len(args) == 3, "usage: texts FILE NICK WANT")
	s := stageOf(ts)
	want := strings.Split(strings.TrimSuffix(ts.ReadFile(args[2]), "\n"), "\n")
	found := s.await(ts, args[0], `^\d\d:\d\d `+regexp.QuoteMeta(args[1])+` \| (.*)$`, len(want))
	if len(found) != len(want) {
		s.fatal(ts, "%s has %d lines of %s, want %d", args[0], len(found), args[1], len(want))
	}
	for i, f := range found {
		if f[1] != want[i] {
			s.fatal(ts, "%s: line %d of %s is %q, want %q", args[0], i+1, args[1], f[1], want[i])
		}
	}
}

// read is what a file holds by now.
func (s *stage) read(file string) string {
	b, err := os.ReadFile(s.work + "/" + file)
	if err != nil {
		return ""
	}
	return string(b)
}

// fatal ends the script and shows what all processes said last.
func (s *stage) fatal(ts *testscript.TestScript, format string, args ...any) {
	const shown = 2000
	for name := range s.procs {
		for _, ext := range []string{".out", ".err"} {
			text := s.read(name + ext)
			if len(text) > shown {
				text = "..." + text[len(text)-shown:]
			}
			ts.Logf("[%s%s]\n%s", name, ext, text)
		}
	}
	ts.Fatalf("%s", fmt.Sprintf(format, args...))
}

func must(ts *testscript.TestScript, ok bool, format string, args ...any) {
	if !ok {
		ts.Fatalf(format, args...)
	}
}
