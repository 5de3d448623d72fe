package main

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/p2pchat/p2pchat/host"
)

func TestSeedLimit(t *testing.T) {
	for _, c := range []struct {
		args string
		want host.RelayLimit
		err  string
	}{
		{"--bootstrap", host.RelayLimit{}, ""},
		{"--bootstrap --relay-data 1GiB --relay-time 30m", host.RelayLimit{Data: 1 << 30, Duration: 30 * time.Minute}, ""},
		{"--bootstrap --relay-data 64KiB --relay-time 10s", host.RelayLimit{Data: 64 << 10, Duration: 10 * time.Second}, ""},
		{"--bootstrap --relay-data 63KiB", host.RelayLimit{}, `--relay-data "63KiB" is not a size of 64KiB or more`},
		{"--bootstrap --relay-data much", host.RelayLimit{}, `--relay-data "much" is not a size`},
		{"--bootstrap --relay-data=", host.RelayLimit{}, `--relay-data "" is not a size`},
		{"--bootstrap --relay-time 9s", host.RelayLimit{}, `--relay-time "9s" is not a time of 10s or more`},
		{"--bootstrap --relay-time 1", host.RelayLimit{}, `--relay-time "1" is not a time`},
		{"--relay-data 1GiB", host.RelayLimit{}, "--relay-data is for a seed"},
		{"--relay-time 1h", host.RelayLimit{}, "--relay-time is for a seed"},
	} {
		var f seedFlags
		set := pflag.NewFlagSet("", pflag.ContinueOnError)
		f.add(set)
		if err := set.Parse(strings.Fields(c.args)); err != nil {
			t.Fatal(err)
		}
		got, err := f.limit(set)
		switch {
		case c.err == "" && (err != nil || got != c.want):
			t.Errorf("%s: %v, %v; want %v", c.args, got, err, c.want)
		case c.err != "" && (err == nil || !strings.HasPrefix(err.Error(), c.err)):
			t.Errorf("%s: error %v, want %q", c.args, err, c.err)
		}
	}
}
