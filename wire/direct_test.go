package wire_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/wire"
	"github.com/p2pchat/p2pchat/wire/pb"
)

// The bytes of a read mark stand as they are for ever (PROTOCOL.md, section 6).
func TestReadMark(t *testing.T) {
	mark := wire.Read{0x11, 31: 0x22}
	b, err := wire.AppendDirect(nil, mark)
	if err != nil {
		t.Fatal(err)
	}
	const want = "2432220a20" + "1100000000000000000000000000000000000000000000000000000000000022"
	if got := hex.EncodeToString(b); got != want {
		t.Errorf("the bytes are %s, want %s", got, want)
	}
	if f, err := wire.NewReader(bytes.NewReader(b)).Direct(); err != nil || !reflect.DeepEqual(f, mark) {
		t.Errorf("read back: %#v, %v", f, err)
	}
}

func TestReadMarkLimits(t *testing.T) {
	for name, id := range map[string][]byte{
		"no ID":             nil,
		"an ID of 31 bytes": make([]byte, 31),
		"an ID of 33 bytes": make([]byte, 33),
	} {
		b := frame(&pb.DirectFrame{Kind: &pb.DirectFrame_Read{Read: &pb.DirectRead{Segment: id}}})
		if f, err := wire.NewReader(bytes.NewReader(b)).Direct(); f != nil || !errors.Is(err, chat.ErrMalformed) {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
}
