package main

import (
	"flag"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the scripts run this test's own binary as p2pchat.
func TestMain(m *testing.M) {
	// Scripts mostly wait, so more of them than there are processors may run.
	// A -parallel on the command line comes after this, and wins.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){"p2pchat": main})
}

// TestScripts runs testdata/script: real processes that talk over loopback.
// See script_test.go for the commands.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               newStage,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start":     cmdStart,
			"startseen": cmdStartSeen,
			"say":       cmdSay,
			"feed":      cmdFeed,
			"eof":       cmdEOF,
			"signal":    cmdSignal,
			"ended":     cmdEnded,
			"waitfor":   cmdWaitFor,
			"setvar":    cmdSetVar,
			"freeport":  cmdFreePort,
			"chat":      cmdChat,
			"polled":    cmdPolled,
			"texts":     cmdTexts,
			"jsonok":    cmdJSONOK,
			"bad":       cmdBad,
			"damaged":   cmdDamaged,
			"listen":    cmdListen,
			"numbers":   cmdNumbers,
			"badlines":  cmdBadLines,
		},
	})
}
