package settings

import (
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
)

// parse reads a settings file: known keys with values of the right form, each with
// its line. Errors name the first line that is wrong.
func parse(all []key, path string, data []byte) (out []given, err error) {
	var root map[string]toml.Primitive
	md, err := toml.Decode(string(data), &root)
	if err != nil {
		return nil, newError(syntaxError(path, err))
	}
	for _, name := range md.Keys() {
		value := lookup(&md, root, name)
		origin := Origin{From: FromFile, Name: path, Line: lineOf(&md, value)}
		k, known := find(all, strings.Join(name, "."))
		switch {
		case !known && md.Type(name...) == "Hash" && isSection(all, name):
			continue
		case !known || len(name) != parts(k):
			return nil, unknownKey(all, origin, name.String())
		}
		values, err := valuesOf(&md, k, value)
		if err != nil {
			return nil, newError(origin, k.name, err)
		}
		out = append(out, given{key: k, values: values, origin: origin})
	}
	return out, nil
}

// syntaxError tells what is no TOML, and where.
func syntaxError(path string, err error) (Origin, string, error) {
	origin := Origin{From: FromFile, Name: path}
	if p, ok := errors.AsType[toml.ParseError](err); ok {
		origin.Line, err = p.Position.Line, errors.New(p.Message)
	}
	return origin, "", fmt.Errorf("not TOML: %w", err)
}

// parts is how many names a key is made of. A quoted name with a dot in it is one.
func parts(k key) int { return strings.Count(k.name, ".") + 1 }

func isSection(all []key, name toml.Key) bool {
	for _, k := range all {
		if before, _, found := cutLast(k.name); found && len(name) == 1 && name[0] == before {
			return true
		}
	}
	return false
}

// lookup finds the value of a key, which may be deeper than any setting is.
func lookup(md *toml.MetaData, root map[string]toml.Primitive, name toml.Key) toml.Primitive {
	value := root[name[0]]
	for _, part := range name[1:] {
		var section map[string]toml.Primitive
		if err := md.PrimitiveDecode(value, &section); err != nil {
			return value // a list of sections: its own line is near enough
		}
		value = section[part]
	}
	return value
}

// A probe refuses any value, so that the library tells where the value stands.
type probe struct{}

var errProbe = errors.New("found")

// UnmarshalTOML implements toml.Unmarshaler.
func (*probe) UnmarshalTOML(any) error { return errProbe }

// lineOf is the line of a value in its file, or 0.
func lineOf(md *toml.MetaData, value toml.Primitive) int {
	err := md.PrimitiveDecode(value, &probe{})
	if p, ok := errors.AsType[toml.ParseError](err); ok {
		return p.Position.Line
	}
	return 0
}

// valuesOf is a value in the form that k wants.
func valuesOf(md *toml.MetaData, k key, value toml.Primitive) ([]string, error) {
	var v any
	if err := md.PrimitiveDecode(value, &v); err != nil {
		return nil, err
	}
	mistyped := fmt.Errorf("is %s and not %s", kindOf(v), k.form)
	switch k.form {
	case yesNo:
		if b, ok := v.(bool); ok {
			return []string{written(b)}, nil
		}
	case text:
		if s, ok := v.(string); ok {
			return []string{s}, nil
		}
	case list:
		if all, ok := v.([]any); ok {
			return texts(all)
		}
	}
	return nil, mistyped
}

func texts(all []any) (out []string, err error) {
	for _, v := range all {
		s, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("has %s in it and not texts alone", kindOf(v))
		}
		out = append(out, s)
	}
	return out, nil
}

// kindOf names a value's form to a person.
func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "a text"
	case bool:
		return "true or false"
	case int64, float64:
		return "a number"
	case []any:
		return "a list"
	case map[string]any, []map[string]any:
		return "a section"
	}
	return "a date or time"
}
