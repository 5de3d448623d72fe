//go:build unix

package main

import (
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// The example bots answer what they should, once, and nothing else, also at another
// node.
func TestExampleBots(t *testing.T) {
	t.Parallel()
	t.Run("shell", func(t *testing.T) {
		t.Parallel()
		if _, err := exec.LookPath("sh"); err != nil {
			t.Skip("there is no sh")
		}
		testBot(t, "sh", "../../examples/shellbot/bot.sh", "lobby")
	})
	t.Run("go", func(t *testing.T) {
		t.Parallel()
		if _, err := exec.LookPath("go"); err != nil {
			t.Skip("there is no go")
		}
		bot := filepath.Join(t.TempDir(), "gobot")
		if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bot, "../../examples/gobot").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		testBot(t, bot, "lobby")
	})
}

func testBot(t *testing.T, command ...string) {
	c, other := newCrowd(t), newCrowd(t)
	c.seed = startSeed(t, c.bin, t.TempDir())
	other.seed = c.seed
	node := c.start("node", "daemon", "lobby", "--name", "pingbot")
	c.until("there", func() bool { return c.owner() == node.cmd.Process.Pid })
	bob := other.join("bob")
	c.until("ready", bob.isReady)

	bot := c.command("bot", command[1:]...)
	path, err := exec.LookPath(command[0])
	if err != nil {
		t.Fatal(err)
	}
	bot.Path, bot.Args = path, command
	bot.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the shell's has several processes
	if err := bot.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-bot.Process.Pid, syscall.SIGKILL)
		_ = bot.Wait()
	})

	faces := 1 // of the bot
	if command[0] == "sh" {
		faces = 2
	}
	c.until("at work", func() bool { return c.faces() == 1+faces })
	pings := 0
	ping := func() {
		before := bob.saw("pong")
		bob.say("!ping")
		pings++
		c.until("answered", func() bool { return bob.saw("pong") > before })
	}
	ping()
	for _, text := range []string{"ping", "!ping please", "//!ping", `"text":"!ping","mine":false`, `\","text":"!ping","mine":false`, "pong?", "!PING"} {
		bob.say("%s", text)
	}
	ping()

	node.kill()
	if command[0] != "sh" { // that one has the node itself now
		c.start("node", "daemon", "lobby")
		faces++
	}
	c.until("at work again", func() bool { return c.faces() == faces })
	ping()
	ping()
	if n := bob.saw("pong"); n != pings {
		t.Errorf("%d answers to %d pings", n, pings)
	}
}
