package history

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// What is lacking is found in the file too, where nothing is remembered yet, and
// not taken for what only begins like it.
func TestLacksLooksIntoTheFile(t *testing.T) {
	path, c, all := filepath.Join(t.TempDir(), "history.db"), conv("lobby"), chainOf(300)
	d := openDB(t, path, Config{})
	put(t, d, all[:200]...)
	put(t, d, someone(2).say(conv("elsewhere"), 7))
	retain(t, d, c, Retention{MaxAge: 100 * time.Millisecond})
	if n := prune(t, d, all[199].Time.Wall().Add(time.Millisecond)); n == 0 || n > 190 {
		t.Fatalf("%d were pruned", n)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = openDB(t, path, Config{})
	asked := idsOf(all...)
	for _, like := range []chat.SegmentID{all[10].ID, all[199].ID} { // pruned, held
		like[31]++
		asked = append(asked, like)
	}
	lacking := asked[200:]
	want(t, "lacking", d.Lacks(c, asked...), lacking)
	want(t, "lacking elsewhere", d.Lacks(conv("elsewhere"), asked...), asked)
	want(t, "lacking of none", d.Lacks(c), nil)
	d.Has(c, all[199].ID) // is remembered now
	want(t, "lacking, asked again", d.Lacks(c, asked...), lacking)
}
