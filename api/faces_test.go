package api

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/p2pchat/p2pchat/api/apitest"
	"github.com/p2pchat/p2pchat/chat"
)

// A face that goes without a word, as a script that was killed does, keeps nothing
// open: no matter whether it ever had a stream. While it asks anything it is there.
func TestFaceThatGoes(t *testing.T) {
	f := apitest.New(t)
	synctest.Test(t, func(t *testing.T) {
		lobby := chat.InRoom("lobby")
		s := &Server{cfg: Config{Node: f}, log: slog.New(slog.DiscardHandler), faces: make(map[string]*presence)}
		s.ctx, s.cancel = context.WithCancel(t.Context())
		ask := func(d time.Duration) {
			defer s.present("face")()
			time.Sleep(d)
		}
		open := func(face string) {
			s.holds.open(lobby, face)
			if err := f.Join(t.Context(), "lobby"); err != nil {
				t.Error(err)
			}
		}
		isOpen := func(want bool, when string) {
			t.Helper()
			synctest.Wait()
			if got := f.Opened(lobby) > 0; got != want {
				t.Errorf("%s: open is %v", when, got)
			}
		}
		open("face")
		ask(0)
		time.Sleep(faceGrace - time.Second)
		isOpen(true, "just before it is over")
		ask(0)
		time.Sleep(faceGrace - time.Second)
		isOpen(true, "after one more request")
		ask(10 * time.Minute)
		isOpen(true, "after a long request")
		detach, err := s.attach("face")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		isOpen(true, "while there is a stream")
		detach()
		open("other")
		time.Sleep(faceGrace + time.Second)
		isOpen(true, "while another face has it open")
		if len(s.faces) != 0 {
			t.Errorf("%d faces are remembered", len(s.faces))
		}
		done := s.present("other")
		done()
		time.Sleep(faceGrace + time.Second)
		isOpen(false, "when all are gone")
		s.cancel()
		s.wg.Wait()
	})
}
