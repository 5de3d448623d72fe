//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// onSmallDisk tells a process of this test binary that it is the one that may
// mount file systems.
const onSmallDisk = "P2PCHAT_TEST_DISK"

// TestDisk runs testdata/disk: scripts in which a data folder is on a small file
// system that becomes full, or cannot be written, or whose history is damaged.
// They run in a process of their own, in namespaces in which it may mount such
// things, and where even root is held to them. Besides the commands of the other
// scripts there are
//
//	smalldisk DIR SIZE      make DIR a file system of this size, such as 2m
//	readonly PATH           make a small disk, or one file, read-only
//	writable PATH           undo that
//	fill FILE [SIZE]        write a file of zeros, until the disk is full
//	lines NAME FROM TO      write numbered lines of 500 bytes to the input
//	exhaust NAME FROM NEXT  see cmdExhaust
//	longline NAME LENGTH    write one long line
//	honest NAME N READER    see cmdHonest
func TestDisk(t *testing.T) {
	if os.Getenv(onSmallDisk) != "" {
		testscript.Run(t, testscript.Params{
			Dir:                 "testdata/disk",
			RequireExplicitExec: true,
			RequireUniqueNames:  true,
			Setup:               newStage,
			Cmds: map[string]func(*testscript.TestScript, bool, []string){
				"start":     cmdStart,
				"say":       cmdSay,
				"eof":       cmdEOF,
				"signal":    cmdSignal,
				"ended":     cmdEnded,
				"waitfor":   cmdWaitFor,
				"setvar":    cmdSetVar,
				"chat":      cmdChat,
				"bad":       cmdBad,
				"smalldisk": cmdSmallDisk,
				"readonly":  cmdReadOnly,
				"writable":  cmdWritable,
				"fill":      cmdFill,
				"lines":     cmdLines,
				"exhaust":   cmdExhaust,
				"longline":  cmdLongLine,
				"honest":    cmdHonest,
			},
		})
		return
	}
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDisk$", "-test.v="+strconv.FormatBool(testing.Verbose()))
	cmd.Env = append(os.Environ(), onSmallDisk+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	out, err := cmd.CombinedOutput()
	cannot := ""
	if e := (*exec.ExitError)(nil); err != nil && !errors.As(err, &e) {
		cannot = fmt.Sprintf("no namespaces can be made: %v", err)
	} else if strings.Contains(string(out), noMounts) {
		cannot = string(out)
	}
	switch {
	case cannot != "" && os.Getenv("REQUIRE_NETNS") == "":
		t.Skipf("small disks cannot be made here: %s", cannot)
	case cannot != "":
		t.Fatal(cannot)
	case err != nil:
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// noMounts says that a namespace was made, and yet nothing can be mounted in it.
const noMounts = "no file system can be mounted"

func cmdSmallDisk(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && len(args) == 2, "usage: smalldisk DIR SIZE")
	dir := ts.MkAbs(args[0])
	ts.Check(os.Mkdir(dir, 0o700))
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=700,size="+args[1]); err != nil {
		ts.Fatalf("%s: %v", noMounts, err)
	}
	// After the end of the script, whose processes may use it until then.
	ts.Defer(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}

func cmdReadOnly(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && len(args) == 1, "usage: readonly PATH")
	path := ts.MkAbs(args[0])
	info, err := os.Stat(path)
	ts.Check(err)
	flags := uintptr(syscall.MS_REMOUNT | syscall.MS_RDONLY)
	if !info.IsDir() {
		flags |= syscall.MS_BIND
		ts.Check(syscall.Mount(path, path, "", syscall.MS_BIND, ""))
	}
	ts.Check(syscall.Mount("", path, "", flags, ""))
}

func cmdWritable(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && len(args) == 1, "usage: writable PATH")
	path := ts.MkAbs(args[0])
	info, err := os.Stat(path)
	ts.Check(err)
	if info.IsDir() {
		ts.Check(syscall.Mount("", path, "", syscall.MS_REMOUNT, ""))
		return
	}
	ts.Check(syscall.Unmount(path, 0))
}

func cmdFill(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && (len(args) == 1 || len(args) == 2), "usage: fill FILE [SIZE]")
	size := 1 << 30
	if len(args) == 2 {
		n, err := strconv.Atoi(strings.TrimSuffix(args[1], "m"))
		ts.Check(err)
		size = n << 20
	}
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	page := make([]byte, 4<<10)
	for ; size > 0 && err == nil; size -= len(page) {
		_, err = f.Write(page)
	}
	if len(args) == 1 && errors.Is(err, syscall.ENOSPC) {
		err = nil
	}
	ts.Check(errors.Join(err, f.Close()))
}

func cmdLines(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && len(args) == 3, "usage: lines NAME FROM TO")
	from, err := strconv.Atoi(args[1])
	ts.Check(err)
	to, err := strconv.Atoi(args[2])
	ts.Check(err)
	in := bufio.NewWriter(stageOf(ts).process(ts, args[0]).in)
	for i := from; i <= to; i++ {
		_, err = in.WriteString(numbered(i))
		ts.Check(err)
	}
	ts.Check(in.Flush())
}

// numbered is line i of about 500 bytes.
func numbered(i int) string { return fmt.Sprintf("%d %s\n", i, strings.Repeat("x", 495)) }

// cmdExhaust writes numbered lines, from FROM on, one after the other, until a
// few in a row were rejected: what was left of a full disk by a longer write that
// failed is used up too. The number of the line after them goes into NEXT.
func cmdExhaust(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && len(args) == 3, "usage: exhaust NAME FROM NEXT")
	i, err := strconv.Atoi(args[1])
	ts.Check(err)
	s := stageOf(ts)
	in, out := s.process(ts, args[0]).in, args[0]+".out"
	for inARow := 0; inARow < 5; i++ {
		_, err := io.WriteString(in, numbered(i))
		ts.Check(err)
		found := s.await(ts, out, fmt.Sprintf(`"text":"%d x|"line":%d,"reason":"[^"]*(the disk is full)`, i, i), 1)
		if inARow++; found[0][1] == "" {
			inARow = 0
		}
	}
	ts.Setenv(args[2], strconv.Itoa(i))
}

func cmdLongLine(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && len(args) == 2, "usage: longline NAME LENGTH")
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	_, err = io.WriteString(stageOf(ts).process(ts, args[0]).in, strings.Repeat("x", n)+"\n")
	ts.Check(err)
}

// cmdHonest compares what a process with --json that has ended said about its
// own lines 1 to n in the room lobby, as cmdLines writes them, with its history:
// each was either accepted, once, and is there, or rejected, and is neither
// there nor on the screen of a reader.
func cmdHonest(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && len(args) == 3, "usage: honest NAME N READER")
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	s := stageOf(ts)
	accepted, rejected := ownLines(ts, s.read(args[0]+".out"))
	export, _ := s.run(ts, "0", "", []string{"export", "lobby", "--json", "--data", args[0] + ".d"})
	stored, _ := ownLines(ts, export)
	shown, _ := ownLines(ts, strings.ReplaceAll(s.read(args[2]+".out"), `"mine":false`, `"mine":true`))
	must(ts, len(accepted) > 0 && len(rejected) > 0, "%d lines were accepted and %d rejected", len(accepted), len(rejected))
	for i := 1; i <= n; i++ {
		switch {
		case accepted[i] == 1 && rejected[i] == 0 && stored[i] == 1 && shown[i] == 1:
		case accepted[i] == 0 && rejected[i] == 1 && stored[i] == 0 && shown[i] == 0:
		default:
			ts.Fatalf("line %d was accepted %d times, rejected %d times; it is %d times in the history, and was shown to %s %d times",
				i, accepted[i], rejected[i], stored[i], args[2], shown[i])
		}
	}
	ts.Logf("%d lines were accepted, %d rejected", len(accepted), len(rejected))
}

// ownLines counts, by their numbers, the own lines that are shown in some output
// of --json, and those it says were rejected.
func ownLines(ts *testscript.TestScript, out string) (accepted, rejected map[int]int) {
	accepted, rejected = make(map[int]int), make(map[int]int)
	for line := range strings.Lines(out) {
		var o struct {
			Type, Text string
			Mine       bool
			Line       int
		}
		ts.Check(json.Unmarshal([]byte(line), &o))
		switch {
		case o.Type == "rejected":
			rejected[o.Line]++
		case o.Type == "message" && o.Mine:
			number, _, _ := strings.Cut(o.Text, " ")
			if i, err := strconv.Atoi(number); err == nil {
				accepted[i]++
			}
		}
	}
	return accepted, rejected
}
