package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// takeoverBound is how long an attached face may take to become the node, on a
// machine that does much else. A second is usual.
const takeoverBound = 10 * time.Second

// takeover waits until the process runs the node, and returns when it did.
func (c *crowd) takeover(m *member) time.Time {
	c.t.Helper()
	c.until(m.name+" has the node", func() bool { return c.owner() == m.cmd.Process.Pid })
	return time.Now()
}

// The node ends fifty times, politely and by kill -9 in turn, while two faces write:
// the other face is the node soon, and nothing is lost or doubled.
func TestTakeover(t *testing.T) {
	t.Parallel()
	rounds := 50
	if testing.Short() {
		rounds = 6
	}
	c := newCrowd(t)
	owner := c.join("0")
	c.takeover(owner)
	var took []time.Duration
	var must []string         // what stayed with a face that was not killed
	told := map[string]bool{} // what a face said was accepted
	for i := range rounds {
		next := c.join(fmt.Sprint(i + 1))
		c.until("ready", next.isReady)
		for n := range 3 {
			owner.say("owner %d, %d", i, n)
			next.say("next %d, %d", i, n)
			must = append(must, fmt.Sprintf("next %d, %d", i, n))
		}
		switch i % 3 {
		case 0:
			_ = owner.cmd.Process.Kill()
		case 1: // it takes what was written before
			owner.say("exit")
			for n := range 3 {
				must = append(must, fmt.Sprintf("owner %d, %d", i, n))
			}
		case 2:
			_ = owner.cmd.Process.Signal(os.Interrupt)
		}
		<-owner.over
		ended := time.Now()
		took = append(took, max(0, c.takeover(next).Sub(ended)))
		note(t, told, owner)
		next.say("after %d", i)
		must = append(must, fmt.Sprintf("after %d", i))
		c.until("told of all it wrote", func() bool { return next.saw(fmt.Sprintf("after %d", i)) > 0 })
		owner = next
	}
	owner.say("exit")
	<-owner.over
	note(t, told, owner)
	c.check(must, told)
	slices.Sort(took)
	t.Logf("%d times: median %v, at most %v", len(took), took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
	if took[len(took)-1] > takeoverBound {
		t.Errorf("it took %v", took)
	}
}

// note notes what a face that has ended showed.
func note(t *testing.T, told map[string]bool, m *member) {
	for text, n := range m.all() {
		told[text] = true
		if n > 1 {
			t.Errorf("%s showed %q %d times", m.name, text, n)
		}
	}
}

// check compares what is kept with what has to be, and with what faces said was
// accepted.
func (c *crowd) check(must []string, told map[string]bool) {
	c.t.Helper()
	order := c.stored("lobby")
	kept := countTexts(order)
	if n := c.overtaken(order); n > 0 {
		c.t.Errorf("%d of %d messages kept came after what was written later", n, len(order))
	}
	for text := range told {
		if kept[text] != 1 {
			c.t.Errorf("%q was shown, and is kept %d times", text, kept[text])
		}
	}
	for _, text := range must {
		if kept[text] != 1 {
			c.t.Errorf("%q was written, and is kept %d times", text, kept[text])
		}
	}
	for text, n := range kept {
		if n != 1 {
			c.t.Errorf("%q is kept %d times", text, n)
		}
	}
	c.t.Logf("%d messages kept, %d of them shown before the end", len(kept), len(told))
}

// overtaken counts numbered lines that are not in the order in which their writer
// wrote them.
func (c *crowd) overtaken(texts []string) (late int) {
	c.t.Helper()
	last := make(map[string]int)
	for _, text := range texts {
		who, number, ok := strings.Cut(text, " line ")
		if !ok {
			continue
		}
		n, err := strconv.Atoi(number)
		if err != nil {
			c.t.Fatal(err)
		}
		if n < last[who] {
			late++
		}
		last[who] = max(n, last[who])
	}
	return late
}

// The process that runs the node is killed while it and three attached faces write.
// What any of them was told is accepted is kept, all of it once; so is all that the
// faces wrote that were not killed.
func TestOwnerKilledWhileFacesWrite(t *testing.T) {
	t.Parallel()
	rounds := 5
	if testing.Short() {
		rounds = 3
	}
	c := newCrowd(t)
	told := map[string]bool{}
	var must []string
	faces := []*member{c.join("first")}
	c.takeover(faces[0])
	for round := range rounds {
		for len(faces) < 4 {
			faces = append(faces, c.join(fmt.Sprintf("face %d of round %d", len(faces), round)))
		}
		for _, f := range faces {
			c.until(f.name+" is ready", f.isReady)
		}
		i := slices.IndexFunc(faces, func(f *member) bool { return f.cmd.Process.Pid == c.owner() })
		if i < 0 {
			t.Fatalf("no face has the node, but process %d", c.owner())
		}
		victim := faces[i]
		faces = slices.Delete(faces, i, i+1)
		wrote := c.writeWhile(append(slices.Clone(faces), victim), round, func(said func() bool) {
			c.until("at work", said)
			victim.kill()
		})
		for _, f := range faces {
			must = append(must, wrote[f]...)
			c.until(f.name+" was told of all it wrote", func() bool { return f.sawAll(wrote[f]) })
		}
		note(t, told, victim)
	}
	for _, f := range faces {
		f.kill()
		note(t, told, f)
	}
	c.check(must, told)
}

// writeWhile has faces write numbered lines while f runs, and a little longer, and
// returns what each wrote. f can ask whether each was told of its first.
func (c *crowd) writeWhile(faces []*member, round int, f func(said func() bool)) map[*member][]string {
	wrote := make(map[*member][]string)
	stop := make(chan struct{})
	var mu sync.Mutex
	var writing sync.WaitGroup
	for i, m := range faces {
		writing.Go(func() {
			for n := 0; ; n++ {
				text := fmt.Sprintf("round %d, face %d, line %d", round, i, n+1)
				m.say("%s", text)
				mu.Lock()
				wrote[m] = append(wrote[m], text)
				mu.Unlock()
				select {
				case <-stop:
					return
				case <-time.After(2 * time.Millisecond): // how fast it writes
				}
			}
		})
	}
	f(func() bool {
		return !slices.ContainsFunc(faces, func(m *member) bool {
			mu.Lock()
			defer mu.Unlock()
			return len(wrote[m]) == 0 || m.saw(wrote[m][0]) == 0
		})
	})
	close(stop)
	writing.Wait()
	return wrote
}
