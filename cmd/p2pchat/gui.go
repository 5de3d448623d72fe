package main

import (
	"context"
	"fmt"
	"html"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/api"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/ui/web/gui"
)

const (
	// doorName is the file that leads the browser to the page: its address has the
	// page's key, which must not stand in the arguments of a process.
	doorName = "gui.html"
	// doorOpen is how long the file is there.
	doorOpen = 30 * time.Second
)

func (p *program) guiCommand() *cobra.Command {
	var noOpen bool
	var addr string
	cmd := &cobra.Command{
		Use:   "gui",
		Short: "Chat in the browser",
		Long: `Show the chat page of your own node in your browser, until interrupted. The page is
for this computer alone, and for who has its address: that ends with a key, which
is another one each time.`,
		Args: words(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.gui(cmd.Context(), addr, noOpen)
		},
	}
	cmd.Flags().BoolVar(&noOpen, "no-open", false, "print the page's address, and open no browser")
	cmd.Flags().StringVar(&addr, "addr", "", "listen at `ADDR`, a loopback address and a port (default: 127.0.0.1 and any port)")
	return cmd
}

func (p *program) gui(ctx context.Context, addr string, noOpen bool) error {
	err := p.withSession(ctx, func(s *session) error {
		events, err := s.Events(ctx) // with it this process becomes the node when that ends
		if err != nil {
			return err
		}
		defer events.Close()
		server, err := gui.Serve(ctx, gui.Config{
			API: api.Transport(s.folder.Dir()), Addr: addr, Version: version(), DefaultName: loginName(), Log: p.logger(),
			Open: func() []string { return p.reopened(s.folder) },
		})
		if err != nil {
			return err
		}
		defer server.Close()
		if noOpen {
			err = p.print(server.URL())
		} else {
			err = p.openBrowser(ctx, s.folder, server.URL())
		}
		if err != nil {
			return err
		}
		var remembering sync.WaitGroup
		defer remembering.Wait()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		remembering.Go(func() { s.rememberOpen(ctx) })
		return p.notices(ctx, events)
	})
	if ctx.Err() != nil {
		return nil // which is how it should end
	}
	return err
}

// openBrowser opens the page in the person's browser, or prints where it is.
func (p *program) openBrowser(ctx context.Context, folder *identity.Folder, page string) error {
	if err := folder.WriteFile(doorName, []byte(door(page))); err != nil {
		return err
	}
	path := filepath.Join(folder.Dir(), doorName)
	shut := time.AfterFunc(doorOpen, func() { _ = os.Remove(path) })
	context.AfterFunc(ctx, func() {
		shut.Stop()
		_ = os.Remove(path)
	})
	name, args := opener((&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String())
	if err := exec.CommandContext(ctx, name, args...).Run(); err != nil {
		p.say("no browser could be opened (%v); the page is at the address below, and ends with Ctrl+C", err)
		return p.print(page)
	}
	p.say("the chat page is open in your browser; Ctrl+C ends it")
	return nil
}

// door is a page that leads on to another.
func door(page string) string {
	return fmt.Sprintf(`<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>p2pchat</title>
<meta http-equiv="refresh" content="0;url=%s"><p><a href="%[1]s">p2pchat</a>
`, html.EscapeString(page))
}

// opener is the command with which the system shows a page.
func opener(address string) (name string, args []string) {
	switch runtime.GOOS {
	case "windows":
		return "rundll32", []string{"url.dll,FileProtocolHandler", address}
	case "darwin":
		return "open", []string{address}
	default:
		return "xdg-open", []string{address}
	}
}
