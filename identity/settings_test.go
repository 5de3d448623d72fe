package identity

import (
	"errors"
	"strings"
	"testing"

	"github.com/p2pchat/p2pchat/chat"
)

func nick(t testing.TB, s string) chat.Text {
	t.Helper()
	text, err := chat.NewText(s)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func wantSettings(t *testing.T, f *Folder, wantPort int, wantName string) {
	t.Helper()
	if port, err := f.Port(); err != nil || port != wantPort {
		t.Errorf("port: got %d, %v, want %d", port, err, wantPort)
	}
	if name, err := f.Name(); err != nil || name.Raw() != wantName {
		t.Errorf("name: got %q, %v, want %q", name, err, wantName)
	}
}

func TestSettingsAreKept(t *testing.T) {
	f := testFolder(t)
	wantSettings(t, f, 0, "")
	for _, err := range []error{f.SetPort(41234), f.SetName(nick(t, "Zoë"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	wantSettings(t, openFolder(t, f.Dir()), 41234, "Zoë")
	wantMode(t, f.path(settingsFile), 0o600)
	for _, err := range []error{f.SetPort(65535), f.SetName(chat.Text{})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	wantSettings(t, f, 65535, "")

	for _, port := range []int{-1, 65536} {
		if err := f.SetPort(port); err == nil {
			t.Errorf("port %d was taken", port)
		}
	}
	for _, name := range []string{" ", "a\nb", strings.Repeat("x", chat.MaxNick+1)} {
		if err := f.SetName(nick(t, name)); !errors.Is(err, chat.ErrBadNick) {
			t.Errorf("name %q: got %v, want ErrBadNick", name, err)
		}
	}
	wantSettings(t, f, 65535, "")
}

func TestDamagedSettingsAreLeftAlone(t *testing.T) {
	for _, content := range []string{
		"", "{", `{"version":1`, `{}`, `{"version":1,"port":70000}`, `{"version":1,"port":-1}`, `{"version":1,"port":"80"}`,
		`{"version":1,"name":"a\u001b"}`, `{"version":1,"name":" a"}`, `{"version":1,"prot":80}`,
		`{"version":1}` + strings.Repeat(" ", maxSettingsFile),
	} {
		f := testFolder(t)
		put(t, f, settingsFile, content)
		_, err1 := f.Port()
		_, err2 := f.Name()
		for _, err := range []error{err1, err2, f.SetPort(1), f.SetName(nick(t, "bob"))} {
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), f.path(settingsFile)) {
				t.Errorf("%.40q: got %v, want ErrDamaged and the path", content, err)
			}
		}
		wantContent(t, f, settingsFile, content)
	}
}

func FuzzDecodeSettings(f *testing.F) {
	f.Add([]byte(`{"version":1,"port":80,"name":"bob"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := decodeSettings(data)
		if err != nil {
			return
		}
		if s.Name != chat.SafeString(s.Name) {
			t.Errorf("the name %q is not safe to show", s.Name)
		}
		again, err := encodeJSON(s)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodeSettings(again); err != nil || got != s {
			t.Errorf("got %+v, %v, want %+v", got, err, s)
		}
	})
}
