package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/p2pchat/p2pchat/chat"
)

// cmdJSONOK reads the output of --json as a script would that knows exactly the
// fields that are documented.
func cmdJSONOK(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, !neg && len(args) == 2, "usage: jsonok FILE N")
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	if err := checkJSON(ts.ReadFile(args[0]), want); err != nil {
		ts.Fatalf("%s: %v", args[0], err)
	}
}

// checkJSON reads --json output and checks that there are want own messages,
// each with a delivery.
func checkJSON(output string, want int) error {
	mine, delivered := make(map[string]bool), make(map[string]bool)
	for i, line := range strings.Split(strings.TrimSuffix(output, "\n"), "\n") {
		var head struct {
			Type string `json:"type"`
		}
		err := json.Unmarshal([]byte(line), &head)
		if err == nil && (head.Type == "ready") != (i == 0) {
			err = fmt.Errorf("ready is to be the first object, and only that")
		}
		if err == nil {
			err = checkObject(head.Type, line, mine, delivered)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w: %s", i+1, err, line)
		}
	}
	for id := range mine {
		if !delivered[id] {
			return fmt.Errorf("own message %s has no delivery", id)
		}
	}
	if len(mine) != want {
		return fmt.Errorf("%d own messages, want %d", len(mine), want)
	}
	return nil
}

// checkObject checks one line, and notes messages and deliveries.
func checkObject(kind, line string, mine, delivered map[string]bool) error {
	peer := func(s string) error {
		_, err := chat.ParsePeerID(s)
		return err
	}
	switch kind {
	case "ready":
		var o struct {
			Type, Peer string
			Addrs      []string
		}
		if err := strict(line, &o, "type", "peer", "addrs"); err != nil {
			return err
		}
		if len(o.Addrs) == 0 || !strings.HasSuffix(o.Addrs[0], "/p2p/"+o.Peer) {
			return fmt.Errorf("not full addresses: %q", o.Addrs)
		}
		return peer(o.Peer)
	case "message":
		var o struct {
			Type, Conversation, ID, Author, Nick, Time, Text, Kind string
			Mine, Old, Gap, Request                                bool
		}
		if err := strict(line, &o, "type", "conversation", "id", "author", "nick", "time", "text", "mine"); err != nil {
			return err
		}
		at, err := time.Parse("2006-01-02T15:04:05.000Z07:00", o.Time)
		if err != nil || time.Since(at).Abs() > time.Hour {
			return fmt.Errorf("time %s: %w", o.Time, err)
		}
		if o.Mine && !o.Old { // not those of earlier runs, which others gave back
			if mine[o.ID] {
				return fmt.Errorf("shown twice")
			}
			mine[o.ID] = true
		}
		if o.Conversation == "" || o.Text == "" {
			return fmt.Errorf("no conversation or no text")
		}
		return firstError(peer(o.Author), messageID(o.ID))
	case "delivery":
		var o struct {
			Type, Conversation, ID, State, Reason string
			Reached, Members                      int
			HeldBy                                int `json:"held_by"`
		}
		if err := strict(line, &o, "type", "conversation", "id", "state", "reached", "held_by", "members", "reason"); err != nil {
			return err
		}
		delivered[o.ID] = true
		switch {
		case !mine[o.ID]:
			return fmt.Errorf("comes before its message")
		case o.State == "sent" && o.Reached < 1, o.State == "held" && (o.HeldBy < 1 || o.Members < o.HeldBy):
			return fmt.Errorf("says more than it can know")
		case o.State != "queued" && o.State != "sent" && o.State != "held" && o.State != "read" && o.State != "failed":
			return fmt.Errorf("unknown state")
		}
		return messageID(o.ID)
	case "member":
		var o struct {
			Type, Conversation, Peer, Nick, Path, Via string
			Online, Seed                              bool
		}
		if err := strict(line, &o, "type", "conversation", "peer", "nick", "online"); err != nil {
			return err
		}
		switch {
		case o.Path != "" && o.Path != "direct" && o.Path != "relayed":
			return fmt.Errorf("unknown path")
		case o.Path != "" && !o.Online, o.Via != "" && o.Path != "relayed":
			return fmt.Errorf("a path that cannot be")
		}
		return peer(o.Peer)
	case "notice":
		var o struct{ Type, Conversation, Code, Text, Detail string }
		return strict(line, &o, "type", "conversation", "code", "text")
	case "ended":
		var o struct {
			Type, Conversation, Reason string
			Refused                    bool
		}
		return strict(line, &o, "type", "conversation", "refused", "reason")
	case "history":
		var o struct {
			Type, Conversation      string
			Complete                bool
			Missing, Fetched, Total int
		}
		return strict(line, &o, "type", "conversation", "complete", "missing", "fetched", "total")
	case "rejected":
		var o struct {
			Type, Reason string
			Line         int
		}
		return strict(line, &o, "type", "line", "reason")
	default:
		return fmt.Errorf("unknown type %q", kind)
	}
}

// strict reads an object that has all the required fields, and none that o has
// not.
func strict(line string, o any, required ...string) error {
	dec := json.NewDecoder(strings.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(o); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("more than an object on the line")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(line), &fields); err != nil {
		return err
	}
	for _, f := range required {
		if v, ok := fields[f]; !ok || bytes.Equal(v, []byte("null")) {
			return fmt.Errorf("no %q", f)
		}
	}
	return nil
}

func messageID(s string) error {
	var id chat.MessageID
	return id.UnmarshalText([]byte(s))
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
