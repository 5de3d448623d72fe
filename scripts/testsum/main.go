// Command testsum reads the events of "go test -json" from standard input and
// prints what a person wants of them: a line for each package, the output of
// what failed, the reason of each skip. It writes the three numbers passed,
// failed and skipped into the file named by its argument, and exits with 1 if
// anything failed or nothing ran.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go test -json ./... | testsum COUNTS")
		os.Exit(2)
	}
	s := newSummary(os.Stdout)
	err := s.read(os.Stdin)
	if err == nil {
		counts := fmt.Sprintf("%d %d %d\n", s.passed, s.failed, s.skipped)
		err = os.WriteFile(os.Args[1], []byte(counts), 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(2)
	}
	if s.failed > 0 || s.passed+s.skipped == 0 {
		os.Exit(1)
	}
}

// An event is one line of "go test -json"; see "go doc test2json".
type event struct {
	Action      string
	Package     string
	ImportPath  string // in place of Package in build events
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

// A summary counts tests, and holds output until it is known to be wanted.
type summary struct {
	out                     io.Writer
	passed, failed, skipped int
	held                    map[key]*strings.Builder
	tests                   map[string]int // by package
	failures                map[string]int // by package
}

// A key is a test, or a package or its build if test is empty.
type key struct{ pkg, test string }

func newSummary(out io.Writer) *summary {
	return &summary{
		out:      out,
		held:     make(map[key]*strings.Builder),
		tests:    make(map[string]int),
		failures: make(map[string]int),
	}
}

func (s *summary) read(in io.Reader) error {
	r := bufio.NewReader(in)
	for {
		line, err := r.ReadBytes('\n')
		if len(line) > 0 {
			var ev event
			if json.Unmarshal(line, &ev) == nil && ev.Action != "" {
				s.handle(ev)
			} else {
				fmt.Fprint(s.out, string(line)) // go itself complains in plain text
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *summary) handle(ev event) {
	k := key{ev.Package, ev.Test}
	switch ev.Action {
	case "build-output":
		s.hold(key{ev.ImportPath, ""}, ev.Output)
	case "output":
		s.hold(k, ev.Output)
	case "pass", "fail", "skip":
		output := s.take(k)
		if ev.Test == "" {
			s.endPackage(ev, output)
		} else {
			s.endTest(ev, output)
		}
	}
}

func (s *summary) endTest(ev event, output string) {
	s.tests[ev.Package]++
	switch ev.Action {
	case "pass":
		s.passed++
	case "skip":
		s.skipped++
		fmt.Fprintf(s.out, "skip  %s %s\n%s", ev.Package, ev.Test, output)
	case "fail":
		s.failed++
		s.failures[ev.Package]++
		fmt.Fprintf(s.out, "FAIL  %s %s (%.2fs)\n%s", ev.Package, ev.Test, ev.Elapsed, output)
	}
}

func (s *summary) endPackage(ev event, output string) {
	switch {
	case ev.Action == "fail":
		s.endUnfinished(ev.Package)
		// A package can fail without a failed test: it does not build, a test
		// ends the process, TestMain finds a leak. Count that, or it is lost.
		if s.failures[ev.Package] == 0 {
			s.failed++
		}
		if ev.FailedBuild != "" {
			output = s.take(key{ev.FailedBuild, ""}) + output
		}
		fmt.Fprintf(s.out, "FAIL  %s (%.2fs)\n%s", ev.Package, ev.Elapsed, output)
	case s.tests[ev.Package] > 0:
		cached := ""
		if strings.Contains(output, "(cached)") {
			cached = ", cached"
		}
		fmt.Fprintf(s.out, "ok    %s (%.2fs, %d tests%s)\n", ev.Package, ev.Elapsed, s.tests[ev.Package], cached)
	}
}

// endUnfinished shows the tests that were running when their process ended: by
// a timeout, a signal or os.Exit. One of them holds the stack traces.
func (s *summary) endUnfinished(pkg string) {
	var names []string
	for k := range s.held {
		if k.pkg == pkg && k.test != "" {
			names = append(names, k.test)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		s.failed++
		s.failures[pkg]++
		fmt.Fprintf(s.out, "FAIL  %s %s (did not end)\n%s", pkg, name, s.take(key{pkg, name}))
	}
}

func (s *summary) hold(k key, output string) {
	b := s.held[k]
	if b == nil {
		b = new(strings.Builder)
		s.held[k] = b
	}
	b.WriteString(output)
}

// take returns, and forgets, what was held for k.
func (s *summary) take(k key) string {
	b := s.held[k]
	if b == nil {
		return ""
	}
	delete(s.held, k)
	return b.String()
}
