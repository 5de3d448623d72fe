package netlab

import (
	"strings"
	"testing"
)

// TestJudge shows that the checker finds what is wrong.
func TestJudge(t *testing.T) {
	t.Parallel()
	log := func(ids ...string) (out []Event) {
		for _, id := range ids {
			out = append(out, Event{Type: "message", ID: id})
		}
		return out
	}
	nodes := []*Node{{name: "alice"}, {name: "bob"}}
	said := map[string]string{"1": "one", "2": "two"}
	for _, c := range []struct {
		name string
		a, b []Event
		said map[string]string
		want string
	}{
		{"good", log("1", "2", "3"), log("1", "2", "3"), said, ""},
		{"lost by both", log("1"), log("1"), said, `lacks 1 of 2 accepted messages, as "two"`},
		{"lost by one", log("1", "2"), log("1"), said, "alice has 2 messages, bob 1"},
		{"another order", log("1", "2"), log("2", "1"), said, "another order"},
		{"twice", log("1", "2", "2"), log("1", "2", "2"), said, "holds 2 twice"},
		{"nothing", nil, nil, nil, "nobody has said anything"},
	} {
		err := judge(nodes, [][]Event{c.a, c.b}, c.said)
		switch {
		case err == nil && c.want != "":
			t.Errorf("%s: not found", c.name)
		case err != nil && (c.want == "" || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v", c.name, err)
		}
	}
	again := []Event{{Type: "message", ID: "1", Run: 1}, {Type: "message", ID: "1", Run: 2}}
	if err := shownTwice(again); err != nil {
		t.Errorf("shown again after a restart: %v", err)
	}
	if shownTwice(append(again, Event{Type: "message", ID: "1", Run: 2})) == nil {
		t.Error("shown twice in one run: not found")
	}
}
