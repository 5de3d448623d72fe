package line

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/api/apitest"
)

var (
	_ Chat   = (*api.Client)(nil)
	_ Events = (*api.Stream)(nil)
)

// A desk is a line face, or a tail, at the real interface.
type desk struct {
	in        *io.PipeWriter
	out, errs *output
	done      chan error
	res       Result
}

// sit opens the lobby at a node and runs a line face on it.
func sit(t *testing.T, f *apitest.Node) *desk {
	t.Helper()
	c, events := attach(t, f)
	if _, err := c.Join(t.Context(), "lobby"); err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	d := &desk{in: w, out: new(output), errs: new(output), done: make(chan error, 1)}
	go func() {
		var err error
		d.res, err = Run(t.Context(), Config{
			Chat: c, Events: events, Conversation: lobby(), In: r, Out: d.out, Err: d.errs, Name: nick("alice"),
			Topic: c.Topic, Leave: func(ctx context.Context) error { return c.Leave(ctx, lobby()) },
		})
		d.done <- err
	}()
	t.Cleanup(func() { w.Close() })
	return d
}

func attach(t *testing.T, f *apitest.Node) (*api.Client, *api.Stream) {
	t.Helper()
	c, err := api.Dial(t.Context(), f.Folder.Dir(), api.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	events, err := c.Events(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c, events
}

func (d *desk) write(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(d.in, line+"\n"); err != nil {
		t.Fatal(err)
	}
}

// awaits waits until something was written.
func awaits(t *testing.T, o *output, want string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !strings.Contains(o.String(), want); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%q has not come: %q", want, o)
		}
	}
}

// Two line faces and a tail at one node: each sees what the other says, none sees
// its own words, and one leaves without the other.
func TestFacesAtOneNode(t *testing.T) {
	t.Parallel()
	f := apitest.New(t)
	f.SetName(nick("alice"))
	server, err := api.Serve(t.Context(), api.Config{Node: f, Events: f, History: f.Log, Folder: f.Folder})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	one, two := sit(t, f), sit(t, f)
	_, events := attach(t, f)
	tailed, ended := new(output), make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() {
		ended <- Tail(ctx, TailConfig{Events: events, Out: tailed, Self: apitest.Person(0), Name: nick("alice")})
	}()

	one.write(t, "from one")
	awaits(t, two.out, "alice | from one\n")
	two.write(t, "from two")
	awaits(t, one.out, "alice | from two\n")
	f.Hear(lobby(), 1, "hello")
	for _, o := range []*output{one.out, two.out, tailed} {
		awaits(t, o, " | hello\n")
	}
	awaits(t, tailed, "lobby alice | from two\n")
	one.write(t, "/del")
	awaits(t, two.out, `(deleted "from two")`)
	for _, d := range []*desk{one, two} {
		d.write(t, "/reply so it is")
	}
	for _, d := range []*desk{one, two} {
		awaits(t, d.out, ": \"hello\") so it is\n")
	}
	if got := strings.Count(one.out.String(), "so it is"); got != 1 {
		t.Errorf("what was typed here was echoed: %q", one.out)
	}

	one.in.Close()
	if err := <-one.done; err != nil || one.res.Said != 3 || one.res.Left != 0 {
		t.Errorf("it ended with %+v, %v", one.res, err)
	}
	if f.Opened(lobby()) == 0 {
		t.Error("the room was left, and another face is there")
	}
	two.in.Close()
	if err := <-two.done; err != nil || two.res.Said != 2 {
		t.Errorf("it ended with %+v, %v", two.res, err)
	}
	stop()
	if err := <-ended; err == nil {
		t.Error("the tail ended as if all were told")
	}
	if got := strings.Count(tailed.String(), "\n"); got != 6 {
		t.Errorf("the tail has %d lines: %q", got, tailed)
	}
}
