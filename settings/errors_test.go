package settings

import "testing"

func TestDistance(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"mdns", "mdns", 0},
		{"mdsn", "mdns", 1},
		{"mdn", "mdns", 1},
		{"mddns", "mdns", 1},
		{"mcns", "mdns", 1},
		{"romos", "rooms", 1},
		{"seeds", "rooms", 4},
	} {
		if got := distance(tc.a, tc.b); got != tc.want {
			t.Errorf("%s, %s: %d, want %d", tc.a, tc.b, got, tc.want)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"name", "mdns", "notify.bell", "history"}
	for s, want := range map[string]string{
		"naem": "name", "MDNS": "mdns", "no-mdns": "mdns", "no_history": "history", "bel": "notify.bell",
		"histroy": "history", "x": "", "everything": "", "": "",
	} {
		if got := nearest(s, names); got != want {
			t.Errorf("%s: %q, want %q", s, got, want)
		}
	}
}
