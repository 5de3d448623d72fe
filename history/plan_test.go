package history

import (
	"context"
	"database/sql"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/p2pchat/p2pchat/chat"
)

// No statement that is run while people talk goes through a whole table that
// grows with what was said.
func TestNoStatementScans(t *testing.T) {
	ctx, alice := t.Context(), someone(1)
	d := openDB(t, filepath.Join(t.TempDir(), "history.db"), Config{Self: alice.id})
	private := chat.With(someone(2).id).ID(alice.id)
	for _, c := range []chat.ConversationID{conv("lobby"), private} {
		var all []*chat.Segment
		for i := range 40 {
			var parents []*chat.Segment
			if i > 0 {
				parents = all[i-1 : i]
			}
			if i%10 == 5 {
				parents = append(parents, alice.say(c, 1000+i))
			}
			all = append(all, alice.say(c, i+1, parents...))
		}
		own(t, d, all[20:]...)
		put(t, d, all[:20]...)
		put(t, d, alice.say(c, 8, all[2])) // a fork
		for _, gone := range []int{5, 15} {
			if err := d.GiveUp(ctx, c, alice.say(c, 1000+gone).ID); err != nil {
				t.Fatal(err)
			}
		}
		put(t, d, alice.say(c, 1005), alice.say(c, 1025), alice.say(c, 1035))
		setState(t, d, all[30], chat.Sent, "")
		d.MarkSeen(c)
		put(t, d, alice.say(c, 2000, all[39]))
		_ = must[[]Own](t)(d.Unsettled(ctx, c))
		if _, _, err := d.Unseen(ctx, c, 5); err != nil {
			t.Fatal(err)
		}
		segsOf(t)(d.Before(ctx, c, all[9].Key(), 5))
		segsOf(t)(d.After(ctx, c, all[9].Key(), 5))
		stateOf(t, d, all[3])
		d.Missing(c)
		d.Lacks(c, chat.SegmentID{1}, chat.SegmentID{2})
		d.Forks(c)
		v := must[*View](t)(d.View(c))
		if _, err := v.Sum(3, 30); err != nil {
			t.Fatal(err)
		}
		v.Close()
		retain(t, d, c, Retention{MaxAge: time.Millisecond})
		prune(t, d, at(30))
		put(t, d, all[0])
	}
	_ = must[[]Waiting](t)(d.Outbox(ctx))
	queries := make(map[string]bool)
	for q := range d.writer.c.stmts {
		queries[q] = true
	}
	for _, p := range []*pool{d.readers, d.views} {
		for range len(p.free) {
			c := must[*conn](t)(p.get(context.Background()))
			for q := range c.stmts {
				queries[q] = true
			}
			p.put(c)
		}
	}
	// Of these there are few rows, or all of them are asked for.
	small := regexp.MustCompile(`^SCAN (CONSTANT ROW|\d+-ROW VALUES CLAUSE|conversation$|c$|\(subquery|words VIRTUAL TABLE INDEX 0:=)`)
	// These run once, when the file is opened or a conversation is first met.
	once := map[string]bool{"SELECT count(*) FROM gone": true, "SELECT count(*) FROM sqlite_master": true}
	for q := range queries {
		if once[q] || regexp.MustCompile(`^(PRAGMA|BEGIN|COMMIT|ROLLBACK)`).MatchString(q) {
			continue
		}
		err := d.read(ctx, func(c *conn) error {
			return c.query(func(rows *sql.Rows) error {
				var id, parent, unused int
				var what string
				if err := rows.Scan(&id, &parent, &unused, &what); err != nil {
					return err
				}
				if regexp.MustCompile(`^SCAN`).MatchString(what) && !small.MatchString(what) {
					t.Errorf("%s\n\tfor %s", what, q)
				}
				return nil
			}, "EXPLAIN QUERY PLAN "+q, make([]any, strings.Count(q, "?"))...)
		})
		if err != nil {
			t.Errorf("%s: %v", q, err)
		}
	}
	if len(queries) < 50 {
		t.Errorf("only %d statements were looked at", len(queries))
	}
}
