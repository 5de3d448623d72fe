package wire

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/p2pchat/p2pchat/chat"
)

// maxDepth bounds the nesting of messages; ours are at most 2 deep.
const maxDepth = 4

// Strict reports why b is not the one canonical encoding of a message of type
// md: fields ascend by number and are known, singular fields stand once and are
// left out when zero, varints are minimal, and nothing trails. Protobuf alone
// accepts many encodings of one message, and whoever passes a signed message on
// could then make it look new (PROTOCOL.md, section 3).
func Strict(md protoreflect.MessageDescriptor, b []byte) error {
	return strict(md, b, maxDepth)
}

func strict(md protoreflect.MessageDescriptor, b []byte, depth int) error {
	if depth == 0 {
		return fmt.Errorf("%w: nested too deep", chat.ErrMalformed)
	}
	var last protowire.Number
	for len(b) > 0 {
		tag, n, err := minimalVarint(b)
		if err != nil {
			return err
		}
		b = b[n:]
		num, typ := protowire.DecodeTag(tag)
		fd := md.Fields().ByNumber(num)
		switch {
		case fd == nil:
			return fmt.Errorf("%w: unknown field %d of %s", chat.ErrMalformed, num, md.Name())
		case num < last || num == last && !fd.IsList():
			return fmt.Errorf("%w: field %d of %s out of order", chat.ErrMalformed, num, md.Name())
		}
		last = num
		// Zero values of fields without presence have one encoding: none.
		zero := false
		switch kind := fd.Kind(); {
		case typ == protowire.VarintType && varintKind(kind) && !fd.IsList():
			v, n, err := minimalVarint(b)
			if err != nil {
				return err
			}
			if kind == protoreflect.BoolKind && v > 1 || kind == protoreflect.Uint32Kind && v > math.MaxUint32 ||
				kind == protoreflect.EnumKind && v > math.MaxInt32 {
				return fmt.Errorf("%w: field %d of %s out of range", chat.ErrMalformed, num, md.Name())
			}
			zero, b = v == 0, b[n:]
		case typ == protowire.BytesType && bytesKind(kind):
			size, n, err := minimalVarint(b)
			if err != nil {
				return err
			}
			if size > uint64(len(b)-n) {
				return fmt.Errorf("%w: truncated", chat.ErrMalformed)
			}
			body := b[n : n+int(size)]
			if kind == protoreflect.MessageKind {
				if err := strict(fd.Message(), body, depth-1); err != nil {
					return err
				}
			} else {
				zero = len(body) == 0 && !fd.IsList()
			}
			b = b[n+int(size):]
		default:
			return fmt.Errorf("%w: field %d of %s has the wrong type", chat.ErrMalformed, num, md.Name())
		}
		if zero && !fd.HasPresence() {
			return fmt.Errorf("%w: field %d of %s is there but zero", chat.ErrMalformed, num, md.Name())
		}
	}
	return nil
}

// minimalVarint reads a varint that has no shorter encoding.
func minimalVarint(b []byte) (v uint64, n int, err error) {
	v, n = protowire.ConsumeVarint(b)
	if n < 0 || n != protowire.SizeVarint(v) {
		return 0, 0, fmt.Errorf("%w: bad varint", chat.ErrMalformed)
	}
	return v, n, nil
}

func varintKind(k protoreflect.Kind) bool {
	switch k {
	case protoreflect.BoolKind, protoreflect.EnumKind, protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		return true
	}
	return false
}

func bytesKind(k protoreflect.Kind) bool {
	switch k {
	case protoreflect.BytesKind, protoreflect.StringKind, protoreflect.MessageKind:
		return true
	}
	return false
}
