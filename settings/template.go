package settings

import "strings"

// Template is a settings file with every setting at its default, explained, and
// commented out by a '#' without a space behind it.
func Template() string {
	var b strings.Builder
	b.WriteString("# Settings of p2pchat. Each line shows a default: drop the # before it to change it.\n")
	b.WriteString("# Above this file stands the environment (P2PCHAT_NAME and so on), above that flags.\n")
	section := ""
	for _, k := range keys() {
		before, last, _ := cutLast(k.name)
		if before != section {
			section = before
			b.WriteString("\n[" + section + "]\n")
		}
		b.WriteString("\n# " + strings.ReplaceAll(k.help, "\n", "\n# ") + "\n")
		b.WriteString("#" + last + " = " + tomlText(k, k.usual) + "\n")
	}
	return b.String()
}
