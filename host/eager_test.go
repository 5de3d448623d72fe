package host

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"testing/iotest"

	manet "github.com/multiformats/go-multiaddr/net"
)

// A script is a connection whose other side says what is written here.
type script struct {
	manet.Conn
	says   io.Reader
	writes [][]byte
}

func (s *script) Read(p []byte) (int, error) { return s.says.Read(p) }

func (s *script) Write(p []byte) (int, error) {
	s.writes = append(s.writes, bytes.Clone(p))
	return len(p), nil
}

const choice = "\x13/multistream/1.0.0\n\x07/noise\n"

// begin does what the upgrader and Noise do: choose, hear the answer, say the
// first words of the handshake, and read the other's.
func begin(c net.Conn) (string, error) {
	if _, err := c.Write([]byte(choice)); err != nil {
		return "", err
	}
	if _, err := io.ReadFull(c, make([]byte, len(choice))); err != nil {
		return "", err
	}
	if n, err := c.Write([]byte("hello")); n != len("hello") || err != nil {
		return "", err
	}
	answer, err := io.ReadAll(c)
	return string(answer), err
}

func TestNoiseBeginsWithoutWaiting(t *testing.T) {
	s := &script{says: iotest.OneByteReader(bytes.NewReader([]byte(choice + "welcome")))}
	c := newEagerConn(s)
	if got, err := begin(c); got != "welcome" || err != nil {
		t.Errorf("heard %q, %v", got, err)
	}
	if _, err := c.Write([]byte("more")); err != nil {
		t.Error(err)
	}
	if len(s.writes) != 2 || string(s.writes[0]) != choice+"hello" || string(s.writes[1]) != "more" {
		t.Errorf("written: %q", s.writes)
	}
}

func TestWhoDoesNotSpeakNoiseIsRefused(t *testing.T) {
	for name, says := range map[string]string{
		"knows no Noise":      "\x13/multistream/1.0.0\n\x03na\n" + "and more of it",
		"speaks another way":  "SSH-2.0-OpenSSH_9.6 and then some more words",
		"names another":       "\x13/multistream/1.0.0\n\x07/tls/1\n",
		"hangs up before":     "",
		"hangs up in between": choice[:20],
	} {
		got, err := begin(newEagerConn(&script{says: bytes.NewReader([]byte(says))}))
		cut := len(says) < len(choice)
		if got != "" || cut == (err != nil && errors.Is(err, errNoNoise)) || !cut && err == nil {
			t.Errorf("%s: heard %q, %v", name, got, err)
		}
	}
	if _, err := newEagerConn(&script{}).Write([]byte("something else")); err == nil {
		t.Error("an unexpected choice was held back")
	}
}
