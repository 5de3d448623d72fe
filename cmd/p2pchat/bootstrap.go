package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/host"
	"github.com/p2pchat/p2pchat/settings"
	"github.com/p2pchat/p2pchat/ui/line"
)

// The least that a relayed connection may be limited to: less would cut every
// talk off before it began, or again and again.
const (
	minRelayData = 64 << 10 // bytes in each direction
	minRelayTime = 10 * time.Second
)

// seedFlags are those of a seed.
type seedFlags struct {
	on        bool
	relayData string
	relayTime string
	showAddrs bool
}

// The names of flags that only a seed has.
const (
	relayDataFlag = "relay-data"
	relayTimeFlag = "relay-time"
	webFlag       = "web"
	showAddrsFlag = "show-addrs"
)

func (f *seedFlags) add(set *pflag.FlagSet) {
	set.BoolVar(&f.on, "bootstrap", false, "run a seed node (TCP port 4747 unless --listen says otherwise)")
	set.String(webFlag, settings.DefaultWeb, "as a seed, show who is online at the address `ADDR`; off shows it nowhere")
	set.BoolVar(&f.showAddrs, showAddrsFlag, false, "as a seed, show people's addresses on that page, too")
	set.StringVar(&f.relayData, relayDataFlag, "", "as a seed, let each relayed connection carry at most `SIZE` each way (default 64MiB)")
	set.StringVar(&f.relayTime, relayTimeFlag, "", "as a seed, let each relayed connection last at most `DURATION` (default 1h)")
}

// limit reads how a seed limits each relayed connection. What was not given is
// zero: the host's default.
func (f *seedFlags) limit(set *pflag.FlagSet) (limit host.RelayLimit, err error) {
	for _, name := range []string{relayDataFlag, relayTimeFlag, webFlag, showAddrsFlag} {
		if set.Changed(name) && !f.on {
			return limit, usage("--"+name+" is for a seed", "p2pchat --bootstrap runs one")
		}
	}
	if set.Changed(relayDataFlag) {
		if limit.Data, err = parseSize(f.relayData); err != nil || limit.Data < minRelayData {
			return limit, usage(fmt.Sprintf("--relay-data %q is not a size of %s or more", f.relayData, writeSize(minRelayData)), "for example 64MiB")
		}
	}
	if set.Changed(relayTimeFlag) {
		if limit.Duration, err = time.ParseDuration(f.relayTime); err != nil || limit.Duration < minRelayTime {
			return limit, usage(fmt.Sprintf("--relay-time %q is not a time of %s or more", f.relayTime, minRelayTime), "for example 30m or 1h")
		}
	}
	return limit, nil
}

// bootstrap runs a seed until it is told to end, which is how it should end.
func (p *program) bootstrap(ctx context.Context, limit host.RelayLimit) error {
	p.flags.relayLimit = limit
	folder, err := p.folder()
	if err != nil {
		return err
	}
	with := p.nodeSettings()
	metrics := prometheus.NewRegistry()
	with.metrics = metrics
	o, err := p.own(ctx, folder, true, with)
	if err != nil {
		return err
	}
	err = p.withBoard(ctx, o, folder, metrics, func() error { return p.seed(ctx, o) })
	if err = errors.Join(err, o.close()); ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// seed says where the seed is found, and then what concerns it until ctx ends.
func (p *program) seed(ctx context.Context, o *owner) error {
	events := o.Subscribe()
	defer events.Close()
	for _, a := range o.Addrs() {
		if err := p.print(a); err != nil {
			return fmt.Errorf("print addresses: %w", err)
		}
	}
	fmt.Fprintln(p.err, "ready")
	return p.notices(ctx, events)
}

// notices shows what concerns the node itself until ctx ends, whose error it
// returns.
func (p *program) notices(ctx context.Context, events line.Events) error {
	for {
		evs, err := events.Next(ctx)
		for _, ev := range evs {
			p.notice(ev)
		}
		if err != nil {
			return err
		}
	}
}

// notice shows an event if it is one that concerns the node itself.
func (p *program) notice(ev chat.Event) {
	n, ok := ev.(chat.Notice)
	if !ok || n.Conversation != (chat.Conversation{}) {
		return
	}
	if p.flags.verbose && n.Detail != "" {
		p.say("%s (%s)", n.Text, n.Detail)
		return
	}
	p.say("%s", n.Text)
}
