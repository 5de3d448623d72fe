package identity

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// The test binary plays a second process when these say so.
const (
	envChild = "P2PCHAT_IDENTITY_TEST_CHILD" // what to do
	envDir   = "P2PCHAT_IDENTITY_TEST_DIR"   // in which data folder
)

func TestMain(m *testing.M) {
	if what := os.Getenv(envChild); what != "" {
		if err := playChild(what, os.Getenv(envDir)); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// playChild opens the folder, says "ready", and does what it is told when its
// standard input ends.
func playChild(what, dir string) error {
	f, err := Open(dir)
	if err != nil {
		return err
	}
	start := func() {
		fmt.Println("ready")
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
	switch what, arg, _ := strings.Cut(what, " "); what {
	case "lock":
		if _, err := f.Lock(); err != nil {
			return err
		}
		start()
	case "key":
		start()
		_, id, err := f.Key()
		if err != nil {
			return err
		}
		fmt.Println(id)
	case "contacts":
		contacts, err := f.Contacts()
		if err != nil {
			return err
		}
		start()
		for i := range childContacts {
			_, id, err := Ephemeral()
			if err != nil {
				return err
			}
			if err := contacts.Add(fmt.Sprintf("%s%d", arg, i), id); err != nil {
				return err
			}
		}
	case "requests":
		requests, err := f.Requests()
		if err != nil {
			return err
		}
		start()
		for range childContacts {
			_, id, err := Ephemeral()
			if err != nil {
				return err
			}
			if _, err := requests.Note(id, chat.Text{}, chat.Text{}, time.Now()); err != nil {
				return err
			}
		}
	case "write":
		fmt.Println("ready")
		for i := 0; ; i++ {
			if err := f.WriteFile("big", bigContent(byte('a'+i%26))); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("no such part: %q", what)
	}
	return nil
}

const (
	// childContacts is how many contacts each child adds.
	childContacts = 20
	// bigSize is long enough that a write of it can be cut in two.
	bigSize = 1 << 20
	// childTime is after how long a child that hangs fails the test.
	childTime = 30 * time.Second
)

func bigContent(letter byte) []byte {
	return []byte(strings.Repeat(string(letter), bigSize))
}

// A child is a second process.
type child struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Closer
	out   *bufio.Reader
}

// startChild returns when the child is ready.
func startChild(t *testing.T, what, dir string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envChild+"="+what, envDir+"="+dir)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{t, cmd, stdin, bufio.NewReader(stdout)}
	hung := time.AfterFunc(childTime, c.kill)
	t.Cleanup(func() {
		hung.Stop()
		c.kill()
		_ = cmd.Wait()
	})
	if line := c.line(); line != "ready" {
		t.Fatalf("child %q: got %q, want ready", what, line)
	}
	return c
}

// line is the child's next line, or "" at its end.
func (c *child) line() string {
	line, _ := c.out.ReadString('\n')
	return strings.TrimSpace(line)
}

// goOn ends the child's standard input.
func (c *child) goOn() { _ = c.stdin.Close() }

// kill ends the child as a power cut would.
func (c *child) kill() { _ = c.cmd.Process.Kill() }

// testFolder is a fresh data folder.
func testFolder(t testing.TB) *Folder {
	t.Helper()
	return openFolder(t, t.TempDir()+"/data")
}

func openFolder(t testing.TB, dir string) *Folder {
	t.Helper()
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// testPeer is a fresh peer.
func testPeer(t testing.TB) chat.PeerID {
	t.Helper()
	_, id, err := Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// numberedPeer is the peer number i, made faster than by drawing a key.
func numberedPeer(t testing.TB, i int) chat.PeerID {
	t.Helper()
	key := [32]byte{31: 1}
	binary.BigEndian.PutUint32(key[:], uint32(i))
	id, err := chat.PeerIDFromKey(key[:])
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// put writes a file of the folder past the package.
func put(t testing.TB, f *Folder, name, content string) {
	t.Helper()
	if err := os.WriteFile(f.path(name), []byte(content), fileMode); err != nil {
		t.Fatal(err)
	}
}

// wantContent checks that a file of the folder was not touched.
func wantContent(t testing.TB, f *Folder, name, want string) {
	t.Helper()
	got, err := os.ReadFile(f.path(name))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s: got %.100q, want %.100q", name, got, want)
	}
}

// wantFiles checks which files the folder has, besides the lock of changes.
func wantFiles(t testing.TB, f *Folder, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		if e.Name() != editFile {
			got = append(got, e.Name())
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("files: got %q, want %q", got, want)
	}
}
