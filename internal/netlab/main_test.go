package netlab

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain builds the program that runs as nodes, unless NETLAB_P2PCHAT names one,
// and prints at the end what was measured.
func TestMain(m *testing.M) {
	if program := os.Getenv("NETLAB_HELPER"); program != "" {
		must(helpers()[program](os.Args[1:]))
		return
	}
	// Scenarios wait more than they work, so more may run than there are processors.
	// A -parallel on the command line comes after this, and wins.
	must(flag.Set("test.parallel", "6"))
	flag.Parse()
	dir, err := os.MkdirTemp("", "netlab-")
	must(err)
	if os.Getenv("NETLAB_P2PCHAT") == "" && !testing.Short() {
		must(build(filepath.Join(dir, "p2pchat")))
	}
	figures := filepath.Join(dir, "figures")
	must(os.Setenv("NETLAB_FIGURES", figures))
	code := m.Run()
	if b, err := os.ReadFile(figures); err == nil && testing.Verbose() {
		fmt.Printf("\nmeasured, and what is hoped for; three times that is a failure:\n%s\n", b)
	}
	must(os.RemoveAll(dir))
	os.Exit(code)
}

// helpers are the programs that Host.Helper can start. Each writes its events as JSON,
// a line each, and ends when its input does.
func helpers() map[string]func(args []string) error {
	all := attacks()
	all["hello"] = func(args []string) error { // shows that helpers work
		_, err := fmt.Printf("{\"type\":\"hello\",\"text\":%q}\n", strings.Join(args, " "))
		return err
	}
	return all
}

// build builds p2pchat as it is released: static, without the race detector. A
// failure to build is told by the first test that needs it.
func build(binary string) error {
	root, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	if err := touch(root); err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-race=false", "-o", binary, "./cmd/p2pchat")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build p2pchat: %w\n%s", err, out)
	}
	return os.Setenv("NETLAB_P2PCHAT", binary)
}

// touch looks at every source file through this process: go test then knows that
// its kept result depends on them.
func touch(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if !d.IsDir() && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			_, err = os.Stat(path)
		}
		return err
	})
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
