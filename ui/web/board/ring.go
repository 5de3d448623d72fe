package board

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

// The plots' file has a fixed size: a head and three rings of slots, one ring
// for each span. A slot is one period, and its place follows from the time, so
// nothing else has to be kept, and a crash costs at most the slot that was being
// written. All numbers are little-endian.
//
//	head   16 bytes, ringHead
//	slot   56 bytes: a sample (52 bytes) and the CRC-32 of it; all zero if empty
const (
	ringHead = "p2pchat plots 1\n"
	slotSize = 56
	// maxRingFile bounds the file, in bytes; a test compares.
	maxRingFile = 200 << 10
)

// A span is how far back a plot reaches, in periods of step.
type span struct {
	name  string
	step  time.Duration
	slots int
}

// spans are the plots there are: 984 slots, 54 KiB.
//
//archtest:constant a table
var spans = [...]span{
	{"hour", 10 * time.Second, 360},
	{"day", 5 * time.Minute, 288},
	{"week", 30 * time.Minute, 336},
}

// A sample is one period: the most there were at once, and how many of each
// came about in it. Its form in the file is that of encoding/binary.
type sample struct {
	Start                   int64 // seconds since 1970, a multiple of the step; 0 if the slot is empty
	Online, DHT             uint32
	Joins, Leaves, Messages uint32
	Relayed, In, Out        uint64
}

// add makes s the sum of both.
func (s *sample) add(more sample) {
	s.Online, s.DHT = max(s.Online, more.Online), max(s.DHT, more.DHT)
	s.Joins += more.Joins
	s.Leaves += more.Leaves
	s.Messages += more.Messages
	s.Relayed += more.Relayed
	s.In += more.In
	s.Out += more.Out
}

// rings are all samples kept, in memory and in the file.
type rings struct {
	log *slog.Logger

	mu      sync.Mutex
	slots   [len(spans)][]sample
	file    *os.File // nil if they are kept in memory only
	changes int      // counts add
}

// openRings reads the file, or begins a new one in place of none or of one that
// is damaged. With no path, or if the file cannot be used, memory has to do.
func openRings(path string, log *slog.Logger) *rings {
	r := &rings{log: log}
	for i, s := range spans {
		r.slots[i] = make([]sample, s.slots)
	}
	if path == "" {
		return r
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		log.Warn("plots are not kept on disk", "error", err)
		return r
	}
	r.file = file
	if err := r.load(); err != nil {
		if !errors.Is(err, io.EOF) { // an empty file is a new one
			log.Warn("the plots' file is damaged and begun anew", "file", path, "error", err)
		}
		r.beginAnew()
	}
	return r
}

// errDamaged is why a file is not read.
var errDamaged = errors.New("not a plots' file of this version")

// ringFileSize is the size of the file, in bytes.
func ringFileSize() int64 {
	size := int64(len(ringHead))
	for _, s := range spans {
		size += int64(s.slots) * slotSize
	}
	return size
}

// load reads the file. A slot that is damaged is left empty: the others are
// good all the same.
func (r *rings) load() error {
	text, err := io.ReadAll(io.LimitReader(r.file, ringFileSize()+1))
	switch {
	case err != nil:
		return err
	case len(text) == 0:
		return io.EOF
	case int64(len(text)) != ringFileSize() || string(text[:len(ringHead)]) != ringHead:
		return errDamaged
	}
	text = text[len(ringHead):]
	bad := 0
	for i := range r.slots {
		for j := range r.slots[i] {
			s, err := decodeSample(text[:slotSize])
			if err != nil {
				bad++
			}
			r.slots[i][j] = s
			text = text[slotSize:]
		}
	}
	if bad > 0 {
		r.log.Warn("some of the plots' file is damaged and left out", "slots", bad)
	}
	return nil
}

// beginAnew makes the file empty, and of its full size: later writes find their
// room.
func (r *rings) beginAnew() {
	empty := make([]byte, ringFileSize())
	copy(empty, ringHead)
	err := r.file.Truncate(0)
	if err == nil {
		_, err = r.file.WriteAt(empty, 0)
	}
	if err != nil {
		r.giveUp(err)
	}
}

// giveUp goes on in memory only.
func (r *rings) giveUp(err error) {
	r.log.Warn("plots are no longer kept on disk", "error", err)
	_ = r.file.Close() // nothing that counts is in it
	r.file = nil
}

// add puts what happened in the period that ends at now into every ring.
func (r *rings) add(now time.Time, s sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes++
	offset := int64(len(ringHead))
	for i, sp := range spans {
		start := startOf(now, sp)
		at := int(start / seconds(sp.step) % int64(sp.slots))
		slot := &r.slots[i][at]
		if slot.Start != start {
			*slot = sample{Start: start}
		}
		slot.add(s)
		if r.file != nil {
			if _, err := r.file.WriteAt(encodeSample(*slot), offset+int64(at)*slotSize); err != nil {
				r.giveUp(err)
			}
		}
		offset += int64(sp.slots) * slotSize
	}
}

// span returns the samples of a span up to now, oldest first; those of periods
// without any have Start 0.
func (r *rings) span(i int, now time.Time) (from int64, out []sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sp := spans[i]
	step := seconds(sp.step)
	from = startOf(now, sp) - step*int64(sp.slots-1)
	out = make([]sample, sp.slots)
	for j := range out {
		start := from + int64(j)*step
		if start < 0 { // only with a clock near 1970
			continue
		}
		if slot := r.slots[i][start/step%int64(sp.slots)]; slot.Start == start {
			out[j] = slot
		}
	}
	return from, out
}

// version counts changes.
func (r *rings) version() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changes
}

func (r *rings) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// startOf is the start of the period that holds t. A clock before 1970 is
// taken for 1970.
func startOf(t time.Time, sp span) int64 {
	step := seconds(sp.step)
	return max(0, t.Unix()) / step * step
}

func encodeSample(s sample) []byte {
	b, err := binary.Append(make([]byte, 0, slotSize), binary.LittleEndian, s)
	if err != nil {
		return make([]byte, slotSize) // fixed fields always fit
	}
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

func decodeSample(slot []byte) (s sample, err error) {
	if bytes.Equal(slot, make([]byte, slotSize)) {
		return s, nil
	}
	body := slot[:slotSize-4]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(slot[slotSize-4:]) {
		return s, errDamaged
	}
	if _, err := binary.Decode(body, binary.LittleEndian, &s); err != nil {
		return sample{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return s, nil
}
