package gui_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/p2pchat/p2pchat/ui/web/browsertest"
	"github.com/p2pchat/p2pchat/ui/web/gui"
)

// A node whose process is suspended takes requests and answers none.
func TestSuspendedNodeIsNamed(t *testing.T) {
	s, err := gui.Serve(context.Background(), gui.Config{API: roundTrip(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := browsertest.Start(t).Open(s.URL())
	p.Wait(`document.querySelector('.banner.silent')`)
}
