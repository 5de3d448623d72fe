package settings

import (
	"strings"

	"github.com/p2pchat/p2pchat/chat"
)

// An Entry is one setting as it holds, for a person or a script to see.
type Entry struct {
	Key string `json:"key"`
	// Value is a string, a bool or a []string.
	Value any `json:"value"`
	// Origin is where it came from; where that is several sources, all of them.
	Origin string `json:"origin"`
	// Origins are those of each value of a list that adds up, where there are any.
	Origins []string `json:"origins,omitempty"`

	text string
}

// String is the entry as a line of the settings file, without anything that could
// hurt a terminal.
func (e Entry) String() string { return e.Key + " = " + e.text }

// Entries are all settings, in the order of the template.
func (s *Settings) Entries() []Entry {
	var out []Entry
	for _, k := range keys() {
		values := k.get(s)
		e := Entry{Key: k.name, Value: valueOf(k, values), text: tomlText(k, values)}
		e.Origin, e.Origins = s.describe(k)
		out = append(out, e)
	}
	return out
}

// describe names the origins of k, each once and in their order.
func (s *Settings) describe(k key) (line string, each []string) {
	var seen []string
	for _, o := range s.origins[k.name] {
		name := chat.SafeString(o.String())
		if len(seen) == 0 || seen[len(seen)-1] != name {
			seen = append(seen, name)
		}
		if k.adds {
			each = append(each, name)
		}
	}
	if len(seen) == 0 {
		return Origin{}.String(), nil
	}
	return strings.Join(seen, ", "), each
}

func valueOf(k key, values []string) any {
	switch k.form {
	case yesNo:
		return values[0] == written(true)
	case list:
		return append([]string{}, values...) // an empty list is [] in JSON
	}
	return values[0]
}

// tomlText is a value as the file has it. The texts are quoted as JSON does, which
// TOML reads too.
func tomlText(k key, values []string) string {
	if k.form == yesNo {
		return values[0]
	}
	var quoted []string
	for _, v := range values {
		quoted = append(quoted, string(chat.AppendJSON(nil, v)))
	}
	if k.form == text {
		return quoted[0]
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
