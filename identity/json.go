package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"unicode/utf8"

	"github.com/p2pchat/p2pchat/chat"
)

// fileVersion is the version of all JSON files in the folder.
const fileVersion = 1

// A decoder turns the bytes of a JSON file into what it holds, or refuses them.
type decoder[T any] func(data []byte) (T, error)

// load reads a JSON file and what Stat says of it. A file that is not there
// holds the zero T, and its info is nil. A file that decode refuses, or that has
// more than max bytes, is ErrDamaged, one of a later version ErrNewer.
func load[T any](f *Folder, name string, max int64, decode decoder[T]) (T, fs.FileInfo, error) {
	var none T
	data, info, err := f.read(name, max)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return none, nil, nil
	case errors.Is(err, chat.ErrTooLarge):
		return none, nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	case errors.Is(err, ErrDamaged):
		return none, nil, err
	case err != nil:
		return none, nil, fmt.Errorf("read data folder: %w", err)
	}
	v, err := decode(data)
	switch {
	case errors.Is(err, ErrNewer):
		return none, info, fmt.Errorf("%w: %s", err, f.path(name))
	case err != nil:
		return none, info, fmt.Errorf("%w: %s: %w: mend it, or move it away to begin anew", ErrDamaged, f.path(name), err)
	}
	return v, info, nil
}

// decodeJSON reads one JSON object strictly. An unknown field is refused: were
// it dropped, a mistyped "blocked" would unblock somebody at the next change.
func decodeJSON(data []byte, v any) error {
	if !utf8.Valid(data) {
		return errors.New("not valid UTF-8") // encoding/json would mend it silently
	}
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return err // also for what stands behind the object's end
	}
	switch {
	case head.Version > fileVersion:
		return ErrNewer
	case head.Version != fileVersion:
		return fmt.Errorf("version %d", head.Version)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// encodeJSON writes v with one field a line, for people who look into the file.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
