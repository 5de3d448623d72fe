package history

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// childOf starts the test binary again, to run one test with a job to do.
func childOf(t *testing.T, test, job string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^"+test+"$", "-test.v")
	cmd.Env = append(os.Environ(), childJob+"="+job)
	return cmd
}

// childJob is the environment variable by which a test knows that it is a child.
const childJob = "P2PCHAT_HISTORY_TEST_JOB"

// A process that is killed at any moment has stored what Append returned.
func TestKilled(t *testing.T) {
	if path := os.Getenv(childJob); path != "" {
		appendForEver(t, path)
		return
	}
	kills := 30
	if testing.Short() {
		kills = 5
	}
	path := filepath.Join(t.TempDir(), "history.db")
	stored := 0
	for i := range kills {
		stored = killOne(t, path, stored, time.Duration(1+i*7%60)*time.Millisecond)
		d, report, err := Open(t.Context(), path, Config{})
		if err != nil || report != (Report{}) {
			t.Fatalf("after kill %d: %+v, %v", i, report, err)
		}
		if n := d.Len(conv("lobby")); n < stored {
			t.Fatalf("after kill %d: %d segments, and %d were acknowledged", i, n, stored)
		}
		stored = d.Len(conv("lobby"))
		if err := d.Check(t.Context()); err != nil {
			t.Fatalf("after kill %d: %v", i, err)
		}
		if i%2 == 0 { // else the next one starts on what the kill left
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
		} else if err := errors.Join(d.readers.close(), d.views.close()); err != nil {
			t.Fatal(err)
		} else {
			abandon(d)
		}
	}
	if stored < kills {
		t.Errorf("only %d segments in %d lives", stored, kills)
	}
	t.Logf("%d segments in %d lives", stored, kills)
}

// abandon ends d without storing that it was closed.
func abandon(d *DB) {
	d.once.Do(func() {
		close(d.quit)
		<-d.done
		_ = errors.Join(d.writer.c.close(), d.lock.Unlock())
	})
}

// killOne runs a child that appends behind the first stored segments, kills it
// after some time, and returns how many it has acknowledged in all.
func killOne(t *testing.T, path string, stored int, life time.Duration) int {
	t.Helper()
	cmd := childOf(t, t.Name(), path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	var kill *time.Timer
	for lines.Scan() {
		count, ok := strings.CutPrefix(lines.Text(), "stored ")
		if !ok {
			continue
		}
		if kill == nil { // its life begins with the first answer
			kill = time.AfterFunc(life, func() { _ = cmd.Process.Kill() })
		}
		n, err := strconv.Atoi(count)
		if err != nil {
			break // a line that was cut off
		}
		stored = n
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the child ended by itself")
	}
	return stored
}

// appendForEver is the child: several goroutines store, in batches of all
// sizes, and each says so after the log did.
func appendForEver(t *testing.T, path string) {
	d, _, err := Open(context.Background(), path, Config{})
	if err != nil {
		t.Fatal(err)
	}
	c, alice := conv("lobby"), someone(1)
	n := d.Len(c)
	fmt.Printf("stored %d\n", n)
	last := must[*chat.Segment](t)(d.LastOf(context.Background(), c, alice.id))
	for i := 0; ; i++ {
		batch := make([]*chat.Segment, 0, 20)
		for range 1 + i*i%20 {
			s := &chat.Segment{Conversation: c, Seq: uint64(n + 1), Time: chat.Time(n+1) << 16}
			if last != nil {
				s.Parents = idsOf(last)
			}
			last = alice.seal(s)
			batch = append(batch, last)
			n++
		}
		if _, err := d.Append(context.Background(), batch...); err != nil {
			t.Fatal(err)
		}
		if i%3 == 2 {
			d.MarkSeen(c)
			if err := d.SetState(context.Background(), c, chat.Held, "", last.ID); err != nil {
				t.Fatal(err)
			}
		}
		fmt.Printf("stored %d\n", n)
	}
}
