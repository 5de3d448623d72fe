package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
	"github.com/p2pchat/p2pchat/identity"
	"github.com/p2pchat/p2pchat/wire"
)

const (
	// maxImportLine is the longest line of an export that is read, in bytes: more
	// than the longest envelope in base64, and than the longest text with each
	// character escaped.
	maxImportLine = 512 << 10
	// importBatch and importBytes are how many segments, or bytes of them, are
	// stored at once.
	importBatch = 512
	importBytes = 4 << 20
	// importAhead is how far ahead of our clock a segment may be: further than
	// that a node drops it (PROTOCOL.md, section 4).
	importAhead = 24 * time.Hour
	// importTell is how often a long import tells how far it is.
	importTell = 2 * time.Second
	// maxImported is how many conversations an import remembers.
	maxImported = 1024
)

func (p *program) importCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "import FILE|-",
		Short: "Merge an export of another computer into the history",
		Long: `Merge what p2pchat export --json wrote, on this or another computer, into the
history. Every message is signed by its author, so it does not matter who
carried the file: what is damaged or forged is refused and counted. It may run
while a node does.`,
		Args: words("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.importFile(cmd.Context(), args[0], asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the counts as a JSON object")
	return cmd
}

// An imported says what an import did, in segments.
type imported struct {
	Type string `json:"type"`
	// New were stored. Known were there, or are older than what was pruned.
	New   int `json:"new"`
	Known int `json:"known"`
	// Refused were damaged or forged.
	Refused int `json:"refused"`
	// Other are of private talks of others, and lines of kinds not known.
	Other int `json:"other"`
}

func (p *program) importFile(ctx context.Context, name string, asJSON bool) (err error) {
	in := p.in
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return usage(err.Error(), "p2pchat export CONVERSATION --json >FILE makes one")
		}
		defer file.Close()
		in = file
	}
	// Nothing is made before the file turns out to be an export.
	lines := bufio.NewReaderSize(in, exportBuffer)
	folder, err := p.folder()
	if err != nil {
		return err
	}
	_, self, err := folder.Key()
	if err != nil {
		return err
	}
	i := &importer{
		p: p, folder: folder, self: self, told: time.Now(),
		convs: make(map[segmentOf]chat.Conversation), named: make(map[chat.Conversation]bool),
	}
	i.count.Type = "import"
	err = i.read(ctx, lines)
	if err == nil {
		err = i.store(ctx)
	}
	if i.db != nil {
		err = errors.Join(err, i.db.Close())
	}
	switch {
	case err != nil:
		return err
	case i.segments == 0:
		return usage(fmt.Sprintf("%s is no export", name), "p2pchat export CONVERSATION --json >FILE makes one")
	}
	return i.report(asJSON)
}

// An importer merges one export.
type importer struct {
	p        *program
	folder   *identity.Folder
	self     chat.PeerID
	db       *history.DB // nil until there is something to store
	convs    map[segmentOf]chat.Conversation
	named    map[chat.Conversation]bool
	unnamed  []chat.Conversation // those of the batch that are not named
	batch    []*chat.Segment
	bytes    int
	count    imported
	segments int // lines that are segments
	told     time.Time
}

// A segmentOf is what a segment's line says about its conversation.
type segmentOf struct {
	conversation string
	self         chat.PeerID
}

// read reads lines to the end of the input.
func (i *importer) read(ctx context.Context, in *bufio.Reader) error {
	for {
		if ctx.Err() != nil {
			return errInterrupted
		}
		l, long, err := readLine(in, maxImportLine)
		switch {
		case long:
			i.count.Refused++
		case len(l) > 0:
			if err := i.line(ctx, l); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the export: %w", err)
		}
		if now := time.Now(); now.Sub(i.told) >= importTell {
			i.told = now
			i.p.say("import: %d new, %d known so far", i.count.New, i.count.Known)
		}
	}
}

// readLine reads one line without its end. Of a line of more than max bytes
// nothing is kept, and long is true. The error is io.EOF with the last line.
func readLine(in *bufio.Reader, max int) (l []byte, long bool, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if len(l)+len(part) > max {
			long = true
		}
		if !long {
			l = append(l, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if long {
			l = nil
		}
		return bytes.TrimSpace(l), long, err
	}
}

// line takes one line of the export.
func (i *importer) line(ctx context.Context, l []byte) error {
	var head struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(l, &head) != nil {
		i.count.Refused++
		return nil
	}
	switch head.Type {
	case "segment":
		i.segments++
	case "message": // is in its segment
		return nil
	default:
		i.count.Other++
		return nil
	}
	var o segmentObject
	if json.Unmarshal(l, &o) != nil {
		i.count.Refused++
		return nil
	}
	conv, ok := i.conversation(o)
	if !ok {
		i.count.Other++
		return nil
	}
	s, err := wire.OpenSegment(conv.ID(i.self), o.Envelope)
	switch {
	case err != nil,
		s.Time.Wall().After(time.Now().Add(importAhead)),
		conv.IsDirect() && s.Author != i.self && s.Author != conv.Peer:
		i.count.Refused++
		return nil
	}
	if last := len(i.unnamed) - 1; !i.named[conv] && (last < 0 || i.unnamed[last] != conv) {
		i.unnamed = append(i.unnamed, conv)
	}
	i.batch = append(i.batch, s)
	i.bytes += len(s.Envelope)
	if len(i.batch) < importBatch && i.bytes < importBytes {
		return nil
	}
	return i.store(ctx)
}

// conversation is that of a segment, as we take part in it; false if we do not,
// or if nobody could.
func (i *importer) conversation(o segmentObject) (chat.Conversation, bool) {
	of := segmentOf{conversation: o.Conversation}
	if o.Self != nil {
		of.self = *o.Self
	}
	if conv, ok := i.convs[of]; ok {
		return conv, conv != chat.Conversation{}
	}
	conv := i.resolve(of)
	if len(i.convs) >= maxImported {
		clear(i.convs)
	}
	i.convs[of] = conv
	return conv, conv != chat.Conversation{}
}

// resolve is conversation without its memory; the zero value stands for none.
func (i *importer) resolve(of segmentOf) chat.Conversation {
	if of.self.IsZero() {
		if name, err := chat.ParseRoomName(of.conversation); err == nil {
			return chat.InRoom(name)
		}
		return chat.Conversation{}
	}
	other, err := chat.ParsePeerID(of.conversation)
	switch {
	case err != nil || other == of.self:
		return chat.Conversation{}
	case of.self == i.self:
		return chat.With(other)
	case other == i.self:
		return chat.With(of.self)
	default:
		return chat.Conversation{}
	}
}

// store merges what was gathered.
func (i *importer) store(ctx context.Context) error {
	if len(i.batch) == 0 {
		return nil
	}
	if i.db == nil {
		var err error
		if i.db, err = i.p.openHistory(ctx, i.folder, i.self); err != nil {
			return err
		}
	}
	added, err := i.db.Append(ctx, i.batch...)
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	for _, conv := range i.unnamed {
		if err := i.db.Name(ctx, conv); err != nil {
			return fmt.Errorf("import: %w", err)
		}
		if len(i.named) >= maxImported {
			clear(i.named)
		}
		i.named[conv] = true
	}
	i.unnamed = nil
	i.count.New += len(added)
	i.count.Known += len(i.batch) - len(added)
	clear(i.batch)
	i.batch, i.bytes = i.batch[:0], 0
	return nil
}

func (i *importer) report(asJSON bool) error {
	c := i.count
	if asJSON {
		b, err := json.Marshal(c)
		if err != nil {
			return err
		}
		if err := i.p.print(string(b)); err != nil {
			return err
		}
	} else if err := i.p.print(fmt.Sprintf("%d new, %d known, %d refused, %d other", c.New, c.Known, c.Refused, c.Other)); err != nil {
		return err
	}
	lines := "lines were"
	switch c.Refused {
	case 0:
		return nil
	case 1:
		lines = "line was"
	}
	return &fault{
		text: fmt.Sprintf("%d %s refused: damaged or forged", c.Refused, lines), code: codeFailure,
		hint: "all others were merged",
	}
}
